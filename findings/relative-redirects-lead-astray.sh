#!/usr/bin/env bash
# Five downloaders and five libraries ask for another URL than the one that a redirect names by a relative reference, or give up.
#
# Versions: axel 2.17.11-3, lftp 4.9.2-2+b1, aria2 1.36.0-1, wget2 1.99.1-2.2 and busybox 1.35.0 of Debian 12; httplib2 0.32.1,
#           aiosonic 1.3.3, urlfetch 3.0.0, treq 26.7.0 (Twisted 26.10.0), simple-get 4.0.1 on Node 20; right, for comparison: curl
#           7.88.1, requests 2.34.2; CPython 3.11.
# Expected: Location holds a URI reference, resolved against the URL that was asked for (RFC 9110, 10.2.2; RFC 3986, 5.2); the
#           fragment is not sent (RFC 9110, 7.1); an empty path is sent as "/" (RFC 9112, 3.2.1); a scheme has no case.
# Seen:     from /folder/page, "?page=2" leads aria2 and wget2 to /folder/?page=2, and "next" axel to /folder/pagenext. lftp and
#           simple-get send the reference as it stands ("GET next"), busybox knows it only if it begins with "/". axel, lftp and
#           busybox send the fragment; urlfetch and treq send "GET ?x=1" for http://HOST?x=1, axel and lftp leave the query out.
#           httplib2 raises for //HOST/next, aiosonic drops ";v=1". axel, aria2, lftp and busybox refuse "HTTP:".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tool in node curl; do command -v "$tool" >/dev/null || { echo "$tool is not there" >&2; exit 2; }; done
cd "$work"
apt-get -o APT::Sandbox::User=root download -qq axel=2.17.11-3 lftp=4.9.2-2+b1 aria2=1.36.0-1 libaria2-0=1.36.0-1 wget2=1.99.1-2.2 \
    libwget0=1.99.1-2.2 libgpgme11 libassuan0 busybox=1:1.35.0-4+deb12u1+b1 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find root -name 'libwget.so.0')")
export LD_LIBRARY_PATH HOME=$work
npm init -y >/dev/null
npm install --silent --no-audit --no-fund simple-get@4.0.1
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check httplib2==0.32.1 aiosonic==1.3.3 urlfetch==3.0.0 treq==26.7.0 twisted==26.10.0 \
    requests==2.34.2

cat >get.cjs <<'JS'
require('simple-get').concat({ url: process.argv[2], timeout: 20000 }, (error) => process.exit(error ? 1 : 0));
JS
cat >get.py <<'PY'
import sys

name, url = sys.argv[1:]
if name == "httplib2":
    import httplib2
    httplib2.Http().request(url)
elif name == "aiosonic":
    import asyncio, aiosonic
    async def get():
        async with aiosonic.HTTPClient() as client:
            await client.get(url, follow=True)
    asyncio.run(get())
elif name == "urlfetch":
    import urlfetch
    urlfetch.get(url, max_redirects=5)
elif name == "treq":
    import treq
    from twisted.internet import task
    task.react(lambda reactor: treq.get(url).addCallback(treq.content))
elif name == "requests":
    import requests
    requests.get(url)
PY
cat >check.py <<'PY'
import os, shutil, subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

asked = []


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        target = self.requestline.split()[1]
        self.send_response(302 if target == "/folder/page" else 200)
        if target == "/folder/page":
            self.send_header("Location", self.server.location)
        else:
            asked.append(target)
        self.send_header("Content-Length", "5")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"hello")

    do_HEAD = do_GET


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"127.0.0.1:{server.server_port}"
url = f"http://{host}/folder/page"
RIGHT = {"?page=2": "/folder/page?page=2", "next": "/folder/next", "../next": "/next", f"//{host}/next": "/next", ";v=1": "/folder/;v=1",
         "/next#part": "/next", f"HTTP://{host}/next": "/next", f"http://{host}?x=1": "/?x=1"}
COMMANDS = {
    "curl": ["curl", "-sL", "-o", "out/file", url], "axel": ["root/usr/bin/axel", "-q", "-n", "1", "-o", "out/file", url],
    "aria2": ["root/usr/bin/aria2c", "-q", "-d", "out", "-o", "file", url], "wget2": ["root/usr/bin/wget2", "-q", "-t", "1", "-O", "out/file", url],
    "lftp": ["root/usr/bin/lftp", "-c", f"set net:max-retries 1; get {url} -o out/file"],
    "busybox": ["root/bin/busybox", "wget", "-q", "-O", "out/file", url], "simple-get": ["node", "get.cjs", url],
} | {name: ["venv/bin/python", "get.py", name, url] for name in ("requests", "httplib2", "aiosonic", "urlfetch", "treq")}
seen = {}
for location in RIGHT:
    server.location = location
    short = location.replace(host, "HOST")
    for name, command in COMMANDS.items():
        shutil.rmtree("out", ignore_errors=True)
        os.mkdir("out")
        asked.clear()
        ended = subprocess.run(command, capture_output=True, timeout=120).returncode
        got = asked[0].replace(host, "HOST") if asked else "none"
        if got != RIGHT[location]:
            seen.setdefault(short, {})[name] = got
            print(f"{short:18} {name:10} {got:20} not {RIGHT[location]}; exit status {ended}", flush=True)
expected = {
    "?page=2": {"aria2": "/folder/?page=2", "wget2": "/folder/?page=2", "lftp": "?page=2", "busybox": "none", "simple-get": "?page=2"},
    "next": {"axel": "/folder/pagenext", "lftp": "next", "busybox": "none", "simple-get": "next"},
    "../next": {"axel": "/folder/page../next", "lftp": "../next", "busybox": "none", "simple-get": "../next"},
    "//HOST/next": {"axel": "//HOST/next", "busybox": "//HOST/next", "simple-get": "//HOST/next", "httplib2": "none"},
    ";v=1": {"axel": "/folder/page;v=1", "wget2": "/folder/%3Bv%3D1", "lftp": ";v=1", "busybox": "none", "simple-get": ";v=1",
             "aiosonic": "/folder/"},
    "/next#part": {"axel": "/next#part", "lftp": "/next#part", "busybox": "/next#part"},
    "HTTP://HOST/next": {"axel": "none", "aria2": "none", "lftp": "none", "busybox": "none"},
    "http://HOST?x=1": {"axel": "/", "lftp": "/", "busybox": "/x=1", "urlfetch": "?x=1", "treq": "?x=1"},
}
sys.exit(None if seen == expected else f"the behaviour has changed: {seen}; it was {expected}")
PY
venv/bin/python check.py
