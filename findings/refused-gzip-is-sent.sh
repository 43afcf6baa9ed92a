#!/usr/bin/env bash
# Six Python frameworks send gzip to a client that refuses it by `Accept-Encoding: gzip;q=0`.
#
# Versions: Starlette 1.10.0, Django 5.2.19, Tornado 6.6.1, aiohttp 3.14.5, Litestar 2.25.0, Flask-Compress 1.25 with Flask 3.1.3;
#           CPython 3.11.
# Expected: no `Content-Encoding: gzip`, since a weight of 0 means "not acceptable" (RFC 9110, 12.4.2).
# Seen:     all six send gzip. None of them does for `identity;q=1, *;q=0`, which says the same without the word gzip.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check starlette==1.10.0 django==5.2.19 tornado==6.6.1 aiohttp==3.14.5 \
    litestar==2.25.0 flask-compress==1.25 flask==3.1.3 uvicorn==0.54.0

cat >serve.py <<'PY'
import sys
from wsgiref.simple_server import make_server

kind, port, text = sys.argv[1], int(sys.argv[2]), "the same line\n" * 1000
asgi = wsgi = None
if kind == "Starlette":
    from starlette.applications import Starlette
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    asgi = GZipMiddleware(Starlette(routes=[Route("/", lambda request: PlainTextResponse(text))]))
elif kind == "Litestar":
    from litestar import Litestar, get
    from litestar.config.compression import CompressionConfig
    @get("/", sync_to_thread=False)
    def page() -> str:
        return text
    asgi = Litestar([page], compression_config=CompressionConfig(backend="gzip"))
elif kind == "Django":
    import django, django.conf, django.http, django.urls
    django.conf.settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=["django.middleware.gzip.GZipMiddleware"])
    django.setup()
    urlpatterns = [django.urls.path("", lambda request: django.http.HttpResponse(text))]
    from django.core.wsgi import get_wsgi_application
    wsgi = get_wsgi_application()
elif kind == "Flask-Compress":
    import flask, flask_compress
    wsgi = flask.Flask(__name__)
    flask_compress.Compress(wsgi)
    wsgi.route("/")(lambda: text)
elif kind == "Tornado":
    import asyncio, tornado.web
    class Page(tornado.web.RequestHandler):
        def get(self):
            self.write(text)
    async def main():
        tornado.web.Application([("/", Page)], compress_response=True).listen(port, "127.0.0.1")
        await asyncio.Event().wait()
    asyncio.run(main())
elif kind == "aiohttp":
    from aiohttp import web
    async def page(request):
        response = web.Response(text=text)
        response.enable_compression()
        return response
    app = web.Application()
    app.router.add_get("/", page)
    web.run_app(app, host="127.0.0.1", port=port, print=None)
if asgi:
    import uvicorn
    uvicorn.run(asgi, host="127.0.0.1", port=port, log_level="error")
if wsgi:
    make_server("127.0.0.1", port, wsgi).serve_forever()
PY
cat >check.py <<'PY'
import http.client, socket, subprocess, sys, time

def coding(port, accept):
    for _ in range(100):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/", headers={"Accept-Encoding": accept})
            return connection.getresponse().getheader("Content-Encoding")
        except ConnectionError:
            time.sleep(0.1)

seen = {}
for kind in ("Starlette", "Django", "Tornado", "aiohttp", "Litestar", "Flask-Compress"):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "serve.py", kind, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        seen[kind] = [coding(port, accept) for accept in ("gzip", "gzip;q=0", "identity;q=1, *;q=0")]
    finally:
        server.kill()
        server.wait()
    print(f"{kind:15} gzip: {seen[kind][0]}   gzip;q=0: {seen[kind][1]}   identity;q=1, *;q=0: {seen[kind][2]}", flush=True)
expected = {kind: ["gzip", "gzip", None] for kind in seen}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
