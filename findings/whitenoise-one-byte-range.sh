#!/usr/bin/env bash
# WhiteNoise refuses a range of one byte, so a downloader that probes with `bytes=0-0` gives up.
#
# Versions: whitenoise 6.12.0, pypdl 1.5.7, aiohttp 3.14.5; CPython 3.11.
# Expected: 206 and one byte for `Range: bytes=0-0` (RFC 9110, 14.1.2: the last position is inclusive).
# Seen:     416 with `Content-Range: bytes */5000`, for every range of one byte; ranges of two bytes are served.
#           pypdl asks for `bytes=0-0` to learn the size, and its download fails.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check whitenoise==6.12.0 pypdl==1.5.7 aiohttp==3.14.5
mkdir files
head -c 5000 /dev/zero >files/data.bin

cat >check.py <<'PY'
import http.client
import logging
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

from pypdl import Pypdl
from whitenoise import WhiteNoise


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Length", "0")])
    return []


def ask(port, span):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/data.bin", headers={"Range": span})
    response = connection.getresponse()
    return response.status, response.getheader("Content-Range"), len(response.read())


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, WhiteNoise(missing, root="files"), handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_port
    seen = {span: ask(port, span) for span in ("bytes=0-0", "bytes=4999-4999", "bytes=-1", "bytes=0-1")}
    logging.disable()
    downloader = Pypdl()
    downloader.start(url=f"http://127.0.0.1:{port}/data.bin", file_path="out", display=False, retries=0)
    seen["pypdl failed"] = len(downloader.failed)
    for key, value in seen.items():
        print(f"{key:16} {value}")
    refused = (416, "bytes */5000", 0)
    expected = {"bytes=0-0": refused, "bytes=4999-4999": refused, "bytes=-1": refused,
                "bytes=0-1": (206, "bytes 0-1/5000", 2), "pypdl failed": 1}
    sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
