#!/usr/bin/env bash
# sirv reads a suffix range (`bytes=-N`, "the last N bytes") as a range from the start of the file.
#
# Versions: sirv 3.0.2 on Node 20, remotezip 0.12.6 as a client; CPython 3.11. Vite's preview server uses sirv.
# Expected: `Range: bytes=-10` gives the last 10 bytes, `bytes=0-0` the first byte (RFC 9110, 14.1.2).
# Seen:     `bytes=-10` gives the first 11 bytes as `bytes 0-10/SIZE`, and `bytes=0-0` gives the whole file in a 206.
#           remotezip reads a ZIP file's directory by a suffix range, and says that an intact archive "is not a zip file".
set -euo pipefail
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
command -v node >/dev/null || { echo "node is not there" >&2; exit 2; }
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund sirv@3.0.2
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check remotezip==0.12.6
mkdir files
cat >server.js <<'JS'
const serve = require('sirv')('files');
const server = require('http').createServer((request, response) => serve(request, response, () => response.writeHead(404).end()));
server.listen(0, '127.0.0.1', () => require('fs').writeFileSync('port', String(server.address().port)));
JS
cat >check.py <<'PY'
import http.client
import pathlib
import sys
import zipfile

from remotezip import RemoteZip


def ask(port, span):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/files.zip", headers={"Range": span})
    response = connection.getresponse()
    body = response.read()
    where = "whole file" if body == whole else "start" if whole.startswith(body) else "end" if whole.endswith(body) else "?"
    return response.status, response.getheader("Content-Range"), len(body), where


port, whole = int(pathlib.Path("port").read_text()), pathlib.Path("files/files.zip").read_bytes()
seen = {span: ask(port, span) for span in ("bytes=-10", "bytes=0-0", "bytes=0-9")}
try:
    with RemoteZip(f"http://127.0.0.1:{port}/files.zip") as archive:
        seen["remotezip"] = archive.namelist()
except zipfile.BadZipFile as error:
    seen["remotezip"] = str(error)
for key, value in seen.items():
    print(f"{key:10} {value}")
size = len(whole)
expected = {"bytes=-10": (206, f"bytes 0-10/{size}", 11, "start"), "bytes=0-0": (206, f"bytes 0-{size - 1}/{size}", size, "whole file"),
            "bytes=0-9": (206, f"bytes 0-9/{size}", 10, "start"), "remotezip": "File is not a zip file"}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
head -c 200000 /dev/urandom >noise
venv/bin/python -m zipfile -c files/files.zip noise
node server.js &
server=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.1; done
venv/bin/python check.py
