#!/usr/bin/env bash
# `serve` sends the whole file as the body of a 416, and Flask sends it as the body of a 412.
#
# Versions: serve 14.2.7 on Node 20, Flask 3.1.3 with Werkzeug 3.1.9; CPython 3.11.
# Expected: a short text or nothing. The client has just said that it has the file already, or does not want it if it differs.
# Seen:     a download that is complete, continued by `curl -C -` or the like (`Range: bytes=SIZE-`), transfers the file once
#           more, with status 416. `If-Match` with an ETag that differs: Flask's static files answer 412 with all bytes.
set -euo pipefail
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
command -v node >/dev/null || { echo "node is not there" >&2; exit 2; }
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund serve@14.2.7
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check flask==3.1.3 werkzeug==3.1.9
mkdir files
head -c 300000 /dev/urandom >files/data.bin
port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
node node_modules/serve/build/main.js --no-clipboard --listen "tcp://127.0.0.1:$port" files >/dev/null 2>&1 &
server=$!

cat >check.py <<'PY'
import http.client, logging, sys, threading, time

from flask import Flask
from werkzeug.serving import make_server


def ask(port, **headers):
    for _ in range(100):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            connection.request("GET", "/data.bin", headers={name.replace("_", "-"): value for name, value in headers.items()})
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    response = connection.getresponse()
    body = response.read()
    return response.status, response.getheader("Content-Range"), len(body), body == data


data = open("files/data.bin", "rb").read()
logging.disable()
flask = make_server("127.0.0.1", 0, Flask(__name__, static_folder="files", static_url_path=""))
threading.Thread(target=flask.serve_forever, daemon=True).start()
seen = {"serve": ask(int(sys.argv[1]), Range=f"bytes={len(data)}-"), "Flask": ask(flask.port, If_Match='"another"')}
for name, (status, span, size, whole) in seen.items():
    print(f"{name}: status {status}, Content-Range {span}, body of {size} bytes, the file: {whole}")
expected = {"serve": (416, "bytes */300000", 300000, True), "Flask": (412, None, 300000, True)}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py "$port"
