#!/usr/bin/env bash
# aiosonic returns an empty body, with status 200, for each response that ends with its connection, as Bottle streams a text.
#
# Versions: aiosonic 1.3.3; bottle 0.13.4 on its default server (wsgiref) and http.server of CPython 3.11 as servers; right, for comparison:
#           httpx 0.28.1, aiohttp 3.14.5.
# Expected: the text. Without Content-Length and chunks the body is all that comes until the server closes (RFC 9112, 6.3, rule 8).
#           HTTP/1.0 has no other way to send a body whose length is not known when it begins: CGI scripts, small devices.
# Seen:     text() is "" and nothing is raised, with both servers. And after a chunked body with trailers (RFC 9112, 7.1.2), which
#           itself arrives, the next request on that connection fails: what is left of the trailers is read as a status line.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check aiosonic==1.3.3 bottle==0.13.4 httpx==0.28.1 aiohttp==3.14.5

cat >check.py <<'PY'
import asyncio, http.server, sys, threading, wsgiref.simple_server

import aiohttp, aiosonic, bottle, httpx

TEXT = "".join(f"line {number}\n" for number in range(100))
app = bottle.Bottle()


@app.get("/")
def stream():
    bottle.response.content_type = "text/plain"
    for line in TEXT.splitlines(keepends=True):
        yield line


class Plain(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(TEXT.encode())

    def log_message(self, *args):
        pass


class Trailers(Plain):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\nX-Lines: 100\r\n\r\n" % (len(TEXT), TEXT.encode()))


class QuietWsgi(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


async def with_aiosonic(url, times):
    async with aiosonic.HTTPClient() as client:
        return [await (await client.get(url)).text() for _ in range(times)]


async def with_aiohttp(url, times):
    async with aiohttp.ClientSession() as session:
        texts = []
        for _ in range(times):
            async with session.get(url) as response:
                texts.append(await response.text())
        return texts


async def with_httpx(url, times):
    async with httpx.AsyncClient() as client:
        return [(await client.get(url)).text for _ in range(times)]


servers = {
    "Bottle": wsgiref.simple_server.make_server("127.0.0.1", 0, app, handler_class=QuietWsgi),
    "http.server": http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plain),
    "trailers": http.server.ThreadingHTTPServer(("127.0.0.1", 0), Trailers),
}
clients = {"aiosonic": with_aiosonic, "aiohttp": with_aiohttp, "httpx": with_httpx}
expected = {}
seen = {}
for name, server in servers.items():
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for client, get in clients.items():
        try:
            texts = asyncio.run(get(f"http://127.0.0.1:{server.server_port}/", 2 if name == "trailers" else 1))
            seen[name, client] = "the text" if texts == [TEXT] * len(texts) else "no text" if not any(texts) else "another text"
        except aiosonic.exceptions.HttpParsingError:
            seen[name, client] = "HttpParsingError"
        wrong = "HttpParsingError" if name == "trailers" else "no text"
        expected[name, client] = wrong if client == "aiosonic" else "the text"
        print(f"{name:12} {client:9} {seen[name, client]}", flush=True)
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
