#!/usr/bin/env bash
# A body of two gzip members: lftp joins plain and compressed bytes, httplib2, primp and geventhttpclient lose the second.
#
# Versions: lftp 4.9.2 of Debian 12 (4.9.2-2+b1), httplib2 0.32.1, primp 2.0.1, geventhttpclient 2.6.1; CPython 3.11.
# Expected: both members, or an error; a gzip file is a sequence of members (RFC 1952, 2.2), as `cat a.gz b.gz`, bgzip and log
#           rotation make it. Python's gzip module and the `gzip` program read all.
# Seen:     lftp ends with 0 and has written the first member's text followed by the second member as it was sent. The three
#           Python libraries return the first member alone, and raise nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root download -qq lftp=4.9.2-2+b1 >/dev/null
dpkg -x lftp_*.deb root
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check httplib2==0.32.1 primp==2.0.1 geventhttpclient==2.6.1
export HOME=$work

cat >check.py <<'PY'
import gzip, subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ONE, TWO = b"the first member\n", gzip.compress(b"the second member\n", mtime=0)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = gzip.compress(ONE, mtime=0) + TWO
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


def with_lftp():
    return subprocess.run(["root/usr/bin/lftp", "-c", f"set http:accept-encoding gzip; cat {url}"], stdout=subprocess.PIPE, check=True, timeout=60).stdout


def with_httplib2():
    import httplib2
    return httplib2.Http().request(url)[1]


def with_primp():
    import primp
    return primp.Client().get(url).content


def with_geventhttpclient():
    from geventhttpclient import Session
    return Session().get(url).content


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/file"
seen = {}
for ask in (with_lftp, with_httplib2, with_primp, with_geventhttpclient):
    seen[ask.__name__[5:]] = {ONE: "the first member", ONE + TWO: "the first member and compressed bytes"}.get(body := ask(), body)
    print(f"{ask.__name__[5:]:18}", seen[ask.__name__[5:]], flush=True)
expected = dict.fromkeys(seen, "the first member") | {"lftp": "the first member and compressed bytes"}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
