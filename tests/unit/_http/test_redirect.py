from __future__ import annotations

import pytest

from urlrequest._http.redirect import NextRequest, find_redirect, resolve_reference
from urlrequest._http.response_head import ResponseHead, parse_head
from urlrequest._http.target import parse_target
from urlrequest.errors import InvalidURL, UnsafeRedirect

ORIGIN = "http://a.test/folder/page?query"


def head(status: int, location: str | None) -> ResponseHead:
    field = b"" if location is None else b"Location: %b\r\n" % location.encode()
    return parse_head(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, field))


def follow(status: int, location: str | None, *, method: str = "GET", url: str = ORIGIN) -> NextRequest | None:
    return find_redirect(method, parse_target(url), head(status, location))


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        *((status, method, method) for status in (307, 308) for method in ("GET", "HEAD", "POST", "PUT", "DELETE")),
        *((status, method, method) for status in (301, 302) for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE")),
        *((status, "POST", "GET") for status in (301, 302, 303)),
        *((303, method, "GET") for method in ("GET", "PUT", "PATCH", "DELETE")),
        (303, "HEAD", "HEAD"),
    ],
)
def test_17_4_method(status: int, method: str, becomes: str) -> None:
    """The method of the next request is that of RFC 9110, section 15.4, and with a new one the body is left behind."""
    following = follow(status, "/next", method=method)

    assert following is not None
    assert becomes == following.method
    if becomes != method:
        assert not following.keeps_body
    if status in {307, 308}:
        assert following.keeps_body


@pytest.mark.parametrize(
    ("status", "location"),
    [(200, "/x"), (201, "/x"), (300, "/x"), (304, "/x"), (305, "/x"), (306, "/x"), (309, "/x"), (302, None), (302, "")],
)
def test_17_4_what_is_no_redirect(status: int, location: str | None) -> None:
    """Other statuses, and a redirect that does not say where to, are answers like any other."""
    assert follow(status, location) is None


@pytest.mark.parametrize("slashes", ["///", "////", "/\\", "\\/", "\\\\", "//\\", "\\\\/"])
@pytest.mark.parametrize("scheme", ["", "http:", "HTTPS:"])
def test_17_4_hosts_behind_odd_slashes(scheme: str, slashes: str) -> None:
    """Contract 17.4: where browsers read a host and RFC 3986 reads a path, or none, the redirect is not followed."""
    with pytest.raises(InvalidURL):
        follow(302, f"{scheme}{slashes}b.test/x")


@pytest.mark.parametrize("location", ["//", "//?/", "//?x", "//#", "http://?", "//:80", "//@"])
def test_17_4_slashes_without_a_host(location: str) -> None:
    """Contract 17.4: two slashes and no host are an error, as in browsers, and not the path of the present host."""
    with pytest.raises(InvalidURL):
        follow(302, location)


@pytest.mark.parametrize(
    "location", ["b.test:81/x", "localhost:80", "http:80", "https:1/x", "http:/x", "http:x", "https:"]
)
def test_17_4_a_scheme_is_no_host(location: str) -> None:
    """Contract 17.4: `name:80` is a host in a program, and a scheme in a Location, which is not followed."""
    with pytest.raises(InvalidURL):
        follow(302, location)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/next", "http://a.test/next"),
        ("next", "http://a.test/folder/next"),
        ("../next", "http://a.test/next"),
        ("?other", "http://a.test/folder/page?other"),
        (";v=1", "http://a.test/folder/;v=1"),
        ("//b.test/x", "http://b.test/x"),
        ("http://b.test?x=1", "http://b.test/?x=1"),
        ("https://a.test/x", "https://a.test/x"),
        ("HTTP://A.TEST:80/x", "http://a.test/x"),
        ("/next#part", "http://a.test/next"),
        (" /next\t", "http://a.test/next"),
        ("/ä b", "http://a.test/%C3%A4%20b"),
        ("/a[1]|%zz%20^", "http://a.test/a%5B1%5D%7C%25zz%20%5E"),
        ("?{x}=\\", "http://a.test/folder/page?%7Bx%7D=%5C"),
        ('next"<>`', "http://a.test/folder/next%22%3C%3E%60"),
    ],
)
def test_17_4_location(location: str, url: str) -> None:
    """Relative references are resolved (RFC 3986, section 5); bytes that are not ASCII are utf-8."""
    following = follow(302, location)

    assert following is not None
    assert url == following.target.url


@pytest.mark.parametrize(
    ("location", "url"),
    [
        (b"/gr\xf6\xdfer", "http://a.test/gr%F6%DFer"),
        (b"/gr\xc3\xb6\xc3\x9fer", "http://a.test/gr%C3%B6%C3%9Fer"),
        (b"/\xc3\xb6\xff?\xe9", "http://a.test/%C3%B6%FF?%E9"),
        (b"http://b.test/\xe9", "http://b.test/%E9"),
    ],
)
def test_11_7_location_keeps_its_bytes(location: bytes, url: str) -> None:
    """Contract 11.7: a Location in whatever encoding is followed to the bytes that it names."""
    following = find_redirect(
        "GET", parse_target(ORIGIN), parse_head(b"HTTP/1.1 302 X\r\nLocation: %b\r\n\r\n" % location)
    )

    assert following is not None
    assert url == following.target.url


def test_11_7_host_in_no_known_encoding() -> None:
    """Contract 11.7: a host whose bytes are not utf-8 names none."""
    with pytest.raises(InvalidURL):
        find_redirect("GET", parse_target(ORIGIN), parse_head(b"HTTP/1.1 302 X\r\nLocation: //b\xfc.test/\r\n\r\n"))


@pytest.mark.parametrize(
    ("locations", "url"),
    [
        (["/x", "/x"], "http://a.test/x"),
        (["/x ", "/x"], "http://a.test/x"),
        (["/x", ""], "http://a.test/x"),
        (["/a,b", "/a,b"], "http://a.test/a,b"),
        (["/x", "/y"], None),
        (["/x", "/x", "/y"], None),
        (["/x", "http://evil.test/"], None),
    ],
)
def test_11_6_several_locations(locations: list[str], url: str | None) -> None:
    """Contract 11.6: the same Location twice is one; different ones are not followed."""
    fields = "".join(f"Location: {location}\r\n" for location in locations)
    following = find_redirect("GET", parse_target(ORIGIN), parse_head(f"HTTP/1.1 302 X\r\n{fields}\r\n".encode()))

    assert url == (None if following is None else following.target.url)


@pytest.mark.parametrize(
    ("url", "location", "leaves"),
    [
        ("http://a.test/", "http://a.test/x", False),
        ("http://a.test/", "http://a.test:80/x", False),
        ("https://a.test/", "https://a.test:443/x", False),
        ("http://a.test/", "http://A.test/x", False),
        ("http://a.test/", "http://a.test:8080/x", True),
        ("http://a.test/", "https://a.test/x", True),
        ("http://a.test/", "http://a.test.evil/x", True),
        ("http://a.test/", "http://sub.a.test/x", True),
        ("http://a.test/", "http://a.tes/x", True),
        ("http://[fe80::1%25a]/", "http://[fe80::1%25b]/x", True),
    ],
)
def test_17_4_origin_is_scheme_host_and_port(url: str, location: str, leaves: bool) -> None:
    """Security A4 and A7: the port counts, and the host is compared as a whole."""
    following = follow(302, location, url=url)

    assert following is not None
    assert leaves == following.leaves_origin


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://a.test/", "data:,x", "javascript:alert(1)"])
def test_17_4_only_http_and_https(location: str) -> None:
    """Security A10 and 66: no other scheme is followed to."""
    with pytest.raises(InvalidURL, match="only http and https"):
        follow(302, location)


def test_17_4_never_from_https_to_http() -> None:
    """Nothing that was asked for over TLS is asked for in the clear."""
    with pytest.raises(UnsafeRedirect, match="from https to http"):
        follow(302, "http://a.test/", url="https://a.test/")


@pytest.mark.parametrize(
    "location", ["http://", "http://a b/", "http://h\\@evil/", "http://a%0d%0ab/", "http://a:99999"]
)
def test_17_4_locations_that_cannot_be_requested(location: str) -> None:
    """Security C: a Location is checked as any URL is."""
    with pytest.raises(InvalidURL):
        follow(302, location)


def test_17_4_control_characters_are_not_deleted() -> None:
    """Security C17: what `urljoin()` would silently repair is refused."""
    with pytest.raises(InvalidURL, match="control characters"):
        resolve_reference(parse_target(ORIGIN), "/a\tb")


def test_17_4_userinfo_stays_at_its_origin() -> None:
    """Security A1: user and password of the URL go along to the same origin, and to no other."""
    base = "http://user:secret@a.test/"
    same, other = follow(302, "/x", url=base), follow(302, "http://b.test/", url=base)

    assert same is not None
    assert other is not None
    assert ("user", "secret") == same.target.userinfo
    assert other.target.userinfo is None


@pytest.mark.parametrize(
    ("reference", "host"),
    [("/x", "fe80::1%eth0"), ("x?y", "fe80::1%eth0"), ("http://[fe80::1]/x", "fe80::1"), ("//[fe80::1]/x", "fe80::1")],
)
def test_9_2_zone_of_an_address(reference: str, host: str) -> None:
    """Contract 9.2: a relative Location leads to the same host, whose zone no text that is sent has."""
    base = parse_target("http://user:secret@[fe80::1%25eth0]:8080/a")
    following = resolve_reference(base, reference)
    is_same = "%" in host

    assert (host, is_same, is_same) == (following.host, following.origin == base.origin, following.userinfo is not None)


@pytest.mark.parametrize(
    ("base", "reference", "url"),
    [
        ("http+unix://service/v1/", "status", "http+unix://service/v1/status"),
        ("http+unix://service/v1/", "/status", "http+unix://service/status"),
        ("http+unix://service/v1/", "//other/x", "http+unix://other/x"),
        ("http+unix://service/v1/", "http://a.test/x", "http://a.test/x"),
        ("https://a.test/v1/", "a.test:8080/x", "http://a.test:8080/x"),
    ],
)
def test_17_9_references_to_other_schemes(base: str, reference: str, url: str) -> None:
    """A relative URL keeps to its base, whatever the base's scheme: it never becomes a host by accident."""
    assert url == resolve_reference(parse_target(base), reference).url
