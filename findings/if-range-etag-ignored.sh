#!/usr/bin/env bash
# Five file servers ignore `If-Range` with an ETag that no longer matches: a careful resume still joins two versions.
#
# Versions: aiohttp 3.14.5, Tornado 6.6.1, WhiteNoise 6.12.0, Falcon 4.4.0, Bottle 0.13.4 and, as one that is right,
#           Starlette 1.10.0 (on uvicorn 0.54.0); CPython 3.11.
# Expected: `Range: bytes=10-` with `If-Range: "an-older-etag"` is answered 200 with the whole file (RFC 9110, 13.1.5):
#           the header exists so that a client gets the rest only if the file is still the one it has begun to load.
# Seen:     all but Starlette answer 206 with the bytes from 10 on, although each of them sends an ETag itself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check aiohttp==3.14.5 tornado==6.6.1 whitenoise==6.12.0 falcon==4.4.0 \
    bottle==0.13.4 starlette==1.10.0 uvicorn==0.54.0
mkdir files
for i in $(seq 2000); do echo "line $i"; done >files/data.txt

cat >serve.py <<'PY'
import pathlib
import sys
from wsgiref.simple_server import make_server

kind, port, root = sys.argv[1], int(sys.argv[2]), str(pathlib.Path("files").resolve())


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Length", "0")])
    return []


if kind == "aiohttp":
    from aiohttp import web
    app = web.Application()
    app.router.add_static("/", root)
    web.run_app(app, host="127.0.0.1", port=port, print=None)
elif kind == "Tornado":
    import tornado.ioloop, tornado.web
    tornado.web.Application([("/(.*)", tornado.web.StaticFileHandler, {"path": root})]).listen(port, "127.0.0.1")
    tornado.ioloop.IOLoop.current().start()
elif kind == "Starlette":
    import uvicorn
    from starlette.staticfiles import StaticFiles
    uvicorn.run(StaticFiles(directory=root), host="127.0.0.1", port=port, log_level="error")
else:
    if kind == "WhiteNoise":
        from whitenoise import WhiteNoise
        app = WhiteNoise(missing, root=root)
    elif kind == "Falcon":
        import falcon
        app = falcon.App()
        app.add_static_route("/", root)
    else:
        import bottle
        app = bottle.Bottle()
        app.route("/<name>")(lambda name: bottle.static_file(name, root=root))
    make_server("127.0.0.1", port, app).serve_forever()
PY
cat >check.py <<'PY'
import http.client, socket, subprocess, sys, time

def ask(port):
    for _ in range(100):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/data.txt", headers={"Range": "bytes=10-", "If-Range": '"an-older-etag"'})
            response = connection.getresponse()
            return response.status, bool(response.getheader("ETag"))
        except ConnectionError:
            time.sleep(0.1)

seen = {}
for kind in ("aiohttp", "Tornado", "WhiteNoise", "Falcon", "Bottle", "Starlette"):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "serve.py", kind, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        seen[kind] = ask(port)
    finally:
        server.kill()
        server.wait()
    print(f"{kind:10} status {seen[kind][0]}, sends an ETag: {seen[kind][1]}", flush=True)
expected = {kind: (200 if kind == "Starlette" else 206, True) for kind in seen}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
