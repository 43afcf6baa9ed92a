#!/usr/bin/env bash
# "The last 8192 bytes" of a file that is shorter: Twisted and Sanic answer 500, Werkzeug and Express 416.
#
# Versions: Twisted 26.10.0, Sanic 25.12.1, Flask 3.1.3 with Werkzeug 3.1.9, Express 5.3.0 (send 1.2.1) on Node 20; CPython 3.11.
#           Right, for comparison: aiohttp 3.14.5.
# Expected: the whole file: "If the selected representation is shorter than the specified suffix-length, the entire
#           representation is used" (RFC 9110, 14.1.2). Readers of logs, ZIP and Parquet files ask in this way.
# Seen:     500 from Twisted and Sanic; 416 from Flask and Express.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v node >/dev/null || { echo "node is not there" >&2; exit 2; }
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund express@5.3.0
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check twisted==26.10.0 sanic==25.12.1 flask==3.1.3 werkzeug==3.1.9 aiohttp==3.14.5
mkdir files
head -c 1000 /dev/zero | tr '\0' x >files/data.txt
echo "const express = require('express'); express().use(express.static('files')).listen(+process.argv[2], '127.0.0.1');" >express.js

cat >serve.py <<'PY'
import sys

kind, port = sys.argv[1], int(sys.argv[2])
if kind == "Twisted":
    from twisted.internet import reactor
    from twisted.web import server, static
    reactor.listenTCP(port, server.Site(static.File("files")), interface="127.0.0.1")
    reactor.run()
elif kind == "Sanic":
    from sanic import Sanic
    app = Sanic("files")
    app.static("/", "files", use_content_range=True)
    app.run(host="127.0.0.1", port=port, single_process=True, motd=False)
elif kind == "Flask":
    from flask import Flask
    Flask(__name__, static_folder="files", static_url_path="").run("127.0.0.1", port)
else:
    from aiohttp import web
    app = web.Application()
    app.router.add_static("/", "files")
    web.run_app(app, host="127.0.0.1", port=port, print=None)
PY
cat >check.py <<'PY'
import http.client, socket, subprocess, sys, time

def ask(port, span):
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/data.txt", headers={"Range": span})
            response = connection.getresponse()
            return response.status, response.getheader("Content-Range")
        except ConnectionRefusedError:
            time.sleep(0.1)

seen = {}
for kind in ("Twisted", "Sanic", "Flask", "Express", "aiohttp"):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = ["node", "express.js"] if kind == "Express" else [sys.executable, "serve.py", kind]
    server = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        shorter, longer = ask(port, "bytes=-100"), ask(port, "bytes=-8192")
    finally:
        server.kill()
        server.wait()
    seen[kind] = shorter[0], longer[0]
    print(f"{kind:8} bytes=-100: {shorter}   bytes=-8192: {longer}", flush=True)
expected = {"Twisted": (206, 500), "Sanic": (206, 500), "Flask": (206, 416), "Express": (206, 416), "aiohttp": (206, 206)}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
