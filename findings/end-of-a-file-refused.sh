#!/usr/bin/env bash
# "The last ten bytes" of a file: Quart answers 500, http-server and koa-range answer 416, while they serve every other range.
#
# Versions: Quart 0.22.0 with Werkzeug 3.1.9 on Hypercorn 0.18.0 (Quart 0.23.1 on CPython 3.13 does the same); of npm, on Node 20,
#           http-server 14.1.1, koa 3.3.0 with koa-range 0.3.0 and koa-static 5.0.0; right, for comparison: express 5.3.0; CPython 3.11.
# Expected: 206 and ten bytes for `Range: bytes=-10` of a file of 1000 (RFC 9110, 14.1.2). Readers of ZIP and Parquet files and of logs
#           begin in this way, since the directory stands at the end.
# Seen:     500, an AssertionError "Bad range provided" in the log; 416; 416. `bytes=990-` works in all of them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v node >/dev/null || { echo "node is not there" >&2; exit 2; }
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund http-server@14.1.1 koa@3.3.0 koa-range@0.3.0 koa-static@5.0.0 express@5.3.0
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check quart==0.22.0 werkzeug==3.1.9 hypercorn==0.18.0
mkdir files
head -c 1000 /dev/zero | tr '\0' x >files/data.txt

cat >quart_app.py <<'PY'
import pathlib, quart
app = quart.Quart("files", static_folder=pathlib.Path("files").resolve(), static_url_path="/")
PY
cat >express.cjs <<'JS'
const express = require("express");
express().use(express.static("files")).listen(+process.argv[2], "127.0.0.1");
JS
cat >koa.cjs <<'JS'
const Koa = require("koa");
new Koa().use(require("koa-range")).use(require("koa-static")("files")).listen(+process.argv[2], "127.0.0.1");
JS
cat >check.py <<'PY'
import http.client, socket, subprocess, sys, time

COMMANDS = {
    "Quart": "venv/bin/hypercorn --bind 127.0.0.1:{port} quart_app:app",
    "http-server": "node node_modules/http-server/bin/http-server files -s -a 127.0.0.1 -p {port}",
    "koa-range": "node koa.cjs {port}",
    "express": "node express.cjs {port}",
}


def ask(port, value):
    for _ in range(150):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/data.txt", headers={"Range": value})
            response = connection.getresponse()
            return response.status, response.getheader("Content-Range", "no Content-Range")
        except ConnectionError:
            time.sleep(0.1)
    sys.exit("the server does not come up")


seen = {}
for name, command in COMMANDS.items():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(command.format(port=port).split(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        seen[name] = ask(port, "bytes=990-"), ask(port, "bytes=-10")[0]
    finally:
        server.terminate()
        server.wait()
    print(f"{name:12} bytes=990-: {seen[name][0]}   bytes=-10: {seen[name][1]}", flush=True)
the_end = (206, "bytes 990-999/1000")
expected = {"Quart": (the_end, 500), "http-server": (the_end, 416), "koa-range": (the_end, 416), "express": (the_end, 206)}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
