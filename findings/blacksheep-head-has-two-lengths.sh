#!/usr/bin/env bash
# BlackSheep's answer to HEAD for a file has two different Content-Length fields; what becomes of it depends on the ASGI server.
#
# Versions: blacksheep 2.6.4 on uvicorn 0.54.0 (httptools 0.9.0, h11 0.16.0) and on Hypercorn 0.18.0; CPython 3.11.
# Expected: 200 with the one length that GET has.
# Seen:     uvicorn with httptools passes on `content-length: 5000` and `content-length: 0`, which a client has to
#           reject (RFC 9112, 6.3); uvicorn with h11 closes without an answer; Hypercorn answers 500. GET is right everywhere.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check blacksheep==2.6.4 uvicorn==0.54.0 httptools==0.9.0 h11==0.16.0 hypercorn==0.18.0
mkdir files
head -c 5000 /dev/zero | tr '\0' x >files/data.txt
cat >app.py <<'PY'
from blacksheep import Application

app = Application()
app.serve_files("files", extensions={".txt"})
PY

cat >check.py <<'PY'
import socket, subprocess, sys, time

def ask(port, method):
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(f"{method} /data.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                head = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
                return head[0][9:12] or "no answer", [line.split()[1] for line in head if line.startswith("content-length:")]
        except ConnectionRefusedError:
            time.sleep(0.1)

SERVERS = {"uvicorn, httptools": ["uvicorn", "--http", "httptools", "--port"], "uvicorn, h11": ["uvicorn", "--http", "h11", "--port"],
           "hypercorn": ["hypercorn", "--workers", "0", "--bind"]}
seen = {}
for name, command in SERVERS.items():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}" if "--bind" in command else str(port)
    server = subprocess.Popen([sys.executable, "-m", *command, address, "app:app"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        seen[name] = ask(port, "GET"), ask(port, "HEAD")
    finally:
        server.kill()
        server.wait()
    print(f"{name:20} GET {seen[name][0]}  HEAD {seen[name][1]}", flush=True)
expected = {"uvicorn, httptools": (("200", ["5000"]), ("200", ["5000", "0"])), "uvicorn, h11": (("200", ["5000"]), ("no answer", [])),
            "hypercorn": (("200", ["5000"]), ("500", ["0"]))}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
