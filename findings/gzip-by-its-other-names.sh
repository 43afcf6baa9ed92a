#!/usr/bin/env bash
# `Content-Encoding: GZip` or `x-gzip`: many Python clients hand out the compressed bytes as the page, or raise.
#
# Versions: requests 2.34.2, niquests 3.21.2, httpx 0.28.1, aiohttp 3.14.5, httplib2 0.32.1, aiosonic 1.3.3, primp 2.0.1, httpr 0.7.8,
#           pyreqwest 0.15.1, pyqwest 0.12.0, urlfetch 3.0.0; right, for comparison: curl 7.88.1, curl_cffi 0.17.0; CPython 3.11.
# Expected: the text, since "all content codings are case-insensitive" (RFC 9110, 8.4.1), and since a recipient should take x-gzip
#           for gzip (8.4.1.3). Apache says x-gzip where it is set up by `AddEncoding x-gzip .gz`.
# Seen:     GZip    httplib2, aiosonic, primp, httpr, pyreqwest and pyqwest return the gzip stream as the body, with status 200.
#           x-gzip  these six do, and requests, niquests, httpx and aiohttp too. urlfetch raises for both names.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v curl >/dev/null || { echo "curl is not there" >&2; exit 2; }
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check requests==2.34.2 niquests==3.21.2 httpx==0.28.1 aiohttp==3.14.5 httplib2==0.32.1 \
    aiosonic==1.3.3 primp==2.0.1 httpr==0.7.8 pyreqwest==0.15.1 pyqwest==0.12.0 urlfetch==3.0.0 curl_cffi==0.17.0

cat >check.py <<'PY'
import asyncio, gzip, http.server, subprocess, sys, threading

import aiohttp, aiosonic, curl_cffi, httplib2, httpr, httpx, niquests, primp, pyqwest, pyreqwest.client, requests, urlfetch

TEXT = b"a page\n"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        stream = gzip.compress(TEXT)
        self.send_response(200)
        self.send_header("Content-Encoding", self.path[1:])
        self.send_header("Content-Length", str(len(stream)))
        self.end_headers()
        self.wfile.write(stream)

    def log_message(self, *args):
        pass


async def with_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.read()


async def with_aiosonic(url):
    async with aiosonic.HTTPClient() as client:
        return await (await client.get(url)).content()


def with_pyreqwest(url):
    with pyreqwest.client.SyncClientBuilder().build() as client:
        return client.get(url).build().send().bytes()


clients = {
    "requests": lambda url: requests.get(url).content,
    "niquests": lambda url: niquests.get(url).content,
    "httpx": lambda url: httpx.get(url).content,
    "aiohttp": lambda url: asyncio.run(with_aiohttp(url)),
    "httplib2": lambda url: httplib2.Http().request(url)[1],
    "aiosonic": lambda url: asyncio.run(with_aiosonic(url)),
    "primp": lambda url: primp.Client().get(url).content,
    "httpr": lambda url: httpr.Client().get(url).content,
    "pyreqwest": with_pyreqwest,
    "pyqwest": lambda url: pyqwest.SyncClient().get(url).content,
    "urlfetch": lambda url: urlfetch.get(url).content,
    "curl": lambda url: subprocess.run(["curl", "-s", "--compressed", url], stdout=subprocess.PIPE, check=True).stdout,
    "curl_cffi": lambda url: curl_cffi.get(url).content,
}
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for client, get in clients.items():
    for coding in ("gzip", "GZip", "x-gzip"):
        try:
            body = bytes(get(f"http://127.0.0.1:{server.server_port}/{coding}"))
            result = "text" if body == TEXT else "gzip stream" if body.startswith(b"\x1f\x8b") else "other bytes"
        except urlfetch.UrlfetchException as error:
            result = type(error).__name__
        seen[client] = (*seen.get(client, ()), result)
    print(f"{client:10} gzip: {seen[client][0]:5} GZip: {seen[client][1]:21} x-gzip: {seen[client][2]}", flush=True)
expected = dict.fromkeys(clients, ("text", "gzip stream", "gzip stream"))
expected |= dict.fromkeys(("requests", "niquests", "httpx", "aiohttp"), ("text", "text", "gzip stream"))
expected |= dict.fromkeys(("curl", "curl_cffi"), ("text", "text", "text"))
expected["urlfetch"] = ("text", "ContentDecodingError", "ContentDecodingError")
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
