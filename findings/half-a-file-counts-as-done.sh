#!/usr/bin/env bash
# pySmartDL and urlfetch take half a file for the whole when the server hangs up in the middle, in spite of Content-Length.
#
# Versions: pySmartDL 1.3.4, urlfetch 3.0.0; right, for comparison: wget 3.2 of PyPI, curl 7.88.1; CPython 3.11.
# Expected: an error: a body is incomplete if fewer bytes come than Content-Length says, or if the last chunk, of size zero, does
#           not come (RFC 9112, 8).
# Seen:     500 of 1000 bytes, then the end of the connection: pySmartDL's isSuccessful() is True, get_errors() is empty, and the
#           file has 500 bytes; urlfetch returns 500 bytes. Both notice it if the body comes in chunks.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v curl >/dev/null || { echo "curl is not there" >&2; exit 2; }
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check pySmartDL==1.3.4 urlfetch==3.0.0 wget==3.2

cat >check.py <<'PY'
import pathlib, socketserver, subprocess, sys, threading

import urlfetch
import wget
from pySmartDL import SmartDL

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
ANSWERS = {"length": HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 500, "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1f4\r\n" + b"x" * 500 + b"\r\n"}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        method, path = self.rfile.readline().split()[:2]
        while self.rfile.readline().strip():
            pass
        head, _, body = ANSWERS[path.decode()[1:]].partition(b"\r\n\r\n")
        self.wfile.write(head + b"\r\n\r\n" + (b"" if method == b"HEAD" else body))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def with_smartdl(url):
    path = pathlib.Path("smartdl.bin")
    loader = SmartDL(url, f"./{path}", progress_bar=False, threads=1)
    loader.start()
    result = loader.isSuccessful(), loader.get_errors(), path.stat().st_size
    path.unlink()
    return result


def outcome(call, url):
    try:
        return call(url)
    except Exception as error:
        return type(error).__name__


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
calls = {
    "pySmartDL": with_smartdl,
    "urlfetch": lambda url: len(urlfetch.get(url).content),
    "wget of PyPI": lambda url: wget.download(url, "wget.bin", bar=None),
    "curl": lambda url: subprocess.run(["curl", "-s", "-o", "curl.bin", url]).returncode,
}
seen = {name: [outcome(call, f"http://127.0.0.1:{server.server_address[1]}/{kind}") for kind in ANSWERS] for name, call in calls.items()}
for name, results in seen.items():
    print(f"{name:18} length: {results[0]}   chunks: {results[1]}")
expected = {"pySmartDL": [(True, [], 500), "HTTPError"], "urlfetch": [500, "IncompleteRead"],
            "wget of PyPI": ["ContentTooShortError", "IncompleteRead"], "curl": [18, 18]}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py 2>errors.txt || { cat errors.txt; exit 1; }
