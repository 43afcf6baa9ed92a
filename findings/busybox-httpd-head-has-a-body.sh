#!/usr/bin/env bash
# busybox httpd, the server of many small devices, sends the file in its answer to HEAD; aiohttp's client then fails.
#
# Versions: busybox 1.35.0 of Debian 12 (1:1.35.0-4+deb12u1+b1); aiohttp 3.14.5 and http.client of CPython 3.11 as clients.
# Expected: the head alone (RFC 9110, 9.3.2).
# Seen:     head and all bytes of the file. aiohttp raises 'Data after `Connection: close`', so a downloader that begins with
#           HEAD cannot begin; http.client does not look and is content. And `Range: bytes=0-0` gives the whole file in a 206.
set -euo pipefail
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
cd "$work"
apt-get -o APT::Sandbox::User=root download -qq busybox=1:1.35.0-4+deb12u1+b1 >/dev/null
dpkg -x busybox_*.deb root
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check aiohttp==3.14.5
mkdir files
head -c 300000 /dev/urandom >files/data.bin
port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
"$(find root -name busybox -type f -perm -u+x | head -n 1)" httpd -f -p "127.0.0.1:$port" -h files &
server=$!

cat >check.py <<'PY'
import asyncio, http.client, socket, sys, time

import aiohttp

port = int(sys.argv[1])


def raw(method, header="X-Nothing: 1"):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"{method} /data.bin HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
        head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    return head.split()[1].decode(), len(body)


async def with_aiohttp():
    async with aiohttp.ClientSession() as session:
        try:
            async with session.head(f"http://127.0.0.1:{port}/data.bin") as response:
                return response.status
        except aiohttp.ClientResponseError as error:
            return error.message.split(":\n")[0]


for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
connection = http.client.HTTPConnection("127.0.0.1", port)
connection.request("HEAD", "/data.bin")
seen = {"HEAD": raw("HEAD"), "bytes=0-0": raw("GET", "Range: bytes=0-0"), "aiohttp": asyncio.run(with_aiohttp()),
        "http.client": connection.getresponse().status}
for name, result in seen.items():
    print(f"{name:12} {result}")
expected = {"HEAD": ("200", 300000), "bytes=0-0": ("206", 300000), "aiohttp": "Data after `Connection: close`", "http.client": 200}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py "$port"
