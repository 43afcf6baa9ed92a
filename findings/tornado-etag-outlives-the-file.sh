#!/usr/bin/env bash
# Tornado computes a static file's ETag once per process: after the file has changed, it tells clients that it has not.
#
# Versions: tornado 6.6.1 (StaticFileHandler, default settings); CPython 3.11.
# Expected: a new ETag for new contents, and 200 for `If-None-Match` with the old one.
# Seen:     Last-Modified changes, the ETag stays. `If-None-Match` is answered 304 for as long as the process lives, so a cache
#           keeps the old file, and a resume by ETag joins the old and the new one if they are of one size.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check tornado==6.6.1

venv/bin/python - <<'PY'
import asyncio
import os
import sys

import tornado.web
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port


async def main():
    listener, port = bind_unused_port()
    HTTPServer(tornado.web.Application([("/(.*)", tornado.web.StaticFileHandler, {"path": "files"})])).add_sockets([listener])
    client, url = AsyncHTTPClient(), f"http://127.0.0.1:{port}/data.txt"
    os.mkdir("files")
    answers = []
    for second, text in enumerate(("first version\n", "other version\n")):
        with open("files/data.txt", "w") as file:
            file.write(text)
        os.utime("files/data.txt", (1_700_000_000 + second, 1_700_000_000 + second))
        answers.append(await client.fetch(url))
    old, new = answers
    again = await client.fetch(url, headers={"If-None-Match": old.headers["ETag"]}, raise_error=False)
    return {
        "contents differ": old.body != new.body,
        "Last-Modified differs": old.headers["Last-Modified"] != new.headers["Last-Modified"],
        "ETag differs": old.headers["ETag"] != new.headers["ETag"],
        "If-None-Match with the old ETag": again.code,
    }


seen = asyncio.run(main())
for key, value in seen.items():
    print(f"{key:32} {value}")
expected = [True, True, False, 304]
sys.exit(None if list(seen.values()) == expected else f"the behaviour has changed; it was {expected}")
PY
