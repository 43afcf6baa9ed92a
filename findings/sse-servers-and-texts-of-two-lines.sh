#!/usr/bin/env bash
# Falcon and Microdot send only the first line of a text as a server-sent event, BlackSheep a backslash and an "n" for the break.
#
# Versions: falcon 4.4.0, microdot 2.7.0, blacksheep 2.6.4 on uvicorn 0.54.0; right, for comparison: sse-starlette
#           3.7.0; httpx-sse 0.4.3 with httpx 0.28.1 as the client; CPython 3.11.
# Expected: the text as it was given. A server writes one `data:` line for each line of a text, and the client joins them by
#           line breaks (WHATWG HTML, 9.2.6: "interpreting an event stream"). Tokens of a language model are such texts.
# Seen:     Falcon's SSEvent(text=...) and Microdot's send() write one `data:` in front of the whole text: the client ignores
#           every line but the first, and a text that ends with a break loses it. BlackSheep's TextServerSentEvent, whose data
#           goes "to the client as is" by its docstring, sends `\n` as two characters, and nothing at all for an empty text.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check falcon==4.4.0 microdot==2.7.0 blacksheep==2.6.4 sse-starlette==3.7.0 \
    starlette==1.10.0 uvicorn==0.54.0 httpx-sse==0.4.3 httpx==0.28.1

cat >serve.py <<'PY'
import sys

import uvicorn

kind, port = sys.argv[1], int(sys.argv[2])
TEXTS = ["first\nsecond", "ends with a break\n", "", "the last"]
if kind == "Falcon":
    import falcon.asgi
    class Events:
        async def on_get(self, request, response):
            async def events():
                for text in TEXTS:
                    yield falcon.asgi.SSEvent(text=text)
            response.sse = events()
    app = falcon.asgi.App()
    app.add_route("/", Events())
elif kind == "Microdot":
    from microdot.asgi import Microdot
    from microdot.sse import with_sse
    app = Microdot()
    @app.route("/")
    @with_sse
    async def send(request, sse):
        for text in TEXTS:
            await sse.send(text)
elif kind == "BlackSheep":
    from blacksheep import Application
    from blacksheep.server.sse import ServerSentEventsResponse, TextServerSentEvent
    app = Application()
    @app.router.get("/")
    async def respond():
        async def events():
            for text in TEXTS:
                yield TextServerSentEvent(text)
        return ServerSentEventsResponse(events)
elif kind == "sse-starlette":
    from sse_starlette.sse import EventSourceResponse
    from starlette.applications import Starlette
    from starlette.routing import Route
    async def respond(request):
        async def events():
            for text in TEXTS:
                yield {"data": text}
        return EventSourceResponse(events())
    app = Starlette(routes=[Route("/", respond)])
uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")
PY
cat >check.py <<'PY'
import socket, subprocess, sys, time

import httpx
from httpx_sse import connect_sse


def texts(port):
    for _ in range(200):
        try:
            with httpx.Client(timeout=30) as client, connect_sse(client, "GET", f"http://127.0.0.1:{port}/") as source:
                return [event.data for event in source.iter_sse()]
        except httpx.ConnectError:
            time.sleep(0.1)


seen = {}
for kind in ("Falcon", "Microdot", "BlackSheep", "sse-starlette"):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "serve.py", kind, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        seen[kind] = texts(port)
    finally:
        server.kill()
        server.wait()
    print(f"{kind:14} {seen[kind]}", flush=True)
one_line = ["first", "ends with a break", "", "the last"]
expected = {"Falcon": one_line, "Microdot": one_line, "BlackSheep": ["first\\nsecond", "ends with a break\\n", "the last"],
            "sse-starlette": ["first\nsecond", "ends with a break\n", "", "the last"]}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
