#!/usr/bin/env bash
# httplib2 reads a compressed page of npm's http-server once; each later request for it, which its cache makes a conditional one, raises.
#
# Versions: httplib2 0.32.1 with http-server 14.1.1 (`http-server -g`) on Node 20; right, for comparison: httplib2 0.22.0; CPython 3.11.
# Expected: 304 at the server, and the page from the cache. A 304 has no content, whatever its fields say (RFC 9110, 15.4.5), and
#           http-server's repeats `Content-Encoding: gzip`, which it should leave out, but may send.
# Seen:     ValueError "range() arg 3 must not be zero" for the second request, and without a cache for any 204, 304 or empty 200
#           that has the field. Version 0.22.0 returns all four.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v node >/dev/null || { echo "node is not there" >&2; exit 2; }
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund http-server@14.1.1
for version in 0.32.1 0.22.0; do
    python3 -m venv venv-$version
    venv-$version/bin/pip install -qq --disable-pip-version-check httplib2==$version
done
mkdir files
seq 2000 >files/page.txt
gzip -k files/page.txt

cat >check.py <<'PY'
import http.server, subprocess, sys, threading, time

import httplib2

port, version = sys.argv[1:]


class Empty(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Encoding", "gzip")
        if self.path == "/200":
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def outcome(client, url, **fields):
    try:
        response, content = client.request(url, headers=fields)
        return response.status, len(content), response.fromcache
    except ValueError as error:
        return str(error)


empty = http.server.HTTPServer(("127.0.0.1", 0), Empty)
threading.Thread(target=empty.serve_forever, daemon=True).start()
browser = httplib2.Http("cache-" + version)
page = f"http://127.0.0.1:{port}/page.txt"
for _ in range(100):
    try:
        seen = [outcome(browser, page)]
        break
    except ConnectionError:
        time.sleep(0.1)
seen.append(outcome(browser, page, **{"cache-control": "max-age=0"}))
seen += [outcome(httplib2.Http(), f"http://127.0.0.1:{empty.server_port}/{status}") for status in (204, 304, 200)]
for what, result in zip(("first", "again", "204", "304", "empty 200"), seen):
    print(f"httplib2 {version}  {what:9}  {result}")
failure = "range() arg 3 must not be zero"
expected = {
    "0.32.1": [(200, 8893, False), failure, failure, failure, failure],
    "0.22.0": [(200, 8893, False), (200, 8893, True), (204, 0, False), (304, 0, False), (200, 0, False)],
}[version]
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
node node_modules/http-server/bin/http-server files -g -s -a 127.0.0.1 -p "$port" 2>/dev/null &
trap 'kill $!; rm -rf "$work"' EXIT
venv-0.32.1/bin/python check.py "$port" 0.32.1
venv-0.22.0/bin/python check.py "$port" 0.22.0
