"""Files of cookies, in the two formats."""

from __future__ import annotations

import json
import re
from http.cookiejar import MozillaCookieJar
from typing import TYPE_CHECKING, Any

import pytest

from urlrequest._http.cookie import Cookie
from urlrequest._http.cookie_file import read_cookies, write_json, write_netscape

if TYPE_CHECKING:
    from pathlib import Path

COOKIES = [
    Cookie("id", "7", "shop.example"),
    Cookie("all", "a, b=c", ".shop.example", "/x", 2_000_000_000, secure=True, http_only=True),
    Cookie("empty", "", "127.0.0.1"),
    Cookie("six", "6", "2001:db8::1", "/%20"),
    Cookie("zone", "6", "fe80::1%25eth0"),
    Cookie("encoded", "7", "%2frun%2fsocket"),
    Cookie("utf-8", "\xe6\x98\xa5", "localhost"),
    Cookie("latin-1", "\xe4\xff", "localhost"),
    Cookie("both", "\xe6\x98\xa5\xe4", "localhost"),
    Cookie("#hash", '"\\', "localhost", http_only=True),
]


@pytest.mark.parametrize("write", [write_netscape, write_json])
def test_17_14_both_formats_give_back_what_they_got(write: Any) -> None:
    """Contract 17.14: every part of every cookie comes back, whatever bytes are in it, and in the same order."""
    assert COOKIES == read_cookies(write(COOKIES))
    assert [] == read_cookies(write([]))


def test_17_14_netscape() -> None:
    """Contract 17.14: a cookies.txt has a title, and seven columns a line, as curl writes them."""
    title, _, _, *lines, end = write_netscape([*COOKIES[:4], COOKIES[6]]).split(b"\n")

    assert b"# Netscape HTTP Cookie File" == title
    assert b"shop.example\tFALSE\t/\tFALSE\t0\tid\t7" == lines[0]
    assert b"#HttpOnly_.shop.example\tTRUE\t/x\tTRUE\t2000000000\tall\ta, b=c" == lines[1]
    assert b"127.0.0.1\tFALSE\t/\tFALSE\t0\tempty\t" == lines[2]
    assert b"localhost\tFALSE\t/\tFALSE\t0\tutf-8\t\xe6\x98\xa5" == lines[4]
    assert b"" == end


def test_17_14_netscape_of_the_standard_library(tmp_path: Path) -> None:
    """Contract 17.14: MozillaCookieJar reads our files, and we read its files."""
    path = tmp_path / "cookies.txt"
    path.write_bytes(write_netscape([COOKIES[1], COOKIES[0]._replace(expires=2_000_000_000)]))
    jar = MozillaCookieJar(path)
    jar.load()
    assert {("all", "a, b=c", ".shop.example"), ("id", "7", "shop.example")} == {
        (cookie.name, cookie.value, cookie.domain) for cookie in jar
    }

    jar.save()
    assert {"all", "id"} == {cookie.name for cookie in read_cookies(path.read_bytes())}


def test_17_14_json() -> None:
    """Contract 17.14: the JSON has the keys of Playwright's storage state, and text as text."""
    document = json.loads(write_json(COOKIES))

    assert {
        "name": "all",
        "value": "a, b=c",
        "domain": ".shop.example",
        "path": "/x",
        "expires": 2_000_000_000,
        "httpOnly": True,
        "secure": True,
    } == document["cookies"][1]
    assert ("\u6625", -1) == (document["cookies"][6]["value"], document["cookies"][6]["expires"])


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", []),
        (b"\n\r\n# comment\n", []),
        (b"h\tFALSE\t/\tFALSE\t0\tid\t7", [Cookie("id", "7", "h")]),
        (b"h\tFALSE\t/\tFALSE\t0\tid\t7\r\n", [Cookie("id", "7", "h")]),
        (b"\xef\xbb\xbfh\tFALSE\t/\tFALSE\t0\tid\t7\n", [Cookie("id", "7", "h")]),
        (b"h.example\tTRUE\t/\tTRUE\t\tid\t7\n", [Cookie("id", "7", ".h.example", secure=True)]),
        (b".h.example\tfalse\t/\tFalse\t-1\tid\t7\n", [Cookie("id", "7", "h.example")]),
        (
            b"H.Example\tFALSE\t/\tFALSE\t2000000000.75\tid\t7\n",
            [Cookie("id", "7", "h.example", expires=2_000_000_000)],
        ),
        (b"h:8123\tFALSE\t/\tFALSE\t0\tid\t7\n", [Cookie("id", "7", "h")]),  # GNU wget 1.21.3
        (b"# HTTP Cookie File\n[::1]:8123\tFALSE\t/\tFALSE\t0\tid\t7\n", [Cookie("id", "7", "::1")]),
        (b"h\tFALSE\t/\tFALSE\t0\tid\n", [Cookie("id", "", "h")]),
        (b"h\tFALSE\t/\tFALSE\t0.5\tid\t7\n", [Cookie("id", "7", "h", expires=1)]),
        (b'{"cookies": []}', []),
        (b" \n[]", []),
        (b'[{"name": "id", "value": "7", "domain": "h"}]', [Cookie("id", "7", "h")]),
        (
            b"""{"origins": [], "cookies": [{"name": "id", "value": "7", "domain": ".h.example", "path": "/x",
            "expires": 2000000000.5, "httpOnly": true, "secure": true, "sameSite": "Lax"}]}""",
            [Cookie("id", "7", ".h.example", "/x", 2_000_000_000, secure=True, http_only=True)],
        ),
        (
            b'[{"name": "id", "value": "7", "domain": "h", "expires": -1, "secure": null, "httpOnly": false}]',
            [Cookie("id", "7", "h")],
        ),
    ],
)
def test_17_14_what_other_programs_write(octets: bytes, expected: list[Cookie]) -> None:
    """Contract 17.14: files that other programs wrote are read, whichever of the two formats they have."""
    assert expected == read_cookies(octets)


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"s3cret", "line 1: 1 columns"),
        (b"<html>\n", "line 1: 1 columns"),
        (b"# x\n\nh FALSE / FALSE 0 id s3cret\n", "line 3: 1 columns"),
        (b"h\tFALSE\t/\tFALSE\t0\tid\t7\tx\n", "line 1: 8 columns"),
        (b"h\t1\t/\tFALSE\t0\tid\ts3cret\n", "line 1: the second and the fourth column"),
        (b"h\tFALSE\t/\tno\t0\tid\ts3cret\n", "line 1: the second and the fourth column"),
        (b"h\tFALSE\t/\tFALSE\tsoon\tid\ts3cret\n", "line 1: the fifth column"),
        (b"h\tFALSE\t/\tFALSE\t1e9\tid\ts3cret\n", "line 1: the fifth column"),
        (b"h\tFALSE\tx\tFALSE\t0\tid\ts3cret\n", "line 1: the cookie's path"),
        (b"\tFALSE\t/\tFALSE\t0\tid\ts3cret\n", "line 1: the cookie's domain"),
        (b"#HttpOnly_#h\tFALSE\t/\tFALSE\t0\tid\ts3cret\n", "line 1: the cookie's domain"),
        (b"#HttpOnly_#HttpOnly_h\tFALSE\t/\tFALSE\t0\tid\ts3cret\n", "line 1: the cookie's domain"),
        (b"h\tFALSE\t/\tFALSE\t0\t\ts3cret\n", "line 1: the cookie's name"),
        (b"h\tFALSE\t/\tFALSE\t0\tid\ts3cret;x=y\n", "line 1: the cookie's value"),
        (b"h\tFALSE\t/\tFALSE\t0\tid\ts3cret\x00\n", "line 1: the cookie's value"),
        (b"h\tFALSE\t/\tFALSE\t0\t__Secure-id\ts3cret\n", "line 1: a cookie __Secure-"),
        (b"h\tFALSE\t/\tFALSE\t0\tid\t" + b"s3cret" * 1000, "line 1: the cookie has 6002 bytes"),
        (b'{"cookies": [{"name": "s3cret"', "not JSON"),
        (b'{"cookies": "s3cret"}', 'no list "cookies"'),
        (b'{"cookie": ["s3cret"]}', 'no list "cookies"'),
        (b"[" * 100_000, "not JSON"),
        (b'{"cookies": ["\xff"]}', "not JSON"),
        (b'["s3cret"]', "cookie 1: str where an object"),
        (b'[{"name": "id", "value": "s3cret"}]', "cookie 1: the cookie's domain is NoneType"),
        (b'[{"name": "id", "value": 7, "domain": "h"}]', "cookie 1: the cookie's value is int"),
        (b'[{"name": "id", "value": "s3cret", "domain": "#h"}]', "cookie 1: the cookie's domain"),
        (b'[{"name": "id", "value": "s3cret", "domain": "#HttpOnly_h"}]', "cookie 1: the cookie's domain"),
        (b'[{"name": "id", "value": "s3cret", "domain": "h", "secure": 1}]', "cookie 1: secure and httpOnly"),
        (
            b'[{"name": "id", "value": "s3cret", "domain": "h", "path": null}]',
            "cookie 1: the cookie's path is NoneType",
        ),
        (
            b'[{"name": "id", "value": "s3cret", "domain": "h", "expires": "0"}]',
            "cookie 1: the cookie's expires is str",
        ),
        (
            b'[{"name": "id", "value": "s3cret", "domain": "h", "expires": true}]',
            "cookie 1: the cookie's expires is bool",
        ),
        (b'[{"name": "id", "value": "s3cret", "domain": "h", "expires": NaN}]', "cookie 1: the cookie's expires"),
        (b'[{"name": "id", "value": "s3cret\\ud800", "domain": "h"}]', "cookie 1: "),
        (b'[{"name": "id", "value": "s3cret\\n", "domain": "h"}]', "cookie 1: the cookie's value"),
    ],
)
def test_17_14_malformed_files(octets: bytes, message: str) -> None:
    """Contract 17.14: a malformed file is an error that says where, and shows nothing of what is there."""
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_cookies(octets)

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
