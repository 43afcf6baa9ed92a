#!/usr/bin/env bash
# `Cache-Control: No-Store` is stored and given again by CacheControl, the cache that pip uses, and by aiohttp-client-cache.
#
# Versions: CacheControl 0.14.4, requests 2.34.2, aiohttp-client-cache 0.15.0 (cache_control=True), aiohttp 3.14.5, requests-cache 1.3.3
#           (cache_control=True); right, for comparison: hishel 2.0.0 (rfc=True) with httpx 0.28.1; CPython 3.11.
# Expected: the second request reaches the server: names of directives are compared case-insensitively (RFC 9111, 5.2). Besides:
#           `Expires: 0` is in the past (5.3), and a max-age that is too large for the cache counts as 2147483648 (1.2.2), so that
#           `max-age=9223372036854775807`, the largest number of Java and of Go, is a fresh response and no more.
# Seen:     No-Store      CacheControl and aiohttp-client-cache answer from what they should not have stored; `no-store` they heed.
#           no-cache beside a max-age   CacheControl and aiohttp-client-cache do not ask again, in small letters either (5.2.2.4).
#           Expires: 0    aiohttp-client-cache does not ask again.
#           max-age=9223372036854775807   requests-cache and aiohttp-client-cache raise OverflowError, and the response is lost.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check CacheControl==0.14.4 requests==2.34.2 requests-cache==1.3.3 \
    aiohttp-client-cache==0.15.0 aiohttp==3.14.5 'hishel[httpx]==2.0.0' httpx==0.28.1

cat >check.py <<'PY'
import asyncio, collections, http.server, sys, threading

import aiohttp_client_cache, cachecontrol, hishel, hishel.httpx, requests, requests_cache

FIELDS = {
    "no-store": ("Cache-Control", "no-store, max-age=600"),
    "No-Store": ("Cache-Control", "No-Store, max-age=600"),
    "no-cache": ("Cache-Control", "no-cache, max-age=600"),
    "Expires": ("Expires", "0"),
    "large": ("Cache-Control", "max-age=9223372036854775807"),
}
asked = collections.Counter()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked[self.path] += 1
        self.send_response(200)
        self.send_header(*FIELDS[self.path.split("/")[2]])
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass


async def with_aiohttp(url):
    cache = aiohttp_client_cache.CacheBackend(cache_control=True)
    async with aiohttp_client_cache.CachedSession(cache=cache) as session:
        for _ in range(2):
            async with session.get(url) as response:
                await response.read()


def twice(session, url):
    for _ in range(2):
        session.get(url)


caches = {
    "CacheControl": lambda url: twice(cachecontrol.CacheControl(requests.Session()), url),
    "aiohttp-client-cache": lambda url: asyncio.run(with_aiohttp(url)),
    "requests-cache": lambda url: twice(requests_cache.CachedSession(backend="memory", cache_control=True), url),
    "hishel": lambda url: twice(hishel.httpx.CacheClient(storage=hishel.SqliteStorage(database_path="hishel"), rfc=True), url),
}
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for name, get_twice in caches.items():
    seen[name] = []
    for kind in FIELDS:
        try:
            get_twice(f"http://127.0.0.1:{server.server_port}/{name}/{kind}")
            seen[name].append(asked[f"/{name}/{kind}"])
        except OverflowError as error:
            seen[name].append(type(error).__name__)
    print(f"{name:20}", "  ".join(f"{kind}: {count}" for kind, count in zip(FIELDS, seen[name])), flush=True)
# How often the server was asked.
expected = {"CacheControl": [2, 1, 1, 2, 1], "aiohttp-client-cache": [2, 1, 1, 1, "OverflowError"],
            "requests-cache": [2, 2, 2, 2, "OverflowError"], "hishel": [2, 2, 2, 2, 1]}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
