#!/usr/bin/env bash
# Under requests-mock a Session never keeps a cookie: a tested log-in works, and the next request goes out without it.
#
# Versions: requests-mock 1.12.1, requests 2.34.2; right, for comparison: responses 0.26.3; CPython 3.11.
# Expected: Set-Cookie of a mocked response ends up in session.cookies and in the Cookie field of the next request, as with a
#           real server; the response's own `cookies` has it.
# Seen:     response.cookies has the cookie, session.cookies is empty and the next request has no Cookie, with
#           headers={"Set-Cookie": ...} and with requests-mock's own cookies= alike.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -qq --disable-pip-version-check requests-mock==1.12.1 requests==2.34.2 responses==0.26.3

venv/bin/python - <<'PY'
import sys

import requests
import requests_mock
import responses

LOGIN, PAGE = "http://example.test/login", "http://example.test/page"
HEADER = {"Set-Cookie": "id=1; Path=/"}


def visit():
    session = requests.Session()
    login = session.get(LOGIN)
    page = session.get(PAGE)
    return login.cookies.get_dict(), session.cookies.get_dict(), page.request.headers.get("Cookie")


def with_requests_mock(**login):
    with requests_mock.Mocker() as mock:
        mock.get(LOGIN, **login)
        mock.get(PAGE)
        return visit()


def with_responses():
    with responses.RequestsMock() as mock:
        mock.get(LOGIN, headers=HEADER)
        mock.get(PAGE)
        return visit()


seen = {
    "requests-mock, headers=": with_requests_mock(headers=HEADER),
    "requests-mock, cookies=": with_requests_mock(cookies={"id": "1"}),
    "responses": with_responses(),
}
for name, (response, session, sent) in seen.items():
    print(f"{name:24} response.cookies {response}  session.cookies {session}  next Cookie: {sent}")
lost, kept = ({"id": "1"}, {}, None), ({"id": "1"}, {"id": "1"}, "id=1")
sys.exit(None if list(seen.values()) == [lost, lost, kept] else "the behaviour has changed")
PY
