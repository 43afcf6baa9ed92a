#!/usr/bin/env bash
# wget2 ends with exit status 0 and writes no file for a 503, for a 201 with a body, and for a 200 that follows early hints.
#
# Versions: wget2 1.99.1 of Debian 12 (1.99.1-2.2); GNU wget 1.21 ends with 8 for the 503 and writes the body of the two others.
# Expected: exit status 8 for a server error, as wget2's manual says and as it does for 404; the body for every 2xx; a 103 is
#           skipped (RFC 9110, 15.2).
# Seen:     503, 500 and 429: exit status 0, no file, no word. 201: the same. 103 and then 200: the same.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root download -qq wget2=1.99.1-2.2 libwget0=1.99.1-2.2 libgpgme11 libassuan0 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find root -name 'libwget.so.0')")
export LD_LIBRARY_PATH HOME=$work

cat >check.py <<'PY'
import os, socketserver, subprocess, sys, threading

BODY = b"HTTP/1.1 %s\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
ANSWERS = {"200": BODY % b"200 OK", "404": BODY % b"404 Not Found", "429": BODY % b"429 Too Many Requests", "500": BODY % b"500 Internal Server Error",
           "503": BODY % b"503 Service Unavailable", "201": BODY % b"201 Created",
           "103": b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n" + BODY % b"200 OK"}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        name = self.rfile.readline().split()[1].decode().strip("/")
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        self.wfile.write(ANSWERS[name])


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for name in ANSWERS:
    command = ["root/usr/bin/wget2", "--quiet", "--tries=1", "--no-robots", "-O", f"{name}.out", f"http://127.0.0.1:{server.server_address[1]}/{name}"]
    status = subprocess.run(command, timeout=60).returncode
    seen[name] = status, os.path.getsize(f"{name}.out") if os.path.exists(f"{name}.out") else None
    print(f"{name}: exit status {seen[name][0]}, bytes written: {seen[name][1]}")
expected = {"200": (0, 5), "404": (8, None)} | dict.fromkeys(("429", "500", "503", "201", "103"), (0, None))
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
python3 check.py
