#!/usr/bin/env bash
# curl, wget and five libraries take the first part of a range for the whole of it, and do not ask for the rest.
#
# Versions: curl 7.88.1 and wget 1.21.3 of Debian 12; fsspec 2026.9.0 (aiohttp 3.14.5), parfive 2.3.1, pySmartDL 1.3.4; hyparquet
#           1.33.0 and pmtiles 4.5.0 on Node 20; right, for comparison: obstore 0.12.1; CPython 3.11.
# Expected: the rest by another request, or an error: a server "might want to send only a subset of the data requested", and a
#           client "MUST inspect" Content-Range to see "whether additional requests are needed" (RFC 9110, 15.3.7).
#           Servers that limit what one answer carries do so.
# Seen:     with at most 300 bytes in a 206 whose Content-Range says so, of a file of 10000 bytes: `curl -C -` and `wget -c`
#           end with 0 and 5300 bytes; parfive has no errors and pySmartDL's isSuccessful() is True, with holes in the file;
#           fsspec, hyparquet and pmtiles return 300 bytes for the 1000 asked for. obstore raises.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tool in curl wget node; do command -v "$tool" >/dev/null || { echo "$tool is not there" >&2; exit 2; }; done
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check fsspec==2026.9.0 aiohttp==3.14.5 parfive==2.3.1 pySmartDL==1.3.4 obstore==0.12.1
npm init -y >/dev/null
npm install --silent --no-audit --no-fund hyparquet@1.33.0 pmtiles@4.5.0

cat >read.mjs <<'JS'
import { asyncBufferFromUrl } from 'hyparquet';
import { FetchSource } from 'pmtiles';

const url = process.argv[2];
console.log((await (await asyncBufferFromUrl({ url, byteLength: 10000 })).slice(1000, 2000)).byteLength);
console.log((await new FetchSource(url).getBytes(1000, 1000)).data.byteLength);
JS
cat >check.py <<'PY'
import os, pathlib, re, subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import obstore
import parfive
from pySmartDL import SmartDL

DATA = b"".join(b"%04d\n" % number for number in range(2000))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, end = (int(asked[1]), min(int(asked[2] or 9999) + 1, len(DATA))) if asked else (0, len(DATA))
        if asked:
            end = min(end, first + LIMIT)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{len(DATA)}")
        for name, value in {"Accept-Ranges": "bytes", "ETag": '"1"', "Content-Length": end - first}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(DATA[first:end])

    do_HEAD = do_GET


def file(name):
    data = pathlib.Path(name).read_bytes()
    return "right" if data == DATA else f"wrong, {len(data)} bytes"


def tool(*command):
    pathlib.Path("file.bin").write_bytes(DATA[:5000])
    return subprocess.run([*command, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode, file("file.bin")


def with_parfive():
    loader = parfive.Downloader(progress=False, overwrite=True, max_splits=4)
    loader.enqueue_file(url, path=".", filename="parfive.bin")
    results = loader.download()
    return list(results.errors), file(results[0])


def with_smartdl():
    loader = SmartDL(url, "./smartdl.bin", progress_bar=False, threads=4)
    loader.minChunkFile = 1000
    loader.start()
    result = loader.isSuccessful(), file("smartdl.bin")
    os.remove("smartdl.bin")
    return result


def with_obstore():
    store = obstore.store.HTTPStore.from_url(url.rpartition("/")[0], client_options={"allow_http": True})
    try:
        return len(obstore.get_range(store, "file.bin", start=1000, end=2000))
    except obstore.exceptions.GenericError as error:
        return str(error).partition("\n")[0]


class Server(ThreadingHTTPServer):
    def handle_error(self, request, address):
        pass


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/file.bin"
seen = []
for LIMIT in (10000, 300):
    hyparquet, pmtiles = map(int, subprocess.check_output(["node", "read.mjs", url], text=True).split())
    seen.append({"curl -C -": tool("curl", "-C", "-", "-o", "file.bin"), "wget -c": tool("wget", "-c"), "parfive": with_parfive(), "pySmartDL": with_smartdl(),
                 "fsspec": len(fsspec.filesystem("http").cat_file(url, start=1000, end=2000)), "hyparquet": hyparquet, "pmtiles": pmtiles, "obstore": with_obstore()})
for name in seen[0]:
    print(f"{name:10} whole ranges: {seen[0][name]}   300 bytes of them: {seen[1][name]}", flush=True)
expected = [
    {"curl -C -": (0, "right"), "wget -c": (0, "right"), "parfive": ([], "right"), "pySmartDL": (True, "right"), "fsspec": 1000, "hyparquet": 1000,
     "pmtiles": 1000, "obstore": 1000},
    {"curl -C -": (0, "wrong, 5300 bytes"), "wget -c": (0, "wrong, 5300 bytes"), "parfive": ([], "wrong, 7800 bytes"), "pySmartDL": (True, "wrong, 1200 bytes"),
     "fsspec": 300, "hyparquet": 300, "pmtiles": 300, "obstore": "Generic HTTP error: Requested 1000..2000, got 1000..1300"}]
sys.stdout.flush()
os._exit(0 if seen == expected else print(f"the behaviour has changed; it was {expected}", flush=True) or 1)
PY
venv/bin/python check.py 2>/dev/null
