#!/usr/bin/env bash
# A range that ends past the end of the file: civetweb promises one byte too many, Sanic names an end that the file has not.
#
# Versions: civetweb 1.15 of Debian 12 (1.15+dfsg-4), Sanic 25.12.1; CPython 3.11.
# Expected: for `bytes=900-1999` of 1000 bytes: `Content-Range: bytes 900-999/1000` and 100 bytes (RFC 9110, 14.1.2). Clients
#           that load in blocks of one size ask for such a last block.
# Seen:     civetweb: `bytes 900-1000/1000` and `Content-Length: 101`, then 100 bytes: every client reports a broken transfer.
#           Sanic: `bytes 900-1999/1000` with 100 bytes, which a client that checks Content-Range must refuse.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root download -qq civetweb=1.15+dfsg-4 libcivetweb1=1.15+dfsg-4 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find root -name 'libcivetweb.so.1')")
export LD_LIBRARY_PATH
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check sanic==25.12.1
mkdir files
head -c 1000 /dev/zero | tr '\0' x >files/data.txt
cat >app.py <<'PY'
import sys

from sanic import Sanic

app = Sanic("files")
app.static("/", "files", use_content_range=True)
app.run(host="127.0.0.1", port=int(sys.argv[1]), single_process=True, motd=False)
PY

cat >check.py <<'PY'
import glob, os, socket, subprocess, sys, time

def ask(port):
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /data.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=900-1999\r\n\r\n")
                head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
            fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
            return head.split()[1].decode(), fields["content-range"], fields["content-length"], len(body)
        except ConnectionRefusedError:
            time.sleep(0.1)

seen = {}
for name in ("civetweb", "Sanic"):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    civetweb = [*glob.glob("root/usr/*bin/civetweb"), "-listening_ports", f"127.0.0.1:{port}", "-document_root", os.path.abspath("files")]
    command = civetweb if name == "civetweb" else [sys.executable, "app.py", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        seen[name] = ask(port)
    finally:
        server.kill()
        server.wait()
    print(f"{name}: status %s, Content-Range %s, Content-Length %s, bytes sent %d" % seen[name], flush=True)
expected = {"civetweb": ("206", "bytes 900-1000/1000", "101", 100), "Sanic": ("206", "bytes 900-1999/1000", "100", 100)}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
