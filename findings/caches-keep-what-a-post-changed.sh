#!/usr/bin/env bash
# Caches for requests give the old page after a POST to the very same URL has changed it.
#
# Versions: CacheControl 0.14.4, requests-cache 1.3.3 (with cache_control=True), requests 2.34.2; CPython 3.11.
# Expected: after a successful POST, PUT or DELETE a cache invalidates what it has stored for that URL (RFC 9111, section 4.4).
# Seen:     CacheControl does so after a PUT and a DELETE, not after a POST; requests-cache after none of them. The next GET
#           is answered from the cache, with the value from before.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check CacheControl==0.14.4 requests-cache==1.3.3 requests==2.34.2

venv/bin/python - <<'PY'
import http.server
import threading

import cachecontrol
import requests
import requests_cache


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    value = 0

    def do_GET(self):
        body = b"value %d" % Handler.value
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=60")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def change(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Handler.value += 1
        self.send_response(204)
        self.end_headers()

    do_POST = do_PUT = do_DELETE = change

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
clients = {
    "CacheControl": cachecontrol.CacheControl(requests.Session()),
    "requests-cache": requests_cache.CachedSession(backend="memory", cache_control=True),
}
seen = {}
for name, client in clients.items():
    for method in ("POST", "PUT", "DELETE"):
        url = f"http://127.0.0.1:{server.server_port}/{name}/{method}"
        before = client.get(url).text
        client.request(method, url, data="x")
        after = client.get(url).text
        seen[name, method] = "old" if before == after else "new"
        print(f"{name}: after a {method} a GET gives the {seen[name, method]} value")
assert seen == {
    ("CacheControl", "POST"): "old",
    ("CacheControl", "PUT"): "new",
    ("CacheControl", "DELETE"): "new",
    ("requests-cache", "POST"): "old",
    ("requests-cache", "PUT"): "old",
    ("requests-cache", "DELETE"): "old",
}, "it changed"
PY
