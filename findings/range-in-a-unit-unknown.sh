#!/usr/bin/env bash
# `Range: items=0-9` at servers that know bytes only: seven of twelve refuse the file, and three answer as if bytes had been meant.
#
# Versions: aiohttp 3.14.5, Flask 3.1.3 with Werkzeug 3.1.9, bottle 0.13.4, Robyn 0.88.0, WsgiDAV 4.4.0 (cheroot 11.1.2), rclone 1.60.1 of
#           Debian 12 (`rclone serve http`), and of npm, on Node 20, http-server 14.1.1, serve 14.2.7, sirv-cli 3.0.1, hono 4.13.19 with
#           @hono/node-server 2.1.9; right, for comparison: Tornado 6.6.1, express 5.3.0; CPython 3.11.
# Expected: 200 with the file: a server "MUST ignore a Range header field that contains a range unit it does not understand" (RFC 9110,
#           14.2). Clients of paged APIs ask for items, and take a 200 for "no pages here".
#           Two ranges, `bytes=0-1, 4-5`: 206 or 200; 416 says that none of the ranges is within the file (15.5.17), and here both are.
# Seen:     items: 416 from seven; 206 with the first ten bytes from WsgiDAV and sirv; 206 with all bytes from hono.
#           Two ranges: 416 from aiohttp and Flask.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v node >/dev/null || { echo "node is not there" >&2; exit 2; }
cd "$work"
apt-get -o APT::Sandbox::User=root download -qq rclone=1.60.1+dfsg-2+b5 >/dev/null
dpkg -x rclone_*.deb root
npm init -y >/dev/null
npm install --silent --no-audit --no-fund http-server@14.1.1 serve@14.2.7 sirv-cli@3.0.1 hono@4.13.19 @hono/node-server@2.1.9 express@5.3.0
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check aiohttp==3.14.5 flask==3.1.3 werkzeug==3.1.9 bottle==0.13.4 robyn==0.88.0 \
    wsgidav==4.4.0 cheroot==11.1.2 tornado==6.6.1
mkdir files
head -c 1000 /dev/zero | tr '\0' x >files/data.txt

cat >serve.py <<'PY'
import pathlib, sys
from wsgiref.simple_server import make_server

name, port, root = sys.argv[1], int(sys.argv[2]), str(pathlib.Path("files").resolve())
if name == "aiohttp":
    from aiohttp import web
    app = web.Application()
    app.router.add_static("/", root)
    web.run_app(app, host="127.0.0.1", port=port, print=None)
elif name == "Tornado":
    import tornado.ioloop, tornado.web
    tornado.web.Application([("/(.*)", tornado.web.StaticFileHandler, {"path": root})]).listen(port, "127.0.0.1")
    tornado.ioloop.IOLoop.current().start()
elif name == "Robyn":
    import robyn
    sys.argv[1:] = []
    app = robyn.Robyn(__file__)
    app.serve_directory("/", root)
    app.start(host="127.0.0.1", port=port)
elif name == "Flask":
    import flask
    make_server("127.0.0.1", port, flask.Flask("files", static_folder=root, static_url_path="/")).serve_forever()
else:
    import bottle
    app = bottle.Bottle()
    app.route("/<name>")(lambda name: bottle.static_file(name, root=root))
    make_server("127.0.0.1", port, app).serve_forever()
PY
cat >express.cjs <<'JS'
const express = require("express");
express().use(express.static("files")).listen(+process.argv[2], "127.0.0.1");
JS
cat >hono.mjs <<'JS'
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
const app = new Hono().use("/*", serveStatic({ root: "files" }));
serve({ fetch: app.fetch, port: +process.argv[2], hostname: "127.0.0.1" });
JS
cat >check.py <<'PY'
import http.client, socket, subprocess, sys, time

PYTHON = "venv/bin/python serve.py {name} {port}"
COMMANDS = {
    "aiohttp": PYTHON, "Flask": PYTHON, "bottle": PYTHON, "Robyn": PYTHON, "Tornado": PYTHON,
    "WsgiDAV": "venv/bin/wsgidav --host 127.0.0.1 --port {port} --root files --auth anonymous",
    "rclone": "root/usr/bin/rclone serve http --addr 127.0.0.1:{port} files",
    "http-server": "node node_modules/http-server/bin/http-server files -s -a 127.0.0.1 -p {port}",
    "serve": "node node_modules/serve/build/main.js files -l tcp://127.0.0.1:{port}",
    "sirv": "node node_modules/sirv-cli/bin.js files -H 127.0.0.1 -p {port}",
    "hono": "node hono.mjs {port}",
    "express": "node express.cjs {port}",
}


def ask(port, value):
    for _ in range(150):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/data.txt", headers={"Range": value})
            response = connection.getresponse()
            return response.status, response.getheader("Content-Range", "")
        except ConnectionError:
            time.sleep(0.1)
    sys.exit("the server does not come up")


seen = {}
for name, command in COMMANDS.items():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen(command.format(name=name, port=port).split(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        status, place = ask(port, "items=0-9")
        seen[name] = status if status != 206 else place
        two = ask(port, "bytes=0-1, 4-5")
    finally:
        server.kill()  # SIGTERM is not enough for Robyn
        server.wait()
    print(f"{name:12} items=0-9: {status} {place:16} bytes=0-1, 4-5: {two[0]} {two[1]}", flush=True)
    if two[0] not in (200, 206):
        seen["two ranges, " + name] = two[0]
expected = {name: 416 for name in COMMANDS} | {
    "Tornado": 200, "express": 200, "WsgiDAV": "bytes 0-9/1000", "sirv": "bytes 0-9/1000", "hono": "bytes 0-999/1000",
    "two ranges, aiohttp": 416, "two ranges, Flask": 416}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
