"""One cookie: Set-Cookie fields, dates, domains and paths.

The tables have the kinds of cases that are published as the tests of the working group of RFC 6265 (`http-state`: 222
fields and 70 dates) and as `cookies` in web-platform-tests, with texts of our own. Where these two differ, on cookies
without a name, the RFC and the first of them decide.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from urlrequest._http.cookie import (
    MAX_ATTRIBUTE,
    MAX_SIZE,
    MAX_TIME,
    Cookie,
    check_cookie,
    default_path,
    domain_matches,
    parse_date,
    path_matches,
    read_set_cookie,
)
from urlrequest._http.cookies import Cookies
from urlrequest._http.target import parse_target

NOW = 1_700_000_000.5
CONTROLS = [chr(number) for number in [*range(0x20), 0x7F] if chr(number) != "\t"]


def read(text: str, url: str = "http://www.shop.example/cart/view?x=/y/z") -> Cookie | None:
    return read_set_cookie(text, parse_target(url), NOW)


def pair(text: str, url: str = "http://www.shop.example/cart/view") -> str | None:
    """The cookie as it is sent, unless it is ignored or has expired."""
    cookie = read(text, url)
    return None if cookie is None or cookie.is_expired(NOW) else f"{cookie.name}={cookie.value}"


def timestamp(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=timezone.utc).timestamp())  # type: ignore[arg-type, misc]  # six numbers


# Names and values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id=7", "id=7"),
        ("id=7;", "id=7"),
        ("  id  =  7  ; x", "id=7"),
        ("\tid\t=\t7\t;\tx", "id=7"),
        ("id===7", "id===7"),
        ("id=", "id="),
        ("id=;Path=/", "id="),
        ("id=a, b=c", "id=a, b=c"),
        ('id="a, b=c"', 'id="a, b=c"'),
        ('id="a;b"', 'id="a'),
        ('id="a  "  "b" ;', 'id="a  "  "b"'),
        ('id="', 'id="'),
        ("i d=7", "i d=7"),
        ('"id"=7', '"id"=7'),
        ("$Version=1; id=7", "$Version=1"),
        ("i@d/(x)=7", "i@d/(x)=7"),
        ("id=%3B%20", "id=%3B%20"),
        ("id=\xe6\x98\xa5", "id=\xe6\x98\xa5"),
        # Without a name, or without an equals sign, it is none (section 5.2).
        ("id", None),
        ("id;x=y", None),
        ("=7", None),
        ("=", None),
        ("===7", None),
        ("", None),
        ("   ", None),
        (" ; id=7", None),
        ("; id=7", None),
        ('"a;b"=7', None),
    ],
)
def test_17_11_names_and_values(text: str, expected: str | None) -> None:
    """Contract 17.11: a name, and a value up to the first semicolon, without the blanks around; nothing is unquoted."""
    assert expected == pair(text)


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("text", ["i{}d=7", "id=7{}8", "id=7; Path=/{}", "id=7; x={}"])
def test_17_11_control_characters(text: str, control: str) -> None:
    """Contract 17.11, security 69: a cookie with a control character anywhere in its field is ignored."""
    assert None is read(text.format(control))


@pytest.mark.parametrize("text", ["i\td=7", "id=7\t8"])
def test_17_11_tabs_within(text: str) -> None:
    """Contract 17.11: a name or value with a tab in it is ignored, as curl does: no cookies.txt could hold it."""
    assert None is read(text)


@pytest.mark.parametrize(
    ("name", "value", "is_kept"),
    [(1, MAX_SIZE - 1, True), (MAX_SIZE, 0, True), (2048, 2048, True), (1, MAX_SIZE, False), (MAX_SIZE, 1, False)],
)
def test_17_13_size_of_a_cookie(name: int, value: int, is_kept: bool) -> None:
    """Contract 17.13: name and value have 4,096 bytes at the most."""
    assert is_kept is (read(f"{'n' * name}={'v' * value}; Path=/") is not None)


# Attributes


@pytest.mark.parametrize(
    "attributes",
    [
        "Version=1", "Version=1000", "Comment=", 'Comment="a;b"', "=", ";;;", " ; ,,, ===,abc,= ; ", "SameSite=Strict",
        "SameSite=odd", "Partitioned", "Priority=High", "b,ad=x", "x=y, z=1", '"Secure"', "Secure x", "Max-Age",
        "Max-Age=", "Max-Age=50,399", "Max-Age=1.5", "Max-Age=-", "Max-Age=+5", "Max-Age=5 5", "Max-Age=\xb2",
        "Expires", "Expires=", "Expires=never", "Expires=0", "Expires=Thu, 99 Jan 2030 00:00:00 GMT", "Domain",
        "Domain=", "Domain=.", "Port", 'Path="/x"', "Path", "Path=", "Path=x", "HttpOnly", "HttpOnly=no",
    ],
)  # fmt: skip
def test_17_11_odd_attributes(attributes: str) -> None:
    """Contract 17.11: an attribute that means nothing, or whose value does, is ignored; the cookie is not."""
    cookie = read(f"id=7; {attributes}")

    assert cookie is not None
    assert ("id", "7", "www.shop.example", "/cart", None, False) == cookie[:6]


@pytest.mark.parametrize(
    ("attributes", "expires"),
    [
        ("Max-Age=60", 1_700_000_061),
        ("max-AGE = 60 ", 1_700_000_061),
        ("Max-Age=060", 1_700_000_061),
        ("Max-Age=60; Max-Age=x", 1_700_000_061),
        ("Max-Age=5; Max-Age=60", 1_700_000_061),
        ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 1_700_000_061),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", 1_700_000_061),
        ("Expires=Fri, 01-Jan-38 00:00:00 GMT", timestamp(2038, 1, 1)),
        ("Expires=Fri 01 Jan 2038 00:00:00 GMT, x=y", timestamp(2038, 1, 1)),
        ("Expires=Fri, 01 Jan 2038 00:00:00 GMT; Expires=x", timestamp(2038, 1, 1)),
        ("Max-Age=x; Expires=Fri, 01 Jan 2038 00:00:00 GMT", timestamp(2038, 1, 1)),
        (f"Max-Age={'9' * 1000}", MAX_TIME),
        (f"Max-Age={'9' * (MAX_ATTRIBUTE + 1)}", None),
    ],
)
def test_17_11_expiry(attributes: str, expires: int | None) -> None:
    """Contract 17.11: Max-Age counts more than Expires, and of each the last one that means something."""
    cookie = read(f"id=7; {attributes}")

    assert cookie is not None
    assert expires == cookie.expires


@pytest.mark.parametrize(
    "attributes",
    [
        "Max-Age=0",
        "Max-Age=-1",
        "Max-Age=-20; Expires=Fri, 01 Jan 2038 00:00:00 GMT",
        f"Max-Age=-{'9' * 1000}",
        "Expires=Thu, 10 Apr 1980 16:33:12 GMT",
        "Expires=Sun, 01 Jan 1905 00:00:00 GMT",
    ],
)
def test_17_11_expiry_in_the_past(attributes: str) -> None:
    """Contract 17.11: what expires in the past has expired, and ends the cookie that is kept."""
    cookie = read(f"id=7; {attributes}")

    assert cookie is not None
    assert cookie.is_expired(NOW)
    assert cookie.is_expired()


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", "/cart"),
        ("Path=/", "/"),
        ("path = /x ", "/x"),
        ("Path=/x; y", "/x"),
        ("Path=/x; Path=/", "/"),
        ("Path=/; Path=/x", "/x"),
        ("Path=/x; Path=", "/cart"),
        ("Path=; Path=/x", "/x"),
        (f"Path=/x; Path=/{'y' * MAX_ATTRIBUTE}", "/x"),
        (f"Path=/{'y' * MAX_ATTRIBUTE}; Path=/x", "/x"),
        ("Path=/X", "/X"),
        ("Path=/a%20b", "/a%20b"),
    ],
)
def test_17_11_path(attributes: str, expected: str) -> None:
    """Contract 17.11: the last Path counts; one without a slash in front stands for that of the request."""
    cookie = read(f"id=7; {attributes}")

    assert cookie is not None
    assert expected == cookie.path


@pytest.mark.parametrize("attributes", ["Path=/a b", "Path=/\xe4", "Path=/x; Path=/\xe4", "Path=/a\tb"])
def test_17_11_path_of_no_request(attributes: str) -> None:
    """Contract 17.11: a cookie whose path is not percent-encoded could match no request, and is ignored."""
    assert None is read(f"id=7; {attributes}")


def test_17_13_path_of_the_request_is_too_long() -> None:
    """Contract 17.13: the path of a request is no way round the limit for paths."""
    assert read("id=7", f"http://h.example/{'x' * (MAX_ATTRIBUTE - 1)}/") is not None
    assert None is read("id=7", f"http://h.example/{'x' * MAX_ATTRIBUTE}/")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/a", "/"),
        ("/a/", "/a"),
        ("/a/b", "/a"),
        ("/a/b/", "/a/b"),
        ("/?q=/x/y", "/"),
        ("/a/b?q=/x/y", "/a"),
        ("//a/b", "//a"),
        ("", "/"),
        ("opaque/x", "/"),
    ],
)
def test_17_11_default_path(path: str, expected: str) -> None:
    """Contract 17.11: the path of a request up to its last slash, without the query (RFC 6265, section 5.1.4)."""
    assert expected == default_path(path)


@pytest.mark.parametrize(
    ("path", "prefix", "expected"),
    [
        ("/", "/", True),
        ("/a", "/", True),
        ("/a", "/a", True),
        ("/a/", "/a", True),
        ("/a/b", "/a", True),
        ("/a/b", "/a/", True),
        ("/a//b", "/a/", True),
        ("/ab", "/a", False),
        ("/a", "/a/", False),
        ("/a", "/a/b", False),
        ("/b", "/a", False),
        ("/A", "/a", False),
        ("/%61", "/a", False),
        ("", "/", False),
    ],
)
def test_17_11_path_matches(path: str, prefix: str, expected: bool) -> None:
    """Contract 17.11: a path matches where it is the cookie's or lies below it; letter by letter."""
    assert expected is path_matches(path, prefix)


# Domains


@pytest.mark.parametrize(
    ("host", "attribute", "expected"),
    [
        ("www.shop.example", None, "www.shop.example"),
        ("www.shop.example", "", "www.shop.example"),
        ("www.shop.example", "www.shop.example", ".www.shop.example"),
        ("www.shop.example", ".www.shop.example", ".www.shop.example"),
        ("www.shop.example", "shop.example", ".shop.example"),
        ("www.shop.example", "  .sHoP.Example ", ".shop.example"),
        ("www.shop.example", "example", None),
        ("www.shop.example", ".example", None),
        ("www.shop.example", "..shop.example", None),
        ("www.shop.example", ". shop.example", None),
        ("www.shop.example", "shop.example.", None),
        ("www.shop.example", '"shop.example"', None),
        ("www.shop.example", "shop.example:80", None),
        ("www.shop.example", "*.shop.example", None),
        ("www.shop.example", "op.example", None),
        ("www.shop.example", "a.www.shop.example", None),
        ("www.shop.example", "mail.shop.example", None),
        ("www.shop.example", "www.shop.test", None),
        # One label: for that host alone (the public suffix rule, section 5.3).
        ("localhost", None, "localhost"),
        ("localhost", "localhost", "localhost"),
        ("printer", ".printer", "printer"),
        ("www.localhost", "localhost", None),
        ("example.", "example.", "example."),
        ("www.example.", "example.", None),
        # What registries sell names below.
        ("shop.co.uk", "co.uk", None),
        ("www.shop.co.uk", "shop.co.uk", ".shop.co.uk"),
        ("shop.com.au", ".com.au", None),
        ("shop.co.uk", "cO.Uk", None),
        ("shop.co.uk.", "co.uk.", None),
        ("co.uk", "co.uk", "co.uk"),
        ("www.t.co", "t.co", ".t.co"),
        ("www.co.example", "co.example", ".co.example"),
        # IP addresses, and what looks like part of one.
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", ".127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "0.0.1", None),
        ("127.0.0.1", "1", None),
        ("[2001:db8::1]", None, "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "db8::1", None),
        ("[::ffff:127.0.0.1]", "0.0.1", None),
        ("elev\u00e9.example", "xn--elev-epa.example", ".xn--elev-epa.example"),
        ("www.elev\u00e9.example", "elev\u00c3\u00a9.example", None),
    ],
)
def test_17_11_domain(host: str, attribute: str | None, expected: str | None) -> None:
    """Contract 17.11, security 68, 70: a host sets cookies for itself, or a domain around it that is no registry's."""
    cookie = read("id=7" if attribute is None else f"id=7; Domain={attribute}", f"http://{host}/")

    assert expected == (None if cookie is None else cookie.domain)


@pytest.mark.parametrize(
    ("domains", "expected"),
    [
        (["shop.example", "www.shop.example"], ".www.shop.example"),
        (["other.test", "shop.example"], ".shop.example"),
        (["shop.example", "other.test"], None),
        (["shop.example", ""], ".shop.example"),
        (["shop.example", f"{'x' * MAX_ATTRIBUTE}.test"], ".shop.example"),
    ],
)
def test_17_11_last_domain(domains: list[str], expected: str | None) -> None:
    """Contract 17.11: of several domains the last one counts, unless it is empty or too long."""
    cookie = read("id=7" + "".join(f"; Domain={domain}" for domain in domains))

    assert expected == (None if cookie is None else cookie.domain)


def test_17_11_no_host() -> None:
    """Contract 17.11: what has no host, as a URL of another scheme may have none, sets no cookies."""
    assert None is read("id=7", "data:text/plain,x")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http+unix://%2FRun%2Fsocket/x", "%2frun%2fsocket"),
        ("unix://Somewhere/", "somewhere"),
        ("own://[2001:DB8::1]:8080/", "2001:db8::1"),
        ("own://elev\u00e9.example/", "xn--elev-epa.example"),
        ("own://a,b/", None),
        ("own://a:b/", None),
        ("own://127.1/", None),
        ("own://\ud800/", None),
    ],
)
def test_17_11_hosts_of_other_schemes(url: str, expected: str | None) -> None:
    """Contract 17.11, COOKIE-4: a host has cookies if it is a name, an address or an encoded path, and gets them."""
    cookie = read("id=7", url)
    cookies = Cookies()
    cookies.put([] if cookie is None else [cookie], NOW)

    assert expected == (None if cookie is None else cookie.domain)
    assert (None if expected is None else "id=7") == cookies.field_for(parse_target(url), NOW)


@pytest.mark.parametrize(
    ("host", "domain", "expected"),
    [
        ("shop.example", "shop.example", True),
        ("www.shop.example", "shop.example", True),
        ("workshop.example", "shop.example", False),
        ("shop.example", "www.shop.example", False),
        ("1.2.3.4", "3.4", False),
        ("2001:db8::1", "1", False),
    ],
)
def test_17_11_domain_matches(host: str, domain: str, expected: bool) -> None:
    """Contract 17.11: a domain matches at its dots, and never within an IP address."""
    assert expected is domain_matches(host, domain)


# Secure, and what names promise


@pytest.mark.parametrize(
    ("attributes", "is_secure"),
    [
        ("Secure", True),
        ("seCURE", True),
        ("Secure=", True),
        ("Secure=no", True),
        ("Secure =x", True),
        ("x; Secure", True),
    ],
)
def test_17_12_secure(attributes: str, is_secure: bool) -> None:
    """Contract 17.12: Secure counts whatever its value, and only what came over https may be secure."""
    cookie = read(f"id=7; {attributes}", "https://shop.example/")

    assert cookie is not None
    assert is_secure is cookie.secure
    assert None is read(f"id=7; {attributes}", "http://shop.example/")


@pytest.mark.parametrize("name", ["__Secure-id", "__SECURE-id", "__secure-", "__Host-id", "__hOST-id"])
def test_17_12_prefixes_over_http(name: str) -> None:
    """Contract 17.12: over plain http no cookie has such a name, in whatever letters."""
    for attributes in ("", "; Secure", "; Path=/", "; Secure; Path=/"):
        assert None is read(f"{name}=7{attributes}", "http://shop.example/")


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ("__Secure-id=7", False),
        ("__Secure-id=7; Secure", True),
        ("__Secure-id=7; Secure; Domain=shop.example; Path=/x", True),
        ("__Host-id=7; Secure; Path=/", True),
        ("__host-id=7; Secure; Path=/; HttpOnly", True),
        ("__Host-id=7; Path=/", False),
        ("__Host-id=7; Secure", False),  # the path is / by the request, not by the server's word
        ("__Host-id=7; Secure; Path", False),
        ("__Host-id=7; Secure; Path=/x", False),
        ("__Host-id=7; Secure; Path=/; Domain=shop.example", False),
        ("__Host-id=7; Secure; Path=/; Domain=", True),
        ("__Hosts-id=7", True),
        ("Host-id=7", True),
    ],
)
def test_17_12_prefixes(text: str, is_kept: bool) -> None:
    """Contract 17.12: __Secure- needs Secure; __Host- needs it as well, no Domain, and Path=/ in as many words."""
    assert is_kept is (read(text, "https://shop.example/") is not None)


# Dates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The forms of RFC 9110, section 5.6.7, and what servers make of them.
        ("Sun, 06 Nov 1994 08:49:37 GMT", (1994, 11, 6, 8, 49, 37)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", (1994, 11, 6, 8, 49, 37)),
        ("Sun Nov  6 08:49:37 1994", (1994, 11, 6, 8, 49, 37)),
        ("06 Nov 1994 08:49:37", (1994, 11, 6, 8, 49, 37)),
        ("Sun, 6-nov-1994 8:9:7 GMT", (1994, 11, 6, 8, 9, 7)),
        ("1994 November 6th 08:49:37.5 +0200 (CEST)", (1994, 11, 6, 8, 49, 37)),
        ("08:49:37 1994 Nov 06", (1994, 11, 6, 8, 49, 37)),
        ("6/Nov\\1994 08:49:37", (1994, 11, 6, 8, 49, 37)),
        ('"Sun, 06 Nov 1994 08:49:37 GMT"', (1994, 11, 6, 8, 49, 37)),
        ("Noday, 06 - Novembre - 94 08:49:37", (1994, 11, 6, 8, 49, 37)),
        ("6 Nov 1994 08:49:37 10:11:12", (1994, 11, 6, 8, 49, 37)),  # the first time is the time
        ("6 07 Nov 08:49:37", (2007, 11, 6, 8, 49, 37)),
        ("x::y 6 Nov 1994 08:49:37", (1994, 11, 6, 8, 49, 37)),
        ("6 Nov 1994 08:49:37x", (1994, 11, 6, 8, 49, 37)),
        ("6x Nov 1994x 08:49:37", (1994, 11, 6, 8, 49, 37)),
        # Years of two and three digits.
        ("1 Jan 00 00:00:00", (2000, 1, 1)),
        ("1 Jan 69 00:00:00", (2069, 1, 1)),
        ("1 Jan 70 00:00:00", (1970, 1, 1)),
        ("1 Jan 99 00:00:00", (1999, 1, 1)),
        ("1 Jan 1601 00:00:00", (1601, 1, 1)),
        ("1 Jan 9999 00:00:00", (9999, 1, 1)),
        ("29 Feb 2024 00:00:00", (2024, 2, 29)),
        ("1 Jan 1600 00:00:00", None),
        ("1 Jan 100 00:00:00", None),
        ("1 Jan 20300 00:00:00", None),
        # Parts that are missing, or that no calendar and no clock has.
        ("", None),
        ("06 Nov 1994", None),
        ("06 1994 08:49:37", None),
        ("Nov 1994 08:49:37", None),
        ("06 Nov 08:49:37", None),
        ("06 No 1994 08:49:37", None),
        ("0 Nov 1994 08:49:37", None),
        ("31 Nov 1994 08:49:37", None),
        ("29 Feb 2023 08:49:37", None),
        ("06 Nov 1994 24:00:00", None),
        ("06 Nov 1994 08:60:00", None),
        ("06 Nov 1994 08:49:60", None),
        ("06 Nov 1994 91:49:37 08:49:37", None),  # the first time is the time
        ("06 Nov 1994 08: 49:37", None),
        ("06 Nov 1994 08:49", None),
        ("06 Nov 1994 008:49:37", None),
        ("06 Nov 1994 08:49:370", None),
        ("\u0660\u0666 Nov 1994 08:49:37", None),
    ],
)
def test_17_11_dates(text: str, expected: tuple[int, ...] | None) -> None:
    """Contract 17.11: dates are read by the algorithm of RFC 6265, section 5.1.1."""
    assert (None if expected is None else timestamp(*expected)) == parse_date(text)


@pytest.mark.parametrize("piece", ["1:", "Jan", "99", "1 ", "-", "1:1:1", "0" * 9, "\xff"])
def test_17_13_time_grows_with_the_length(piece: str) -> None:
    """Contract 17.13, COOKIE-1: a field as long as a head may be is read by scans that go through it once."""
    text = f"id=7; Expires={(piece * MAX_ATTRIBUTE)[:MAX_ATTRIBUTE]}" * 200

    read(text)
    read(piece * 60_000)
    parse_date(piece * 60_000)


# Cookies of programs and files


def test_17_14_given_cookies() -> None:
    """Contract 17.14: a cookie has what it is given; a host in other letters becomes the one that requests have."""
    assert Cookie("id", "7", "shop.example", "/", None, False, False) == check_cookie("id", "7", "SHOP.example")
    assert Cookie("id", "", ".shop.example", "/x", 9, True, True) == check_cookie(
        "id", "", ".shop.example", "/x", 9.5, secure=True, http_only=True
    )
    assert "xn--elev-epa.example" == check_cookie("id", "7", "elev\u00e9.example").domain
    assert ".xn--elev-epa.example" == check_cookie("id", "7", ".elev\u00e9.example").domain
    assert "127.0.0.1" == check_cookie("id", "7", ".127.0.0.1").domain
    for address in ("2001:db8::1", "2001:DB8:0::1", "[2001:db8::1]", ".[2001:db8::1]"):
        assert "2001:db8::1" == check_cookie("id", "7", address).domain
    assert "fe80::1%eth0" == check_cookie("id", "7", "fe80::1%Eth0").domain
    assert "%2frun%2fsocket" == check_cookie("id", "7", "%2Frun%2Fsocket").domain
    assert MAX_TIME == check_cookie("id", "7", "h", expires=10**400).expires


def test_17_14_text_beyond_latin_1() -> None:
    """Contract 17.14: what does not fit into Latin-1 is sent as utf-8."""
    assert ("\xe4", "\xe6\x98\xa5") == check_cookie("\xe4", "\u6625", "h")[:2]


@pytest.mark.parametrize(
    ("part", "values", "error"),
    [
        ("name", ["", "i=d", "i;d", "i\td", "i\nd", " id", "id\t", "x" * MAX_SIZE], ValueError),
        ("value", ["7;x=y", "7\r\nx", "7\0", " 7", "7\t", "7\x7f", "7" * MAX_SIZE], ValueError),
        ("domain", ["", ".", "..h", "h/x", "https://h", "h:80", "h;x", "h h", "h\n", "\u2100.example"], ValueError),
        ("domain", ["#h", "#HttpOnly_h", ".#h", "$h", "h,x", "{h", "h\t", "*.h.example", "h..example"], ValueError),
        ("domain", ["[::1", "::1]", "[[::1]]", "[h]", "[::1]:80", "h@[::1]", "::1%", "[::1%a/b]"], ValueError),
        ("domain", ["127.1", "0x7f.0.0.1", "h" * 64, "h." * 127 + "h", "%", "%2", "%zz", "%2f#"], ValueError),
        ("path", ["", "x", "/a b", "/\xe4", "/x\n", "/" * (MAX_ATTRIBUTE + 1)], ValueError),
        ("expires", [float("nan"), float("inf")], ValueError),
        ("name", [None, b"id", 1], TypeError),
        ("value", [None, b"7", 1], TypeError),
        ("domain", [None, 1], TypeError),
        ("path", [None, 1], TypeError),
        ("expires", ["1", True], TypeError),
    ],
)
def test_17_14_what_cannot_be_a_cookie(part: str, values: list[Any], error: type[Exception]) -> None:
    """Contract 17.14: a part that could smuggle something or go nowhere is an error, and the message has no value."""
    for value in values:
        with pytest.raises(error) as caught:
            check_cookie(**{"name": "id", "value": "s3cret", "domain": "h", part: value})
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("__Secure-id", {}),
        ("__Host-id", {"path": "/"}),
        ("__Host-id", {"secure": True, "path": "/x"}),
        ("__Host-id", {"secure": True, "domain": ".h.example"}),
    ],
)
def test_17_12_prefixes_of_given_cookies(name: str, options: dict[str, Any]) -> None:
    """Contract 17.12: what a name promises holds for programs and files, too."""
    with pytest.raises(ValueError, match="must be secure"):
        check_cookie(name, "7", **{"domain": "h.example", **options})
    assert check_cookie(name, "7", "h.example", secure=True)


def test_16_3_repr_has_no_value() -> None:
    """Contract 16.3: a cookie shows its name and where it goes, and not its value, which may be a login."""
    cookie = Cookie("id", "s3cret", ".shop.example", "/x")

    assert "Cookie('id', '***', '.shop.example', '/x')" == repr(cookie) == str(cookie)
    assert "shop.example" == cookie.host
