#!/usr/bin/env bash
# Falcon's static files answer 400 to dates in the two older formats of HTTP, and to `If-Modified-Since: 0`.
#
# Versions: falcon 4.4.0; right, for comparison: Flask 3.1.3 with Werkzeug 3.1.9, and http.server of CPython 3.11.
# Expected: a server that reads dates "MUST accept all three" formats (RFC 9110, 5.6.7), and "MUST ignore" an
#           `If-Modified-Since` that is no valid date (13.1.3). `0` is what many web pages send to get past the cache of
#           Internet Explorer; old devices send the format of RFC 850 and of asctime().
# Seen:     304 for the usual format, 400 "Invalid header value" for the three others: the file cannot be had at all.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check falcon==4.4.0 Flask==3.1.3 Werkzeug==3.1.9
cat >dates.py <<'PY'
import functools
import http.client
import http.server
import json
import os
import pathlib
import threading
import wsgiref.simple_server

import falcon
import flask

DATES = {
    "IMF-fixdate": "Thu, 01 Jan 2026 00:00:00 GMT",
    "RFC 850": "Thursday, 01-Jan-26 00:00:00 GMT",
    "asctime": "Thu Jan  1 00:00:00 2026",
    "0": "0",
}
root = pathlib.Path("files").resolve()
root.mkdir()
(root / "a.txt").write_text("a file\n")
os.utime(root / "a.txt", (1767225600, 1767225600))


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def serve_wsgi(app):
    return wsgiref.simple_server.make_server("127.0.0.1", 0, app, handler_class=Quiet)


with_falcon = falcon.App()
with_falcon.add_static_route("/", root)
servers = {
    "falcon": serve_wsgi(with_falcon),
    "flask": serve_wsgi(flask.Flask("files", static_folder=root, static_url_path="")),
    "http.server": http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=root)),
}
for name, server in servers.items():
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen = []
    for date in DATES.values():
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request("GET", "/a.txt", headers={"If-Modified-Since": date})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        seen.append(response.status)
        if response.status == 400:
            assert json.loads(body)["title"] == "Invalid header value"
    print(name, dict(zip(DATES, seen)))
    assert seen == ([304, 400, 400, 400] if name == "falcon" else [304, 304, 304, 200]), "it changed"
PY
venv/bin/python dates.py
