#!/usr/bin/env bash
# An upload to tuspyserver cannot be resumed unless it has told a file name and a type, and one that comes with its creation is
# never reported.
#
# Versions: tuspyserver 4.4.3 (FastAPI 0.165.0, uvicorn 0.54.0); tuspy 1.1.0, the Python client of the tus project, as the
#           client; CPython 3.11.
# Expected: HEAD tells `Upload-Offset` (tus 1.0.0, HEAD: the server "MUST always include the Upload-Offset header in the
#           response for a HEAD request"); `Upload-Metadata` is optional. `on_upload_complete` runs when the last byte is there. The
#           server announces "creation-with-upload".
# Seen:     POST and PATCH work without metadata, and with a file name alone. HEAD of the same upload is 400, so tuspy cannot
#           continue: TusCommunicationError, "Attempt to retrieve offset fails with status 400". With `filename` and `filetype`
#           it continues. A POST that carries all 5 bytes is answered 201 with `Upload-Offset: 5`, and nobody is told.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check tuspyserver==4.4.3 fastapi==0.165.0 uvicorn==0.54.0 tuspy==1.1.0 requests==2.34.2

venv/bin/python - <<'PY'
import pathlib
import socket
import sys
import threading
import time

import requests
import uvicorn
from fastapi import FastAPI
from tusclient import client, exceptions
from tuspyserver import create_tus_router

complete = []
app = FastAPI()
app.include_router(create_tus_router(prefix="files", files_dir="uploads", on_upload_complete=lambda path, metadata: complete.append(path)))
listener = socket.create_server(("127.0.0.1", 0))
server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
while not server.started:
    time.sleep(0.05)
files = f"http://127.0.0.1:{listener.getsockname()[1]}/files"
pathlib.Path("data.bin").write_bytes(bytes(1000))


def resumed(metadata):
    tus = client.TusClient(files)
    first = tus.uploader("data.bin", chunk_size=300, metadata=metadata)
    first.upload_chunk()
    try:
        second = tus.uploader("data.bin", chunk_size=300, url=first.url)
        second.upload()
    except exceptions.TusCommunicationError as error:
        return str(error)
    return second.offset


def reported(body_with_creation):
    before = len(complete)
    tus, body = {"Tus-Resumable": "1.0.0"}, {"data": b"hello", "headers": {"Content-Type": "application/offset+octet-stream"}}
    headers = tus | {"Upload-Length": "5"}
    if body_with_creation:
        answer = requests.post(files, data=body["data"], headers=headers | body["headers"])
    else:
        upload = requests.post(files, headers=headers).headers["Location"]
        answer = requests.patch(upload, data=body["data"], headers=tus | body["headers"] | {"Upload-Offset": "0"})
    return answer.status_code, answer.headers["Upload-Offset"], len(complete) - before


seen = {"resume, no metadata": resumed({}), "resume, filename": resumed({"filename": "data.bin"}),
        "resume, filename and filetype": resumed({"filename": "data.bin", "filetype": "application/x"}),
        "bytes by PATCH": reported(False), "bytes with the POST": reported(True)}
extensions = requests.options(files + "/", headers={"Tus-Resumable": "1.0.0"}).headers["Tus-Extension"]
print("extensions:", extensions)
for what, result in seen.items():
    print(f"{what:30} {result}")
refused = "Attempt to retrieve offset fails with status 400"
expected = {"resume, no metadata": refused, "resume, filename": refused, "resume, filename and filetype": 1000,
            "bytes by PATCH": (204, "5", 1), "bytes with the POST": (201, "5", 0)}
changed = seen != expected or "creation-with-upload" not in extensions
sys.exit(f"the behaviour has changed; it was {expected}" if changed else None)
PY
