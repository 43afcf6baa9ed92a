#!/usr/bin/env bash
# tinyproxy passes on the first field of a name and drops the others: one cookie of two, one challenge, half of the links.
#
# Versions: tinyproxy 1.11.1 of Debian 12 (1.11.1-2.1+deb12u1), proxy.py 2.4.10; right, for comparison: pproxy 2.7.9; CPython 3.11.
# Expected: all of them: a proxy "MUST forward unrecognized header fields" (RFC 9110, 5.1), and Set-Cookie comes once for each
#           cookie, since such fields cannot be combined (RFC 9110, 5.3). Other fields it may combine by commas.
# Seen:     of two each of Set-Cookie, WWW-Authenticate and Link, the first arrives. So a log-in that sets two cookies fails; a
#           client that has a password sees Negotiate, and no Basic. Of a request's fields tinyproxy keeps the first too, and
#           proxy.py the last, while it passes on all fields of the response.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root download -qq tinyproxy-bin=1.11.1-2.1+deb12u1 >/dev/null
dpkg -x tinyproxy-bin_*.deb root
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check proxy.py==2.4.10 pproxy==2.7.9

cat >check.py <<'PY'
import http.client, pathlib, socket, socketserver, subprocess, sys, threading, time

FIELDS = {"Set-Cookie": ("session=1; Path=/", "token=2; Path=/"), "WWW-Authenticate": ("Negotiate", 'Basic realm="here"'),
          "Link": ("</2>; rel=next", "</9>; rel=last")}
asked = []


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        lines = []
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            lines.append(line.decode().strip())
        asked[:] = [line.partition(": ")[2] for line in lines if line.lower().startswith("x-twice: ")]
        fields = "".join(f"{name}: {value}\r\n" for name, values in FIELDS.items() for value in values)
        self.wfile.write(f"HTTP/1.1 401 Unauthorized\r\n{fields}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())


def ask(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("GET", f"http://127.0.0.1:{server.server_address[1]}/")
    connection.putheader("X-Twice", "a")
    connection.putheader("X-Twice", "b")
    connection.endheaders()
    response = connection.getresponse()
    return {name: response.headers.get_all(name) for name in FIELDS} | {"X-Twice": list(asked)}


server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for name, command in {"tinyproxy": "root/usr/bin/tinyproxy -d -c tinyproxy.conf",
                      "proxy.py": "venv/bin/proxy --hostname 127.0.0.1 --port {port} --num-workers 1 --num-acceptors 1",
                      "pproxy": "venv/bin/pproxy -l http://127.0.0.1:{port}"}.items():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    pathlib.Path("tinyproxy.conf").write_text(f"Port {port}\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\n")
    proxy = subprocess.Popen(command.format(port=port).split(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                seen[name] = ask(port)
                break
            except ConnectionError:
                time.sleep(0.1)
    finally:
        proxy.terminate()
        proxy.wait()
    for field, values in seen[name].items():
        print(f"{name:10} {field:17} {values}", flush=True)
whole = {field: list(values) for field, values in FIELDS.items()} | {"X-Twice": ["a", "b"]}
expected = {"tinyproxy": {field: values[:1] for field, values in whole.items()}, "proxy.py": whole | {"X-Twice": ["b"]},
            "pproxy": whole}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
