#!/usr/bin/env bash
# A 206 with `Content-Encoding: gzip` from `serve` or Tornado is a slice of the plain file, compressed for itself: what a resume
# joins is no gzip file any more.
#
# Versions: serve 14.2.7 on Node 20 (its default settings), Tornado 6.6.1 with compress_response=True; curl 7.88 as the client.
# Expected: positions of a range count in the representation that is sent, here the gzip stream (RFC 9110, 8.4 and 14.2); or no
#           coding in a 206, or a 200.
# Seen:     206, `Content-Range` counted in the plain file, a new gzip stream as the body. A .gz that was saved with
#           `Accept-Encoding: gzip`, cut at half and continued by `curl -C -`: curl ends with 0, gzip -t fails. `serve` sends
#           one strong ETag for both, so If-Range does not help.
set -euo pipefail
work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT
for tool in node curl; do command -v "$tool" >/dev/null || { echo "$tool is not there" >&2; exit 2; }; done
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund serve@14.2.7
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check tornado==6.6.1
mkdir files
seq 100000 >files/data.txt
cat >app.py <<'PY'
import sys

import tornado.ioloop
import tornado.web

handler = ("/(.*)", tornado.web.StaticFileHandler, {"path": "files"})
tornado.web.Application([handler], compress_response=True).listen(int(sys.argv[1]), "127.0.0.1")
tornado.ioloop.IOLoop.current().start()
PY
free_port() { python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'; }

check() { # NAME PORT
    local url=http://127.0.0.1:$2/data.txt status=0
    for _ in $(seq 100); do curl -sf -H "Accept-Encoding: gzip" -o whole.gz "$url" && break; sleep 0.1; done
    gzip -dc whole.gz | cmp - files/data.txt # the first download is right
    head -c "$(($(stat -c %s whole.gz) / 2))" whole.gz >part.gz
    curl -sS -H "Accept-Encoding: gzip" -C - -D head -o part.gz "$url" || status=$?
    echo "== $1: continued at half, curl's exit status $status"
    grep -iE '^(HTTP|Content-Range|Content-Encoding)' head
    if [ "$status" -ne 0 ] || ! grep -q '^HTTP/1.1 206' head || ! grep -qi '^Content-Encoding: gzip' head || gzip -t part.gz; then
        echo "the behaviour has changed" >&2
        exit 1
    fi
}

port=$(free_port)
node node_modules/serve/build/main.js --no-clipboard --listen "tcp://127.0.0.1:$port" files >/dev/null 2>&1 &
pids+=("$!")
check serve "$port"
echo "ETags of serve, plain and gzip:" $(curl -sI "http://127.0.0.1:$port/data.txt" | grep -i '^etag') \
    $(curl -s -o /dev/null -D - -H "Accept-Encoding: gzip" "http://127.0.0.1:$port/data.txt" | grep -i '^etag') | tr -d '\r'
port=$(free_port)
venv/bin/python app.py "$port" &
pids+=("$!")
check Tornado "$port"
