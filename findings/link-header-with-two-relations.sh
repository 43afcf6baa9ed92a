#!/usr/bin/env bash
# The `links` of Python's HTTP clients miss the next page when a Link header gives it two relations, or has a title.
#
# Versions: requests 2.34.2, niquests 3.21.2, httpx 0.28.1, aiohttp 3.14.5; CPython 3.11.
# Expected: one link may have several relation types, separated by blanks, and a quoted title may hold ";" (RFC 8288, 3.3 and
#           3). The npm packages parse-link-header, http-link-header and li read the header below so.
# Seen:     all four have no "next" and no "last": the link stands under the key "next last". With a title that holds ";",
#           requests, niquests and httpx lose the relation "first", and the link stands under its URL; aiohttp keeps the
#           relation, and the title has half of its quotes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for name in requests niquests; do # apart: niquests brings a urllib3 of its own
    python3 -m venv "$name"
done
requests/bin/pip install -qq --disable-pip-version-check requests==2.34.2 httpx==0.28.1 aiohttp==3.14.5
niquests/bin/pip install -qq --disable-pip-version-check niquests==3.21.2

cat >links.py <<'PY'
import asyncio
import http.server
import importlib
import sys
import threading

LINK = (
    '<http://api.test/items?page=3>; rel="next last", '
    '<http://api.test/items?page=1>; title="first; of 3"; rel=first, '
    '<http://api.test/items>; rel="up"'
)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Link", LINK)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


async def with_aiohttp(url):
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return [str(key) for key in response.links]


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
for name in sys.argv[1:]:
    if name == "aiohttp":
        keys = asyncio.run(with_aiohttp(url))
    else:
        keys = list(importlib.import_module(name).get(url).links)
    print(f"{name}: {keys}")
    first = "first" if name == "aiohttp" else "http://api.test/items?page=1"
    assert keys == ["next last", first, "up"], "it changed"
PY
requests/bin/python links.py requests httpx aiohttp
niquests/bin/python links.py niquests
