#!/usr/bin/env bash
# Tornado, Bottle, WebOb and streaming-form-data lose fields of valid multipart forms, and raise nothing.
#
# Versions: tornado 6.6.1, bottle 0.13.4, WebOb 1.8.11 (legacy-cgi 2.6.4), streaming-form-data 2.1.0; right, for comparison: Werkzeug
#           3.1.9; CPython 3.11.
# Expected: the file and the text, or an error. Media types, names of parameters and `form-data` have no case (RFC 9110, 8.3.1; RFC
#           2183, 2); blanks behind a boundary are padding, and what stands behind the last boundary is ignored (RFC 2046, 5.1.1).
# Seen:     `Multipart/Form-Data; Boundary=`: Tornado, Bottle and WebOb have no field of that form. Blanks behind the boundary: Bottle
#           has none. Text behind the last boundary: streaming-form-data has an empty text for the last field. Tornado refuses
#           the blanks, and `Form-Data; Name="file"`, streaming-form-data the blanks, by an error.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check tornado==6.6.1 bottle==0.13.4 WebOb==1.8.11 legacy-cgi==2.6.4 streaming-form-data==2.1.0 \
    werkzeug==3.1.9

venv/bin/python - <<'PY'
import io
import sys

import bottle
import webob
from streaming_form_data import StreamingFormDataParser
from streaming_form_data.targets import ValueTarget
from tornado.httputil import parse_body_arguments
from werkzeug.wrappers import Request

TYPE = "multipart/form-data; boundary=xyz"
FORM = (b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n'
        b'--xyz\r\nContent-Disposition: form-data; name="text"\r\n\r\nwords\r\n--xyz--\r\n')
FORMS = {
    "as browsers write it": (TYPE, FORM),
    "type in capitals": ("Multipart/Form-Data; Boundary=xyz", FORM),
    "part in capitals": (TYPE, FORM.replace(b"form-data; name=\"file\"", b"Form-Data; Name=\"file\"")),
    "padding": (TYPE, FORM.replace(b"--xyz\r\nContent", b"--xyz  \r\nContent")),
    "epilogue": (TYPE, FORM + b"not to be read\r\n"),
}


def environ(content_type, body):
    return {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body), "CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))}


def with_tornado(content_type, body):
    arguments, files = {}, {}
    parse_body_arguments(content_type, body, arguments, files)
    return [files["file"][0].body if "file" in files else None, arguments.get("text", [None])[0]]


def with_bottle(content_type, body):
    request = bottle.BaseRequest(environ(content_type, body))
    file = request.files.get("file")
    return [file and file.file.read(), request.forms.get("text")]


def with_webob(content_type, body):
    form = webob.Request(environ(content_type, body)).POST
    return ["file" in form and form["file"].file.read() or None, form.get("text")]


def with_streaming_form_data(content_type, body):
    parser, file, text = StreamingFormDataParser(headers={"Content-Type": content_type}), ValueTarget(), ValueTarget()
    parser.register("file", file)
    parser.register("text", text)
    parser.data_received(body)
    return [file.value, text.value]


def with_werkzeug(content_type, body):
    request = Request(environ(content_type, body))
    return [request.files["file"].read(), request.form["text"]]


WAYS = {"Tornado": with_tornado, "Bottle": with_bottle, "WebOb": with_webob, "streaming-form-data": with_streaming_form_data,
        "Werkzeug": with_werkzeug}
seen = {}
for name, way in WAYS.items():
    for form, (content_type, body) in FORMS.items():
        try:
            found = [value.decode() if isinstance(value, bytes) else value for value in way(content_type, body)]
        except Exception as error:
            found = type(error).__name__
        if found != ["hello", "words"]:
            seen.setdefault(name, {})[form] = found
        print(f"{name:20} {form:20} {found}", flush=True)
NOTHING = [None, None]
expected = {
    "Tornado": {"type in capitals": NOTHING, "part in capitals": "HTTPInputError", "padding": "HTTPInputError"},
    "Bottle": {"type in capitals": NOTHING, "padding": NOTHING}, "WebOb": {"type in capitals": NOTHING},
    "streaming-form-data": {"padding": "ParseFailedException", "epilogue": ["hello", ""]},
}
sys.exit(None if seen == expected else f"the behaviour has changed; it was {expected}")
PY
