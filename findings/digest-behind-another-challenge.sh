#!/usr/bin/env bash
# aiohttp, httpx and urllib do not answer a Digest challenge that stands behind one that they do not know; requests does.
#
# Versions: aiohttp 3.14.5 (DigestAuthMiddleware), httpx 0.28.1, urllib of CPython 3.11; right, for comparison: requests 2.34.2.
# Expected: the client picks a challenge that it understands out of several, which stand in one field or in more (RFC 9110,
#           11.6.1), and ignores a Digest challenge with an algorithm that it does not understand (RFC 7616, 3.3).
# Seen:     Negotiate or Basic in front, as IIS and Apache offer them: aiohttp sends no credentials, the 401 stays; if both are
#           in one field, httpx does so too. SHA-512-256 in front of MD5: aiohttp raises ClientError, httpx a bare KeyError.
#           urllib fails in all four. Each of them knows MD5, and succeeds if it is offered alone.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check aiohttp==3.14.5 httpx==0.28.1 requests==2.34.2

venv/bin/python - <<'PY'
import asyncio
import hashlib
import re
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import requests

MD5 = 'Digest realm="files", qop="auth", algorithm=MD5, nonce="1"'
CHALLENGES = {
    "/md5": [MD5],
    "/basic": ['Basic realm="files"', MD5],
    "/negotiate": ["Negotiate", MD5],
    "/one-field": ["Negotiate, " + MD5],
    "/sha": ['Digest realm="files", qop="auth", algorithm=SHA-512-256, nonce="2"', MD5],
}


def md5(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        told = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]*))', self.headers.get("Authorization", ""))}
        right = told.get("nonce") == "1" and told["response"] == md5(
            md5("user", "files", "secret"), "1", told["nc"], told["cnonce"], "auth", md5("GET", self.path))
        self.send_response(200 if right else 401)
        for challenge in [] if right else CHALLENGES[self.path]:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"


def with_aiohttp(url):
    async def ask():
        async with aiohttp.ClientSession(middlewares=[aiohttp.DigestAuthMiddleware("user", "secret")]) as session:
            async with session.get(url) as response:
                return response.status
    return asyncio.run(ask())


def with_urllib(url):
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url, "user", "secret")
    return urllib.request.build_opener(urllib.request.HTTPDigestAuthHandler(passwords)).open(url).status


CLIENTS = {
    "aiohttp": with_aiohttp,
    "httpx": lambda url: httpx.get(url, auth=httpx.DigestAuth("user", "secret")).status_code,
    "urllib": with_urllib,
    "requests": lambda url: requests.get(url, auth=requests.auth.HTTPDigestAuth("user", "secret")).status_code,
}


def outcome(client, path):
    try:
        return client(base + path)
    except urllib.error.HTTPError as error:
        return error.code
    except Exception as error:
        return type(error).__name__


seen = {name: [outcome(client, path) for path in CHALLENGES] for name, client in CLIENTS.items()}
print(f"{'':9}", *(path[1:].ljust(11) for path in CHALLENGES))
for name, results in seen.items():
    print(f"{name:9}", *(str(result).ljust(11) for result in results))
expected = {
    "aiohttp": [200, 401, 401, 401, "ClientError"],
    "httpx": [200, 200, 200, 401, "KeyError"],
    "urllib": [200, 401, "ValueError", "ValueError", "ValueError"],
    "requests": [200] * 5,
}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
