#!/usr/bin/env bash
# An aiohttp server that compresses files sends a gzip stream behind its 304s and behind its answers to HEAD.
#
# Versions: aiohttp 3.14.5 as server and as client; CPython 3.11.
# Expected: a 304 and an answer to HEAD end with their head (RFC 9110, 6.4.1).
# Seen:     with `FileResponse` and `enable_compression()` both are followed by the 20 bytes of an empty gzip stream, with
#           neither a length nor chunks, on a connection that stays open. aiohttp's own client fails at the next request.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check aiohttp==3.14.5

venv/bin/python - <<'PY'
import asyncio
import gzip
import pathlib
import sys

import aiohttp
from aiohttp import web

pathlib.Path("data.txt").write_text("the same line\n" * 1000)


async def page(request):
    response = web.FileResponse("data.txt")
    response.enable_compression()
    return response


async def raw(port, method, condition=""):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n{condition}\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    rest = b""
    try:
        while data := await asyncio.wait_for(reader.read(100), 1):
            rest += data
        rest = b"closed"
    except asyncio.TimeoutError:  # still open
        pass
    writer.close()
    return head.split()[1].decode(), len(rest), rest[:2] == b"\x1f\x8b" and gzip.decompress(rest) == b""


async def main():
    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/") as response:
            tag = response.headers["ETag"]
        failures = 0
        for _ in range(5):
            try:
                async with session.head(f"http://127.0.0.1:{port}/") as response:
                    await asyncio.sleep(0.1)
            except aiohttp.ClientError as error:
                failures += 1
                print("client:", type(error).__name__, str(error)[:60])
    seen = {"HEAD": await raw(port, "HEAD"), "304": await raw(port, "GET", f"If-None-Match: {tag}\r\n"), "client fails": failures > 0}
    await runner.cleanup()
    return seen


seen = asyncio.run(main())
for key, value in seen.items():
    print(f"{key:12} {value}")
expected = {"HEAD": ("200", 20, True), "304": ("304", 20, True), "client fails": True}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
