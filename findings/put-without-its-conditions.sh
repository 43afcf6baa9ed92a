#!/usr/bin/env bash
# nginx, rclone and webdav-server store a PUT whose If-Match or `If-None-Match: *` is false, and delete too: the other's change is lost.
#
# Versions: nginx 1.22.1 of Debian 12 (its own dav module), rclone 1.60.1 of Debian 12 (1.60.1+dfsg-2+b5, `rclone serve webdav`), the
#           npm package webdav-server 2.6.3 on Node 20; right, for comparison: WsgiDAV 4.4.0 (cheroot 11.1.2); CPython 3.11.
# Expected: 412 and no change: an origin server "MUST NOT perform the requested method" if the condition is false (RFC 9110, 13.1.1,
#           13.1.2 and 13.1.4). It is how a client sees that another one has changed, or made, the file in between.
# Seen:     all three ignore If-Match, `If-None-Match: *` and If-Unmodified-Since with PUT, and If-Match with DELETE, and answer 2xx.
#           nginx and rclone have given the very ETag to compare with. WsgiDAV says 412 each time.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for program in node nginx; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || { echo "$program is not there: apt-get install nginx-light" >&2; exit 2; }
done
apt-get -o APT::Sandbox::User=root download -qq rclone=1.60.1+dfsg-2+b5 >/dev/null
dpkg -x rclone_*.deb root
npm init -y >/dev/null
npm install --silent --no-audit --no-fund webdav-server@2.6.3
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check wsgidav==4.4.0 cheroot==11.1.2

cat >webdav-server.cjs <<'JS'
const { PhysicalFileSystem, WebDAVServer } = require('webdav-server').v2;
const server = new WebDAVServer({ hostname: '127.0.0.1', port: +process.argv[2] });
server.setFileSystem('/', new PhysicalFileSystem(process.argv[3]), () => server.start(() => {}));
JS
cat >check.py <<'PY'
import http.client, os, pathlib, socket, subprocess, sys, time

os.environ["PATH"] += ":/usr/sbin"
NGINX = """daemon off; master_process off; pid {root}.pid; error_log stderr; events {{}}
http {{ access_log off; client_body_temp_path {root}.bodies; server {{
    listen 127.0.0.1:{port}; root {root}; location / {{ dav_methods PUT DELETE; }} }} }}"""
COMMANDS = {
    "nginx": "nginx -c {root}.conf -e stderr",
    "rclone": "root/usr/bin/rclone serve webdav --addr 127.0.0.1:{port} {root}",
    "webdav-server": "node webdav-server.cjs {port} {root}",
    "WsgiDAV": "venv/bin/wsgidav --host 127.0.0.1 --port {port} --root {root} --auth anonymous",
}
OLD = "Sat, 01 Jan 2000 00:00:00 GMT"
CONDITIONS = [("PUT", "If-Match", '"of-another-version"'), ("PUT", "If-None-Match", "*"), ("PUT", "If-Unmodified-Since", OLD),
              ("DELETE", "If-Match", '"of-another-version"')]


def ask(port, method, body=None, **fields):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, "/file.txt", body, fields)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


seen = {}
for name, command in COMMANDS.items():
    root = pathlib.Path(name.lower()).absolute()
    root.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    pathlib.Path(f"{root}.conf").write_text(NGINX.format(root=root, port=port))
    server = subprocess.Popen(command.format(root=root, port=port).split(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        file = root / "file.txt"
        file.write_bytes(b"the other's text")
        for _ in range(300):
            try:
                tag = ask(port, "GET").getheader("ETag")
                break
            except ConnectionError:
                time.sleep(0.1)
        for method, field, value in CONDITIONS:
            file.write_bytes(b"the other's text")
            status = ask(port, method, b"mine" if method == "PUT" else None, **{field: value}).status
            left = file.read_text() if file.exists() else "nothing"
            condition = f"{field}: {value}"
            print(f"{name:14} {method:6} {condition:50} {status}, then there is: {left}", flush=True)
            seen.setdefault(name, [bool(tag)]).append((status // 100, left))
    finally:
        server.kill()
        server.wait()
ignored = [(2, "mine")] * 3 + [(2, "nothing")]
expected = {"nginx": [True, *ignored], "rclone": [True, *ignored], "webdav-server": [False, *ignored],
            "WsgiDAV": [True, *[(4, "the other's text")] * 4]}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
