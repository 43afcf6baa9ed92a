#!/usr/bin/env bash
# Behind mitmproxy a response that follows early hints, or `100 Continue`, is lost: the client gets the 1xx alone.
#
# Versions: mitmproxy 12.3.1 on CPython 3.12; right, for comparison: proxy.py 2.4.10 and pproxy 2.7.9 on the same.
# Expected: the 103 and the 200, or the 200: a 1xx is no final response, and a proxy "MUST forward 1xx responses" (RFC 9110, 15.2).
# Seen:     over HTTP/1.1 mitmproxy takes the 103 for the response, with an empty body, and shows it so in its list of flows. It
#           throws the 200 away ("Unexpected data from server"), and the client that asked with `Connection: close` sees the end
#           of the connection. A 100 that nobody asked for does the same.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3.12 -V >/dev/null || { echo "Python 3.12 is not there; mitmproxy 12 needs it" >&2; exit 2; }
python3.12 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check mitmproxy==12.3.1
python3.12 -m venv others
others/bin/pip install -qq --disable-pip-version-check proxy.py==2.4.10 pproxy==2.7.9

cat >check.py <<'PY'
import socket, socketserver, subprocess, sys, threading, time

INTERIM = {"plain": b"", "hints": b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n", "continue": b"HTTP/1.1 100 Continue\r\n\r\n"}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        name = self.rfile.readline().split()[1].decode().rpartition("/")[2]
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        self.wfile.write(INTERIM[name] + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")


def ask(port, name):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(f"GET http://{host}/{name} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        with connection.makefile("rb") as stream:
            return [line.split()[1].decode() for line in stream if line.startswith(b"HTTP/1.1 ")]


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"127.0.0.1:{server.server_address[1]}"
seen = {}
for name, command in {"mitmproxy": "venv/bin/mitmdump --listen-host 127.0.0.1 -p {port} --set confdir=.",
                      "proxy.py": "others/bin/proxy --hostname 127.0.0.1 --port {port} --num-workers 1 --num-acceptors 1",
                      "pproxy": "others/bin/pproxy -l http://127.0.0.1:{port}"}.items():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    proxy = subprocess.Popen(command.format(port=port).split(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionError:
                time.sleep(0.1)
        seen[name] = {path: ask(port, path) for path in INTERIM}
    finally:
        proxy.terminate()
        proxy.wait()
    print(f"{name:10} {seen[name]}", flush=True)
right = {"plain": ["200"], "hints": ["103", "200"], "continue": ["100", "200"]}
expected = {"mitmproxy": {"plain": ["200"], "hints": ["103"], "continue": ["100"]}, "proxy.py": right, "pproxy": right}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
