#!/usr/bin/env bash
# Files of WhiteNoise behind an nginx that compresses, and of any framework behind such an Apache, are never 304.
#
# Versions: whitenoise 6.12.0, Flask 3.1.3 with Werkzeug 3.1.9, Starlette 1.10.0 on uvicorn 0.54.0; nginx 1.22.1 and Apache 2.4
#           of Debian 12; CPython 3.11.
# Expected: a client that has the page asks with the ETag that it was given, and gets 304. nginx marks the tag of what it
#           compresses as weak, which RFC 9110, 13.1.2 and 8.8.3.2 make no obstacle: "a recipient MUST use the weak comparison".
# Seen:     WhiteNoise compares the text of the two tags, so behind nginx every visit takes the whole file; without nginx it
#           says 304. Flask and Starlette are right. Apache's mod_deflate writes "-gzip" into the tag, and mod_proxy hands it
#           on like that (its default, DeflateAlterETag AddSuffix): there, none of the three says 304.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # Apache's and nginx's processes read below it
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check whitenoise==6.12.0 uvicorn==0.54.0 Flask==3.1.3 Werkzeug==3.1.9 starlette==1.10.0
for program in nginx apache2; do
    if ! PATH=$PATH:/usr/sbin command -v "$program" >path; then
        echo "$program is missing: apt-get install nginx-light apache2-bin"
        exit 1
    fi
done

cat >server.py <<'PY'
import sys
import wsgiref.simple_server

name, root, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
is_asgi = name == "starlette"
if name == "whitenoise":
    from whitenoise import WhiteNoise

    app = WhiteNoise(lambda environ, start: (start("404 Not Found", []), [b""])[1], root=root, max_age=0)
elif name == "flask":
    import flask

    app = flask.Flask("files", static_folder=root, static_url_path="")
else:
    from starlette.staticfiles import StaticFiles

    app = StaticFiles(directory=root)
if is_asgi:
    import uvicorn

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")
else:
    wsgiref.simple_server.make_server("127.0.0.1", port, app).serve_forever()
PY

cat >client.py <<'PY'
import contextlib
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

SEEN = {  # straight, behind nginx, behind Apache
    "whitenoise": [304, 200, 200],
    "flask": [304, 304, 200],
    "starlette": [304, 304, 200],
}
NGINX = """
daemon off; pid {work}/nginx.pid; error_log {work}/nginx.log; user root; events {{}}
http {{
  access_log off; client_body_temp_path {work}/b; proxy_temp_path {work}/p; fastcgi_temp_path {work}/f;
  uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
  gzip on; gzip_types text/css; gzip_min_length 1;
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{origin}; }} }}
}}
"""
APACHE = """
ServerRoot {work}
ServerName localhost
PidFile {work}/apache.pid
ErrorLog {work}/apache.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule filter_module {modules}/mod_filter.so
LoadModule deflate_module {modules}/mod_deflate.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
AddOutputFilterByType DEFLATE text/css
ProxyPass / http://127.0.0.1:{origin}/
"""
work = pathlib.Path.cwd()
path = os.environ["PATH"] + ":/usr/sbin"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def running(command, port):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def ask(port, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/style.css", headers={"Accept-Encoding": "gzip", **headers})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def revisit(port):
    first = ask(port, {})
    assert first.status == 200
    copy = {"If-None-Match": first.headers["ETag"], "If-Modified-Since": first.headers["Last-Modified"]}
    return ask(port, copy).status, first.headers["ETag"]


root = work / "files"
root.mkdir()
(root / "style.css").write_text("body { color: black }\n" * 200)
for name, expected in SEEN.items():
    origin, nginx, apache = free_port(), free_port(), free_port()
    (work / "nginx.conf").write_text(NGINX.format(work=work, port=nginx, origin=origin))
    (work / "apache.conf").write_text(APACHE.format(work=work, port=apache, origin=origin, modules="/usr/lib/apache2/modules"))
    with (
        running([sys.executable, "server.py", name, root, str(origin)], origin),
        running([shutil.which("nginx", path=path), "-c", work / "nginx.conf", "-e", work / "nginx.log"], nginx),
        running([shutil.which("apache2", path=path), "-f", work / "apache.conf", "-DFOREGROUND"], apache),
    ):
        seen = [revisit(port) for port in (origin, nginx, apache)]
    print(name, *(f"{where}: {status} for {tag}" for where, (status, tag) in zip(("straight", "nginx", "Apache"), seen)), sep="\n    ")
    assert [status for status, _ in seen] == expected, "it changed"
PY
venv/bin/python client.py
