#!/usr/bin/env bash
# CherryPy's gzip tool answers 406 to a client that accepts only codings it does not know, as in `Accept-Encoding: br`.
#
# Versions: cherrypy 18.10.0 (cheroot 11.1.2); CPython 3.11.
# Expected: 200 without a content coding: "identity" is acceptable unless it is excluded by `identity;q=0` or `*;q=0`
#           (RFC 9110, 12.5.3). A client with a zstd or brotli decoder and no zlib says just that.
# Seen:     406 Not Acceptable, "identity, gzip". With `br, identity`, or an empty field, the page comes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check cherrypy==18.10.0 cheroot==11.1.2

venv/bin/python - <<'PY'
import http.client
import sys

import cherrypy


class Page:
    @cherrypy.expose
    def index(self):
        return "the same line\n" * 1000


def ask(accept):
    connection = http.client.HTTPConnection("127.0.0.1", server.bound_addr[1])
    connection.request("GET", "/", headers={"Accept-Encoding": accept})
    response = connection.getresponse()
    response.read()
    return response.status, response.getheader("Content-Encoding")


cherrypy.config.update({"server.socket_host": "127.0.0.1", "server.socket_port": 0, "engine.autoreload.on": False, "log.screen": False})
cherrypy.tree.mount(Page(), "/", {"/": {"tools.gzip.on": True}})
cherrypy.engine.start()
server = cherrypy.server
seen = {accept: ask(accept) for accept in ("gzip", "br", "zstd", "br, zstd", "br, identity", "")}
cherrypy.engine.exit()
for accept, (status, coding) in seen.items():
    print(f"Accept-Encoding: {accept:13} {status} {coding}")
expected = {"gzip": (200, "gzip"), "br": (406, None), "zstd": (406, None), "br, zstd": (406, None),
            "br, identity": (200, None), "": (200, None)}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
