#!/usr/bin/env bash
# From `python -m http.server`, which knows no ranges, fsspec returns the whole file for ten bytes of it, unzip-http the archive.
#
# Versions: fsspec 2026.9.0 (aiohttp 3.14.5), unzip-http 0.7 (urllib3 2.8.0); right, for comparison: obstore 0.12.1; CPython 3.11.
# Expected: the ten bytes, or an error: "A server MAY ignore the Range header field" (RFC 9110, 14.2), and its 200 says that it
#           has. `start, end` of cat_file() are the "Bytes limits of the read". A file opened by fsspec does raise ValueError.
# Seen:     cat_file(start=1000, end=1010), cat_ranges() and a reference to those ten bytes (as kerchunk writes them) return
#           all 10000 bytes, from the first on. unzip-http, which says that it tries anyway, lists the archive rightly and
#           then returns the whole archive, headers and all, as the contents of each stored file in it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check fsspec==2026.9.0 aiohttp==3.14.5 unzip-http==0.7 urllib3==2.8.0 obstore==0.12.1

venv/bin/python - <<'PY'
import functools
import os
import pathlib
import sys
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import obstore
import unzip_http
from fsspec.implementations.reference import ReferenceFileSystem

os.mkdir("files")
data = b"".join(b"%04d\n" % number for number in range(2000))
pathlib.Path("files/data.bin").write_bytes(data)
with zipfile.ZipFile("files/archive.zip", "w") as archive:
    archive.writestr("hello.txt", "hello world\n")
    archive.writestr("second.txt", "the second\n")
zipped = pathlib.Path("files/archive.zip").read_bytes()


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory="files"))
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
url = f"{base}/data.bin"
files = fsspec.filesystem("http")


def named(result):
    return {data[1000:1010]: "the ten bytes", data: "the whole file", zipped: "the whole archive", b"hello world\n": "its contents"}.get(result, result)


def outcome(call):
    try:
        return named(bytes(call()))
    except (ValueError, obstore.exceptions.NotSupportedError) as error:
        return type(error).__name__


def opened():
    with files.open(url, block_size=512) as file:
        file.seek(1000)
        return file.read(10)


def referenced():
    return ReferenceFileSystem({"version": 1, "refs": {"chunk": [url, 1000, 10]}}, remote_protocol="http").cat("chunk")


store = obstore.store.HTTPStore.from_url(base, client_options={"allow_http": True})
seen = {
    "fsspec, cat_file": outcome(lambda: files.cat_file(url, start=1000, end=1010)),
    "fsspec, cat_ranges": outcome(lambda: files.cat_ranges([url], [1000], [1010])[0]),
    "fsspec, reference": outcome(referenced),
    "fsspec, open and seek": outcome(opened),
    "unzip-http": outcome(lambda: unzip_http.RemoteZipFile(f"{base}/archive.zip").open("hello.txt").read()),
    "obstore": outcome(lambda: obstore.get_range(store, "data.bin", start=1000, end=1010)),
}
for name, result in seen.items():
    print(f"{name:22} {result}")
expected = dict.fromkeys(seen, "the whole file") | {"fsspec, open and seek": "ValueError", "unzip-http": "the whole archive", "obstore": "NotSupportedError"}
sys.stdout.flush()
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
