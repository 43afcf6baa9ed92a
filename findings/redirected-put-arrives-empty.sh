#!/usr/bin/env bash
# requests, niquests and curl_cffi send a redirected PUT on as a PUT without its body: the file at the new place is emptied.
#
# Versions: requests 2.34.2, niquests 3.21.2, curl_cffi 0.17.0; right, for comparison: httpx 0.28.1, aiohttp 3.14.5; CPython 3.11.
# Expected: PUT with the body after 301, 307 and 308, and GET after 303; after 302 either. A request whose method stays keeps its
#           content (RFC 9110, 15.4; the fetch standard, 4.4). A GET loses the upload, and harms nothing.
# Seen:     requests and niquests after 301, curl_cffi after 301, 302 and 303: PUT again, with no content (`Content-Length: 0`, or
#           no length). The server stores an empty file and says 201, and the client's caller sees success. A redirect to
#           https, to another host name or past a slash is a 301 as a rule.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for name in venv niquests; do # apart: niquests brings a urllib3 of its own
    python3 -m venv "$name"
done
venv/bin/pip install -qq --disable-pip-version-check requests==2.34.2 curl_cffi==0.17.0 httpx==0.28.1 aiohttp==3.14.5
niquests/bin/pip install -qq --disable-pip-version-check niquests==3.21.2

cat >put.py <<'PY'
import asyncio
import sys

name, url = sys.argv[1:]
BODY = b"new contents"
if name == "requests":
    import requests
    status = requests.put(url, data=BODY).status_code
elif name == "niquests":
    import niquests
    status = niquests.put(url, data=BODY).status_code
elif name == "curl_cffi":
    from curl_cffi import requests
    status = requests.put(url, data=BODY).status_code
elif name == "httpx":
    import httpx
    status = httpx.put(url, content=BODY, follow_redirects=True).status_code
elif name == "aiohttp":
    import aiohttp
    async def put():
        async with aiohttp.ClientSession() as session, session.put(url, data=BODY) as response:
            return response.status
    status = asyncio.run(put())
print(status)
PY
cat >check.py <<'PY'
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stored = b"old contents"

    def log_message(self, *arguments):
        pass

    def answer(self, status, location=None):
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self.answer(200)

    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/file":
            self.answer(int(self.path[1:]), "/file")
        else:
            Handler.stored = body
            self.answer(201)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
COMMANDS = {name: ["venv/bin/python", "put.py", name] for name in ("requests", "curl_cffi", "httpx", "aiohttp")}
COMMANDS["niquests"] = ["niquests/bin/python", "put.py", "niquests"]
seen = {}
for name, command in COMMANDS.items():
    for status in (301, 302, 303, 307, 308):
        Handler.stored = b"old contents"
        said = subprocess.run([*command, f"http://127.0.0.1:{server.server_port}/{status}"], capture_output=True, text=True, check=True)
        what = {b"old contents": "the old file", b"new contents": "the new file", b"": "an EMPTY file"}[Handler.stored]
        seen.setdefault(name, []).append(what)
        print(f"{name:10} {status}: ends with {said.stdout.strip()}, there is {what}", flush=True)
OLD, NEW, EMPTY = "the old file", "the new file", "an EMPTY file"
expected = {
    "requests": [EMPTY, OLD, OLD, NEW, NEW], "niquests": [EMPTY, OLD, OLD, NEW, NEW], "curl_cffi": [EMPTY, EMPTY, EMPTY, NEW, NEW],
    "httpx": [NEW, OLD, OLD, NEW, NEW], "aiohttp": [NEW, NEW, OLD, NEW, NEW],
}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
python3 check.py
