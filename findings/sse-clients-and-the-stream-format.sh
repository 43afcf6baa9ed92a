#!/usr/bin/env bash
# Five Python clients for server-sent events read valid streams differently: a byte order mark costs all of them an event.
#
# Versions: httpx-sse 0.4.3 (httpx 0.28.1), sseclient-py 1.9.0, requests-sse 0.5.3, aiohttp-sse-client 0.2.1, aiosseclient 0.1.8
#           (aiohttp 3.14.5); CPython 3.11.
# Expected: the WHATWG rules: one leading byte order mark is dropped; CR alone ends a line; U+2028 is an ordinary character;
#           one space behind the colon is dropped, and no more, which matters where a stream carries the words of a text.
# Seen:     bom     nobody drops it: the first event is lost (aiosseclient delivers it with empty data).
#           cr      aiohttp-sse-client and aiosseclient deliver nothing at all.
#           u+2028  aiosseclient cuts the data off there.
#           spaces  requests-sse and aiohttp-sse-client drop all leading spaces.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check httpx-sse==0.4.3 httpx==0.28.1 sseclient-py==1.9.0 requests \
    requests-sse==0.5.3 aiohttp-sse-client==0.2.1 aiosseclient==0.1.8 aiohttp==3.14.5

cat >check.py <<'PY'
import asyncio, itertools, logging, sys, threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx, httpx_sse, requests, requests_sse, sseclient
from aiohttp_sse_client.client import EventSource
from aiosseclient import aiosseclient

STREAMS = {"/bom": b"\xef\xbb\xbfdata: a\n\ndata: b\n\n", "/cr": b"data: a\r\rdata: b\r\r",
           "/u+2028": "data: a\u2028b\n\n".encode(), "/spaces": b"data:  a\n\n"}

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(STREAMS[self.path])
    def log_message(self, *args):
        pass

def with_httpx_sse(url):
    with httpx.Client() as client, httpx_sse.connect_sse(client, "GET", url) as source:
        return [event.data for event in source.iter_sse()]

def with_sseclient_py(url):
    return [event.data for event in sseclient.SSEClient(requests.get(url, stream=True)).events()]

def with_requests_sse(url):
    with requests_sse.EventSource(url, max_connect_retry=0, reconnection_time=timedelta(seconds=60)) as source:
        # It would connect again at the end of the stream, so only as many events are taken as it delivers at once.
        return [event.data for event in itertools.islice(source, 2 if url.endswith("cr") else 1)]

async def collect(events, into):
    async for event in events:
        into.append(event.data)

def with_aiohttp_sse_client(url):
    async def main(data):
        try:
            async with EventSource(url, max_connect_retry=0, reconnection_time=timedelta(seconds=60)) as source:
                await asyncio.wait_for(collect(source, data), 3)
        except (TimeoutError, asyncio.TimeoutError, ConnectionError):
            pass
        return data
    return asyncio.run(main([]))

def with_aiosseclient(url):
    async def main(data):
        try:
            await asyncio.wait_for(collect(aiosseclient(url), data), 3)
        except asyncio.TimeoutError:
            pass
        return data
    return asyncio.run(main([]))

logging.disable()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
expected = {"/bom": (["b"], ["b"], ["b"], ["b"], ["", "b"]), "/cr": (["a", "b"], ["a", "b"], ["a", "b"], [], []),
            "/u+2028": (["a\u2028b"],) * 4 + (["a"],), "/spaces": ([" a"], [" a"], ["a"], ["a"], [" a"])}
clients = (with_httpx_sse, with_sseclient_py, with_requests_sse, with_aiohttp_sse_client, with_aiosseclient)
seen = {}
for path in STREAMS:
    seen[path] = tuple(client(f"http://127.0.0.1:{server.server_port}{path}") for client in clients)
    print(path[1:].ljust(8), *(f"{client.__name__[5:]}: {ascii(data)} " for client, data in zip(clients, seen[path])))
sys.exit(None if seen == expected else f"the behaviour has changed; it was {ascii(expected)}")
PY
venv/bin/python check.py 2>/dev/null
