#!/usr/bin/env bash
# After a 103 Early Hints, aiosonic hands out each response one request too late, and httplib2 takes the 103 for the response.
#
# Versions: aiosonic 1.3.3, httplib2 0.32.1; CPython 3.11.
# Expected: the final response; a client reads over 1xx responses it does not know (RFC 9110, 15.2). Node, Caddy, Hypercorn and
#           others can send 103, to every HTTP/1.1 client.
# Seen:     aiosonic answers the request for /hints with status 103, the next one, for /second, with the body of /hints, and so
#           on, as long as the connection lives. httplib2 returns status 103 without a body.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check aiosonic==1.3.3 httplib2==0.32.1

venv/bin/python - <<'PY'
import asyncio
import socketserver
import sys
import threading

import aiosonic
import httplib2


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            path = line.split()[1]
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            if path == b"/hints":
                self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))


async def with_aiosonic():
    answers = []
    async with aiosonic.HTTPClient() as client:
        for path in ("/hints", "/second", "/third"):
            response = await client.get(base + path)
            answers.append((path, response.status_code, await response.content()))
    return answers


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_address[1]}"
response, content = httplib2.Http().request(base + "/hints")
seen = [*asyncio.run(with_aiosonic()), ("httplib2", response.status, content)]
for row in seen:
    print(*row)
expected = [("/hints", 103, b""), ("/second", 200, b"/hints"), ("/third", 200, b"/second"), ("httplib2", 103, b"")]
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
