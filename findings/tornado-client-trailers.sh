#!/usr/bin/env bash
# Tornado's HTTP client reports a chunked response with trailers, or with a chunk extension, as "Connection closed".
#
# Versions: tornado 6.6.1; CPython 3.11.
# Expected: status 200 and the body; a recipient has to parse trailers and to ignore unknown chunk extensions
#           (RFC 9112, 7.1.1 and 7.1.2). Node's addTrailers() writes such trailers, for one.
# Seen:     HTTPStreamClosedError "Connection closed", as if the server had hung up in the middle.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check tornado==6.6.1

venv/bin/python - <<'PY'
import asyncio
import socketserver
import sys
import threading

from tornado.httpclient import AsyncHTTPClient
from tornado.simple_httpclient import HTTPStreamClosedError

BODIES = {
    "/plain": b"5\r\nhello\r\n0\r\n\r\n",
    "/trailer": b"5\r\nhello\r\n0\r\nX-Checksum: 123\r\n\r\n",
    "/extension": b"5;note=x\r\nhello\r\n0\r\n\r\n",
}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        path = self.rfile.readline().split()[1].decode()
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + BODIES[path])


async def ask(path):
    try:
        return (await AsyncHTTPClient().fetch(f"http://127.0.0.1:{server.server_address[1]}{path}")).body
    except HTTPStreamClosedError as error:
        return str(error)


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {path: asyncio.run(ask(path)) for path in BODIES}
for path, result in seen.items():
    print(f"{path:12} {result}")
expected = {"/plain": b"hello", "/trailer": "Connection closed", "/extension": "Connection closed"}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
