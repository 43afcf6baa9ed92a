#!/usr/bin/env bash
# A line separator within a JSON string, U+2028 or U+0085, ends the line for httpx, and so the stream of Ollama's and Hugging Face's clients.
#
# Versions: httpx 0.28.1, httpx2 2.16.2, ollama 0.6.3, huggingface_hub 2.4.0, ndjson 0.3.1; right, for comparison: requests 2.34.2,
#           jsonlines 4.0.0, openai 3.57.0; CPython 3.11.
# Expected: the text as it was sent. JSON allows these characters in strings without a backslash (RFC 8259, 7); lines of NDJSON
#           end with LF, those of server-sent events with CR, LF or both (WHATWG HTML, 9.2.6). Servers that write plain UTF-8, as
#           json.dumps(ensure_ascii=False) does, send them whenever a model says one, and PDFs are full of U+2028.
# Seen:     iter_lines() of httpx and httpx2 makes three lines of one. ollama's chat(stream=True) and huggingface_hub's
#           chat_completion(stream=True) raise JSONDecodeError in the middle. ndjson raises nothing: its text has a comma instead.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check httpx==0.28.1 httpx2==2.16.2 ollama==0.6.3 huggingface_hub==2.4.0 ndjson==0.3.1 \
    requests==2.34.2 jsonlines==4.0.0 openai==3.57.0

venv/bin/python - <<'PY'
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import httpx2
import huggingface_hub
import jsonlines
import ndjson
import ollama
import openai
import requests

SEPARATORS = {"U+0085": "\x85", "U+2028": "\u2028"}
MESSAGES = [{"role": "user", "content": "say it"}]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self):
        text = "one" + SEPARATORS[self.path.split("/")[1]] + "two"
        if self.path.endswith("/completions"):
            body = "data: " + json.dumps(
                {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                 "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]},
                ensure_ascii=False) + "\n\ndata: [DONE]\n\n"
        elif self.path.endswith("/api/chat"):
            body = json.dumps({"model": "m", "message": {"role": "assistant", "content": text}, "done": True}, ensure_ascii=False) + "\n"
        else:
            body = json.dumps(text, ensure_ascii=False) + '\n"last"\n'
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if body.startswith("data:") else "application/x-ndjson")
        self.end_headers()
        self.wfile.write(body.encode())


def by_lines(library):
    def lines(url):
        with library.stream("GET", url) as response:
            return [json.loads(line) for line in response.iter_lines()]
    return lines


def with_ollama(url):
    return [part.message.content for part in ollama.Client(host=url).chat(model="m", messages=MESSAGES, stream=True)]


def with_hugging_face(url):
    client = huggingface_hub.InferenceClient(base_url=url, api_key="k")
    return [part.choices[0].delta.content for part in client.chat_completion(MESSAGES, stream=True)]


def with_openai(url):
    client = openai.OpenAI(base_url=url, api_key="k")
    return [part.choices[0].delta.content for part in client.chat.completions.create(model="m", messages=MESSAGES, stream=True)]


WAYS = {
    "httpx": by_lines(httpx),
    "httpx2": by_lines(httpx2),
    "ollama": with_ollama,
    "huggingface_hub": with_hugging_face,
    "ndjson": lambda url: ndjson.loads(requests.get(url).content.decode()),
    "requests": lambda url: [json.loads(line) for line in requests.get(url, stream=True).iter_lines()],
    "jsonlines": lambda url: list(jsonlines.Reader(io.BytesIO(requests.get(url).content))),
    "openai": with_openai,
}
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for name, way in WAYS.items():
    for code in SEPARATORS:
        try:
            seen[name, code] = way(f"http://127.0.0.1:{server.server_port}/{code}")[0]
        except json.JSONDecodeError as error:
            seen[name, code] = type(error).__name__
        print(f"{name:16} {code}  {seen[name, code]!a}", flush=True)
for code, separator in SEPARATORS.items():
    for name in ("httpx", "httpx2", "ollama", "huggingface_hub"):
        assert seen[name, code] == "JSONDecodeError", f"{name} has changed"
    assert seen["ndjson", code] == "one,two", "ndjson has changed"
    for name in ("requests", "jsonlines", "openai"):
        assert seen[name, code] == f"one{separator}two", f"{name} has changed"
PY
