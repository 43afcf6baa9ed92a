#!/usr/bin/env bash
# A cookies.txt does not carry a login from curl, wget or aria2 to Python, nor from Python to them: each drops the others' session cookies.
#
# Versions: http.cookiejar.MozillaCookieJar of CPython 3.11, curl 7.88.1, GNU wget 1.21.3 and aria2 1.36.0 of Debian 12.
# Expected: the cookies that the same server has set arrive, whichever of the four wrote the file. All four name Netscape's cookies.txt
#           as their format; Python's documentation says that curl uses the very same.
# Seen:     of `session`, without an end, `kept`, with Max-Age, and `hidden`, with Max-Age and HttpOnly:
#           the three write 0 for "no end", and Python takes it for 1970, with ignore_discard and ignore_expires too. Python writes
#           an empty column, and there the three drop the line. wget and aria2 take curl's "#HttpOnly_" for a comment.
#           Python refuses all of aria2's file, which has no title; only wget can use wget's, which has a port behind the host (not 80).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for program in curl wget; do command -v $program >/dev/null || { echo "$program is not there" >&2; exit 2; }; done
cd "$work"
apt-get -o APT::Sandbox::User=root download -qq aria2=1.36.0-1 libaria2-0=1.36.0-1 libc-ares2 libssh2-1 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
LD_LIBRARY_PATH=$(dirname "$(find "$PWD/root" -name 'libaria2.so.0')")
export LD_LIBRARY_PATH

cat >check.py <<'PY'
import http.cookiejar, http.server, subprocess, sys, threading, urllib.request

came = []  # the Cookie field of the last request


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        came[:] = self.headers.get_all("Cookie", [])
        self.send_response(200)
        if self.path == "/login":
            self.send_header("Set-Cookie", "session=1; Path=/")
            self.send_header("Set-Cookie", "kept=2; Path=/; Max-Age=86400")
            self.send_header("Set-Cookie", "hidden=3; Path=/; Max-Age=86400; HttpOnly")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Python:
    @staticmethod
    def open(jar, url):
        urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar)).open(url).close()

    def save(self, file, url):
        jar = http.cookiejar.MozillaCookieJar(file)
        self.open(jar, url)
        jar.save(ignore_discard=True)

    def load(self, file, url):
        jar = http.cookiejar.MozillaCookieJar(file)
        jar.load(ignore_discard=True, ignore_expires=True)
        self.open(jar, url)


class Program:
    def __init__(self, save, load):
        self.commands = save, load

    def run(self, command, file, url):
        subprocess.run([*command.format(file=file).split(), url], check=True, timeout=30, stdout=subprocess.DEVNULL)

    def save(self, file, url):
        self.run(self.commands[0], file, url)

    def load(self, file, url):
        self.run(self.commands[1], file, url)


ARIA2 = "root/usr/bin/aria2c -q --no-conf --allow-overwrite=true --out=body "
tools = {
    "Python": Python(),
    "curl": Program("curl -s -c {file}", "curl -s -b {file}"),
    "wget": Program("wget -q -O body --keep-session-cookies --save-cookies={file}", "wget -q -O body --load-cookies={file}"),
    "aria2": Program(ARIA2 + "--save-cookies={file}", ARIA2 + "--load-cookies={file}"),
}
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
seen = {}
for writer, tool in tools.items():
    tool.save("cookies-of-" + writer, url + "login")
    for reader, other in tools.items():
        came.clear()
        try:
            other.load("cookies-of-" + writer, url)
            names = " ".join(name for name in ("session", "kept", "hidden") if name + "=" in "".join(came))
        except http.cookiejar.LoadError:
            names = "LoadError"
        seen[writer, reader] = names
        print(f"written by {writer:6}  read by {reader:6}  {names or 'nothing'}", flush=True)
everything, lasting = "session kept hidden", "kept hidden"
expected = dict(zip(seen, [
    everything, lasting, lasting, lasting,  # Python's file, read by Python, curl, wget, aria2
    lasting, everything, "session kept", "session kept",  # curl's
    "", "", everything, "",  # wget's
    "LoadError", everything, everything, everything,  # aria2's
]))
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
python3 check.py
