#!/usr/bin/env bash
# httplib2 cannot return a 401 whose challenge is a bare scheme, nor one that asks for Digest with SHA-256.
#
# Versions: httplib2 0.32.1; CPython 3.11.
# Expected: a response object with status 401, as for `WWW-Authenticate: Basic realm="x"`; a challenge without parameters is
#           valid (RFC 9110, 11.6.1) and usual for Negotiate (RFC 4559) and NTLM, and allowed for Bearer.
# Seen:     MalformedHeader, without any credentials and whatever the status would have told. If credentials are set and the
#           server offers Digest with SHA-256 (RFC 7616), the error meant to say so fails itself, with a TypeError.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check httplib2==0.32.1

venv/bin/python - <<'PY'
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httplib2


class Refusing(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def ask(*credentials):
    client = httplib2.Http()
    if credentials:
        client.add_credentials(*credentials)
    try:
        response, _ = client.request(f"http://127.0.0.1:{server.server_port}/")
        return response.status
    except (httplib2.HttpLib2Error, TypeError) as error:
        return type(error).__name__


server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for challenge in ('Basic realm="x"', "Negotiate", "NTLM", "Bearer"):
    seen[challenge] = ask()
challenge = 'Digest realm="x", nonce="abc", qop="auth", algorithm=SHA-256'
seen[challenge] = ask("user", "password")
for key, value in seen.items():
    print(f"{key:65} {value}")
expected = [401, "MalformedHeader", "MalformedHeader", "MalformedHeader", "TypeError"]
sys.exit(None if list(seen.values()) == expected else f"the behaviour has changed; it was {expected}")
PY
