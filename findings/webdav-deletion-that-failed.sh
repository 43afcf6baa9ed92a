#!/usr/bin/env bash
# A folder that WsgiDAV could not delete, because somebody holds a lock in it, counts as deleted for rclone and three libraries.
#
# Versions: WsgiDAV 4.4.0 (cheroot 11.1.2) as the server; rclone 1.60.1 of Debian 12 (1.60.1+dfsg-2+b5), webdavclient3 3.14.7,
#           aiowebdav2 0.6.2, `webdav` 5.11.0 of npm on Node 20; right, for comparison: easywebdav2 1.3.0; CPython 3.11.
# Expected: an error. The answer is 207 with `423 Locked` for the file that is held: a 207 to DELETE lists what could not be deleted
#           (RFC 4918, 9.6.1), and whether it tells of success or of failure stands in its body alone (13). A whole deletion is 204.
# Seen:     `rclone purge` ends with 0, the three libraries return and raise nothing, and the folder is there with the held file.
#           The other file is gone. easywebdav2 raises.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v node >/dev/null || { echo "node is not there" >&2; exit 2; }
cd "$work"
apt-get -o APT::Sandbox::User=root download -qq rclone=1.60.1+dfsg-2+b5 >/dev/null
dpkg -x rclone_*.deb root
npm init -y >/dev/null
npm install --silent --no-audit --no-fund webdav@5.11.0
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check wsgidav==4.4.0 cheroot==11.1.2 webdavclient3==3.14.7 \
    aiowebdav2==0.6.2 easywebdav2==1.3.0
mkdir share
cat >remove.mjs <<'JS'
import { createClient } from "webdav";
await createClient(process.argv[2]).deleteFile(process.argv[3]);
JS

cat >check.py <<'PY'
import asyncio, http.client, pathlib, socket, subprocess, sys, time

import aiowebdav2.client, easywebdav2, webdav3.client

with socket.create_server(("127.0.0.1", 0)) as probe:
    port = probe.getsockname()[1]
url = f"http://127.0.0.1:{port}"
LOCK = ('<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype>'
        '<owner>a colleague</owner></lockinfo>')


def lock(path):
    for _ in range(100):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("LOCK", path, LOCK, {"Depth": "0", "Timeout": "Second-600", "Content-Type": "application/xml"})
            assert connection.getresponse().status == 200
            return
        except ConnectionError:
            time.sleep(0.1)
    sys.exit("the server does not come up")


async def with_aiowebdav2(name):
    async with aiowebdav2.client.Client(url=url, username="", password="") as client:
        await client.clean(f"/{name}/")


def run(*command):
    subprocess.run(command, check=True, capture_output=True, timeout=60)


clients = {
    "rclone": lambda name: run("root/usr/bin/rclone", "purge", f":webdav:{name}", "--webdav-url", url, "--config", "/dev/null"),
    "webdavclient3": lambda name: webdav3.client.Client({"webdav_hostname": url}).clean(name + "/"),
    "aiowebdav2": lambda name: asyncio.run(with_aiowebdav2(name)),
    "webdav of npm": lambda name: run("node", "remove.mjs", url, f"/{name}/"),
    "easywebdav2": lambda name: easywebdav2.connect("127.0.0.1", port=port).rmdir(name),
}
seen = {}
server = subprocess.Popen(["venv/bin/wsgidav", "--host=127.0.0.1", f"--port={port}", "--root=share", "--auth=anonymous",
                           "--server=cheroot", "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    for number, (client, remove) in enumerate(clients.items()):
        folder = pathlib.Path(f"share/folder{number}")
        folder.mkdir()
        for name in ("held.txt", "other.txt"):
            (folder / name).write_text("some text")
        lock(f"/{folder.name}/held.txt")
        try:
            remove(folder.name)
            told = "success"
        except Exception as error:
            told = "error"
            print(f"{client:14} {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)
        seen[client] = told, [path.name for path in folder.iterdir()]
        print(f"{client:14} tells {told}, and leaves {seen[client][1]}", flush=True)
finally:
    server.kill()
    server.wait()
expected = {client: ("error" if client == "easywebdav2" else "success", ["held.txt"]) for client in clients}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
venv/bin/python check.py
