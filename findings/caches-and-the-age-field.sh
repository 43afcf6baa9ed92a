#!/usr/bin/env bash
# Four caches for requests, httpx and aiohttp take a response for fresh whose Age says that it is stale already.
#
# Versions: CacheControl 0.14.4, requests-cache 1.3.3 (cache_control=True), requests 2.34.2, hishel 2.0.0 (rfc=True), httpx 0.28.1,
#           aiohttp-client-cache 0.15.0 (cache_control=True), aiohttp 3.14.5; CPython 3.11.
# Expected: `Cache-Control: max-age=600` with `Age: 700`, as a CDN sends it while it gets the page anew, is stale, so the server is
#           asked again: the age that the response had when it came counts (RFC 9111, 4.2.3).
# Seen:     all four give the stored answer, for 600 seconds more, hishel in its RFC 9111 mode too. aiohttp-client-cache
#           also gives it in spite of `no-cache`, and for another Accept-Language in spite of `Vary: Accept-Language`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check CacheControl==0.14.4 requests-cache==1.3.3 requests==2.34.2 \
    aiohttp-client-cache==0.15.0 aiohttp==3.14.5 'hishel[httpx]==2.0.0' httpx==0.28.1

venv/bin/python - <<'PY'
import asyncio
import collections
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp_client_cache
import cachecontrol
import hishel
import hishel.httpx
import requests
import requests_cache

HEADERS = {"age": {"Cache-Control": "max-age=600", "Age": "700"}, "no-cache": {"Cache-Control": "no-cache"},
           "language": {"Cache-Control": "max-age=600", "Vary": "Accept-Language"}}
asked = collections.Counter()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        asked[self.path] += 1
        self.send_response(200)
        for name, value in HEADERS[self.path[1:].partition("?")[0]].items():
            self.send_header(name, value)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"text")


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"


def twice(session, name):
    for path in HEADERS:
        for language in ("de", "fr"):
            session.get(f"{base}/{path}?{name}", headers={"Accept-Language": language})


async def with_aiohttp():
    async with aiohttp_client_cache.CachedSession(cache=aiohttp_client_cache.CacheBackend(cache_control=True)) as session:
        for path in HEADERS:
            for language in ("de", "fr"):
                async with session.get(f"{base}/{path}?aiohttp", headers={"Accept-Language": language}) as response:
                    await response.read()


twice(cachecontrol.CacheControl(requests.Session()), "CacheControl")
twice(requests_cache.CachedSession(backend="memory", cache_control=True), "requests-cache")
twice(hishel.httpx.CacheClient(storage=hishel.SqliteStorage(database_path="hishel.sqlite"), rfc=True), "hishel")
asyncio.run(with_aiohttp())
seen = {name: [asked[f"/{path}?{name}"] for path in HEADERS] for name in ("CacheControl", "requests-cache", "aiohttp", "hishel")}
print(f"{'':15}", *HEADERS, "   (2: asked again)")
for name, counts in seen.items():
    print(f"{name:15}", *(str(count).ljust(len(path)) for count, path in zip(counts, HEADERS)))
expected = {"CacheControl": [1, 2, 2], "requests-cache": [1, 2, 2], "aiohttp": [1, 1, 1], "hishel": [1, 2, 2]}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
