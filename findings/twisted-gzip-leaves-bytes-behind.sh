#!/usr/bin/env bash
# Twisted's gzip encoder writes bytes behind responses that have no body, on connections that are kept.
#
# Versions: Twisted 26.10.0; aiohttp 3.14.5 as the client; CPython 3.11.
# Expected: nothing behind the head of an answer to HEAD, and nothing behind `Content-Length: 0`.
# Seen:     GET of an empty file: `Content-Length: 0`, `Content-Encoding: gzip` and then the 20 bytes of an empty gzip stream.
#           HEAD of any file: 10 bytes of gzip behind the head. The connection stays open, so aiohttp's client takes these
#           bytes for a second response and raises "Bad status line"; http.client drops them if they come in one segment.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check twisted==26.10.0 aiohttp==3.14.5

venv/bin/python - <<'PY'
import asyncio
import os
import socket
import sys
import threading

import aiohttp
from twisted.internet import reactor
from twisted.web import resource, server, static


class Root(resource.Resource):
    def getChild(self, name, request):
        data = static.File("files").getChildWithDefault(name, request)
        return resource.EncodingResourceWrapper(data, [server.GzipEncoderFactory()])


def raw(method, path):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(1)
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
            return "closed"
        except TimeoutError:  # still open
            return len(received.partition(b"\r\n\r\n")[2])


async def with_aiohttp(method, path):
    async with aiohttp.ClientSession() as session:
        try:
            for _ in range(3):
                async with session.request(method, f"http://127.0.0.1:{port}{path}") as response:
                    await response.read()
                await asyncio.sleep(0.1)
        except aiohttp.ClientError as error:
            return "Bad status line" if "Bad status line" in str(error) else str(error)
        return "no error"


os.mkdir("files")
open("files/empty.txt", "w").close()
with open("files/full.txt", "w") as file:
    file.write("the same line\n" * 1000)
port = reactor.listenTCP(0, server.Site(Root()), interface="127.0.0.1").getHost().port
thread = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False})
thread.start()
seen = {}
for request in (("GET", "/empty.txt"), ("HEAD", "/full.txt")):
    seen[request] = raw(*request), asyncio.run(with_aiohttp(*request))
    print(*request, "- bytes behind the head:", seen[request][0], "- aiohttp:", seen[request][1])
reactor.callFromThread(reactor.stop)
thread.join()
expected = {("GET", "/empty.txt"): (20, "Bad status line"), ("HEAD", "/full.txt"): (10, "Bad status line")}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
