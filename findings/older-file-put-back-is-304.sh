#!/usr/bin/env bash
# Bottle, CherryPy and civetweb say 304 to a client that holds another version, when an older file has been put back.
#
# Versions: bottle 0.13.4, cherrypy 18.10.0, civetweb 1.15 of Debian 12 (1.15+dfsg-4); right, for comparison: Flask 3.1.3 with
#           Werkzeug 3.1.9, aiohttp 3.14.5; CPython 3.11.
# Expected: browsers and HTTP caches ask with both `If-None-Match` and `If-Modified-Since`. The tag is another one, so the
#           answer is 200 with the file; the date "MUST" be ignored where there is a tag (RFC 9110, 13.1.3).
# Seen:     all three look at the date although the tag has changed. After a rollback (`rsync -t`, `cp -p`, a package or an
#           image of the week before) the file is older than the client's copy: 304, until the file gets a new date. Bottle
#           and civetweb take any older file, CherryPy one of the very same second (as of reproducible builds, where all
#           files have one date).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check bottle==0.13.4 cherrypy==18.10.0 cheroot==11.1.2 Flask==3.1.3 \
    Werkzeug==3.1.9 aiohttp==3.14.5
if ! command -v civetweb >civetweb.path; then
    echo "civetweb is missing: apt-get install civetweb"
    exit 1
fi

cat >server.py <<'PY'
import sys
import wsgiref.simple_server

name, root, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
if name == "aiohttp":
    from aiohttp import web

    app = web.Application()
    app.router.add_static("/", root)
    web.run_app(app, host="127.0.0.1", port=port, print=None)
elif name == "cherrypy":
    import cherrypy

    cherrypy.config.update({"server.socket_port": port, "log.screen": False, "engine.autoreload.on": False})
    tools = {"tools.staticdir.on": True, "tools.staticdir.dir": root, "tools.etags.on": True, "tools.etags.autotags": True}
    cherrypy.quickstart(None, "/", {"/": tools})
else:
    if name == "bottle":
        import bottle

        app = bottle.default_app()
        app.route("/<path:path>", callback=lambda path: bottle.static_file(path, root=root))
    else:
        import flask

        app = flask.Flask("files", static_folder=root, static_url_path="")
    wsgiref.simple_server.make_server("127.0.0.1", port, app).serve_forever()
PY

cat >client.py <<'PY'
import http.client
import os
import pathlib
import socket
import subprocess
import sys
import time

SUNDAY, MONDAY = 1767225600, 1767312000


def ask(port, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/page.txt", headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def put(root, text, date):
    file = pathlib.Path(root, "page.txt")
    file.write_text(text)
    os.utime(file, (date, date))


for name in sys.argv[1:]:
    root = pathlib.Path(name).resolve()
    root.mkdir()
    put(root, "the new page, of Monday\n", MONDAY)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "server.py", name, root, str(port)]
    if name == "civetweb":
        command = ["civetweb", "-document_root", root, "-listening_ports", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        got = ask(port, {})
        copy = {"If-None-Match": got.headers["ETag"], "If-Modified-Since": got.headers["Last-Modified"]}
        unchanged = ask(port, copy).status
        put(root, "the old page again\n", SUNDAY)
        older = ask(port, copy).status
        put(root, "another page of that very second\n", MONDAY)
        same = ask(port, copy).status
    finally:
        process.terminate()
        process.wait()
    print(f"{name}: unchanged {unchanged}, older file {older}, another file of the same date {same}")
    right = name in {"flask", "aiohttp"}
    assert unchanged == 304
    assert older == (200 if right or name == "cherrypy" else 304), "it changed"
    assert same == (200 if right else 304), "it changed"
PY
venv/bin/python client.py bottle cherrypy civetweb flask aiohttp
