#!/usr/bin/env bash
# rclone's HTTP server announces the whole file's length in a 416 and sends 33 bytes: continuing a complete download fails.
#
# Versions: rclone 1.60.1 of Debian 12 (1.60.1+dfsg-2+b5), `rclone serve http`; curl 7.88.1 as the client.
# Expected: a 416 whose Content-Length is that of its body, so that `curl -C -` ends with 0 and the file stays (as with nginx).
# Seen:     `Content-Length: 300000` in front of "invalid range: failed to overlap" and the end of the connection;
#           curl ends with 18, "transfer closed with outstanding read data remaining".
set -euo pipefail
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
command -v curl >/dev/null || { echo "curl is not there" >&2; exit 2; }
cd "$work"
apt-get -o APT::Sandbox::User=root download -qq rclone=1.60.1+dfsg-2+b5 >/dev/null
dpkg -x rclone_*.deb root
mkdir files
head -c 300000 /dev/urandom >files/data.bin
port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
root/usr/bin/rclone serve http --config /dev/null --addr "127.0.0.1:$port" files >/dev/null 2>&1 &
server=$!
url=http://127.0.0.1:$port/data.bin
for _ in $(seq 100); do curl -sfo data.bin "$url" && break; sleep 0.1; done
cmp data.bin files/data.bin && echo "first download: complete"

status=0
curl -sS -D head -C - -o data.bin "$url" || status=$?
cat head
echo "curl -C - on the complete file: exit status $status, $(stat -c %s data.bin) bytes"
if ! grep -q '^HTTP/1.1 416' head || ! grep -qi '^Content-Length: 300000' head || [ "$status" -ne 18 ]; then
    echo "the behaviour has changed" >&2
    exit 1
fi
