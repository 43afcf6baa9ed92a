"""Which cookies are kept, and which of them a request gets."""

from __future__ import annotations

import pytest

from urlrequest._http.cookie import Cookie
from urlrequest._http.cookies import MAX_COOKIES, MAX_FIELD, MAX_OF_HOST, MAX_RECEIVED, Cookies, received_cookies
from urlrequest._http.target import parse_target

NOW = 1_700_000_000.0


class Jar:
    """Cookies at a clock of the test's own."""

    def __init__(self) -> None:
        self.cookies = Cookies()
        self.now = NOW

    def set(self, url: str, *fields: str) -> None:
        """Receive a response with these Set-Cookie fields."""
        target = parse_target(url)
        cookies = received_cookies(target, list(fields), self.now)
        self.cookies.receive(cookies, self.now, is_secure=target.scheme == "https")

    def put(self, *cookies: Cookie) -> None:
        self.cookies.put(cookies, self.now)

    def sent(self, url: str) -> str | None:
        return self.cookies.field_for(parse_target(url), self.now)

    def names(self) -> list[str]:
        return [cookie.name for cookie in self.cookies.all(self.now)]


@pytest.fixture
def jar() -> Jar:
    return Jar()


# Sent


@pytest.mark.parametrize("host", ["localhost", "printer", "shop.example", "shop.example.", "127.0.0.1", "[::1]"])
def test_17_11_a_cookie_comes_back(jar: Jar, host: str) -> None:
    """Contract 17.11: a cookie goes back to the host that set it, on any port, be it of one label or an address."""
    jar.set(f"http://{host}/", "id=7")

    assert "id=7" == jar.sent(f"http://{host}/")
    assert "id=7" == jar.sent(f"https://{host}:8443/x?y#z")


@pytest.mark.parametrize(
    ("url", "field", "others"),
    [
        (
            "http://shop.example/",
            "id=7",
            ["http://www.shop.example/", "http://example/", "http://shop.example./", "http://workshop.example/"],
        ),
        ("http://www.shop.example/", "id=7", ["http://shop.example/", "http://mail.shop.example/"]),
        ("http://www.shop.example/", "id=7; Domain=shop.example", ["http://example/", "http://workshop.example/"]),
        (
            "http://10.0.0.1/",
            "id=7; Domain=10.0.0.1",
            ["http://110.0.0.1/", "http://0.0.1.example/", "http://10.0.0.2/"],
        ),
        ("http://[::1]/", "id=7", ["http://[::2]/", "http://localhost/"]),
        (
            "http://shop.example/a/b",
            "id=7",
            ["http://shop.example/", "http://shop.example/ab", "http://shop.example/A/b"],
        ),
        ("http://shop.example/", "id=7; Path=/a/", ["http://shop.example/a", "http://shop.example/?/a/"]),
    ],
)
def test_17_11_nobody_else_gets_it(jar: Jar, url: str, field: str, others: list[str]) -> None:
    """Contract 17.11, COOKIES-2: other hosts, other paths and parts of addresses do not get a cookie."""
    jar.set(url, field)

    assert ["id"] == jar.names()
    assert [None] * len(others) == [jar.sent(other) for other in others]


def test_17_11_a_domain_is_for_the_hosts_within(jar: Jar) -> None:
    """Contract 17.11: a cookie with a domain goes to that host and all hosts below it."""
    jar.set("http://www.shop.example/", "id=7; Domain=shop.example")

    hosts = ["shop.example", "www.shop.example", "a.b.c.shop.example", "SHOP.example"]
    assert ["id=7"] * 4 == [jar.sent(f"http://{host}/") for host in hosts]


def test_17_11_order(jar: Jar) -> None:
    """Contract 17.11: longer paths come first, then what was set earlier; a new value keeps its place."""
    jar.set("http://www.shop.example/a/b/", "one=1; Path=/", "two=2; Path=/; Domain=shop.example", "three=3; Path=/a")
    jar.set(
        "http://www.shop.example/a/b/", "four=4; Path=/a/b", "five=5; Path=/a; Domain=shop.example", "six=6; Path=/c"
    )
    jar.set("http://www.shop.example/a/b/", "one=new; Path=/", "seven=7; Path=/")

    assert "four=4; three=3; five=5; one=new; two=2; seven=7" == jar.sent("http://www.shop.example/a/b/x")
    assert ["one", "two", "three", "four", "five", "six", "seven"] == jar.names()


def test_17_11_same_name_on_several_paths(jar: Jar) -> None:
    """Contract 17.11: cookies of one name and different paths or domains are different ones."""
    jar.set("http://www.shop.example/", "id=1; Path=/", "id=2; Path=/a", "id=3; Domain=www.shop.example")
    jar.set("http://www.shop.example/", "id=4; Domain=shop.example")

    assert "id=2; id=1; id=3; id=4" == jar.sent("http://www.shop.example/a")


def test_17_11_expiry(jar: Jar) -> None:
    """Contract 17.11: a cookie ends at its time; one without a time stays."""
    jar.set("http://h.example/", "short=1; Max-Age=10", "long=2; Max-Age=20", "open=3")
    assert "short=1; long=2; open=3" == jar.sent("http://h.example/")

    jar.now += 10
    assert "long=2; open=3" == jar.sent("http://h.example/")
    jar.now += 10
    assert "open=3" == jar.sent("http://h.example/")
    assert ["open"] == jar.names()


def test_17_11_deletion(jar: Jar) -> None:
    """Contract 17.11: what expires in the past ends the cookie of the same name, domain and path, and no other one."""
    jar.set("http://www.shop.example/", "id=1", "id=2; Path=/a", "id=3; Domain=shop.example", "x=4")
    jar.set("http://www.shop.example/", "id=; Max-Age=0", "never=1; Max-Age=0")

    assert "id=2; id=3; x=4" == jar.sent("http://www.shop.example/a")


def test_17_11_a_host_ends_no_cookie_of_another(jar: Jar) -> None:
    """Contract 17.11, COOKIES-2: a subdomain neither ends nor replaces what the host above it keeps for itself."""
    jar.set("http://shop.example/", "id=1")
    jar.set("http://evil.shop.example/", "id=; Domain=shop.example; Max-Age=0")
    assert "id=1" == jar.sent("http://shop.example/")

    jar.set("http://evil.shop.example/", "id=2; Domain=shop.example", "id=3")
    assert "id=1; id=2" == jar.sent("http://shop.example/")


# Secure


def test_17_12_secure_cookies_need_https(jar: Jar) -> None:
    """Contract 17.12: a secure cookie goes to https only."""
    jar.set("https://shop.example/", "id=7; Secure", "x=8")

    assert "id=7; x=8" == jar.sent("https://shop.example/")
    assert "x=8" == jar.sent("http://shop.example/")


@pytest.mark.parametrize(
    ("secure_url", "secure_field", "url", "field"),
    [
        ("https://shop.example/", "id=7; Secure", "http://shop.example/", "id=evil"),
        ("https://shop.example/", "id=7; Secure", "http://shop.example/", "id=; Max-Age=0"),
        ("https://shop.example/", "id=7; Secure", "http://shop.example/", "id=evil; Path=/a"),
        ("https://shop.example/", "id=7; Secure", "http://shop.example/", "id=evil; Domain=shop.example"),
        ("https://shop.example/", "id=7; Secure; Domain=shop.example", "http://www.shop.example/", "id=evil"),
        ("https://www.shop.example/", "id=7; Secure", "http://shop.example/", "id=evil; Domain=shop.example"),
        ("https://shop.example/", "id=7; Secure; Path=/a", "http://shop.example/", "id=evil; Path=/a/b"),
    ],
)
def test_17_12_plain_http_does_not_touch_secure_cookies(
    jar: Jar, secure_url: str, secure_field: str, url: str, field: str
) -> None:
    """Contract 17.12, COOKIES-3: plain http replaces, ends and hides no secure cookie of the same name."""
    jar.set(secure_url, secure_field)
    jar.set(url, field)

    assert ["7"] == [cookie.value for cookie in jar.cookies.all(NOW)]


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("http://shop.example/", "other=1"),
        ("http://else.example/", "id=1"),
        ("http://shop.example/", "id=1; Path=/"),  # behind the secure one, whose path is longer
        ("https://shop.example/", "id=1; Path=/a"),
    ],
)
def test_17_12_what_plain_http_may_set(jar: Jar, url: str, field: str) -> None:
    """Contract 17.12: cookies of other names, other hosts and shorter paths are set; over https any."""
    jar.set("https://shop.example/", "id=7; Secure; Path=/a")
    jar.set(url, field)

    assert "1" in [cookie.value for cookie in jar.cookies.all(NOW)]


def test_17_12_plain_http_makes_no_room_at_the_cost_of_secure_ones(jar: Jar) -> None:
    """Contract 17.12, COOKIES-3: a flood over plain http pushes out no secure cookie."""
    jar.set("https://shop.example/", *(f"s{number}=1; Secure" for number in range(MAX_OF_HOST - 1)))
    for turn in range(3):
        jar.set("http://shop.example/", *(f"p{turn}-{number}=1" for number in range(MAX_RECEIVED)))

    assert [*(f"s{number}" for number in range(MAX_OF_HOST - 1)), f"p2-{MAX_RECEIVED - 1}"] == jar.names()


# Bounds


def test_17_13_cookies_of_one_response(jar: Jar) -> None:
    """Contract 17.13: of one response at most fifty are read, in order."""
    jar.set("http://h.example/", *(f"c{number}=1" for number in range(MAX_RECEIVED + 10)))

    assert [f"c{number}" for number in range(MAX_RECEIVED)] == jar.names()


def test_17_13_cookies_of_one_host(jar: Jar) -> None:
    """Contract 17.13, COOKIES-1: a host and its domain have fifty; what was not used for longest leaves first."""
    jar.set("http://h.example/", *(f"c{number}=1" for number in range(30)))
    jar.set("http://h.example/", *(f"d{number}=1; Domain=h.example; Path=/x" for number in range(20)))
    assert jar.sent("http://h.example/")
    jar.set("http://h.example/", "new=1", "newer=1")
    jar.set("http://other.example/", "id=7")

    assert [*(f"c{number}" for number in range(30)), *(f"d{number}" for number in range(2, 20))] == jar.names()[:48]
    assert ["new", "newer", "id"] == jar.names()[48:]


def test_17_13_expired_ones_leave_first(jar: Jar) -> None:
    """Contract 17.13: expired cookies leave before any other, secure ones last."""
    jar.set("https://h.example/", *(f"s{number}=1; Secure" for number in range(10)))
    jar.set("https://h.example/", *(f"p{number}=1" for number in range(30)))
    jar.set("https://h.example/", *(f"e{number}=1; Max-Age=5" for number in range(10)))
    jar.now += 5
    jar.set("https://h.example/", *(f"n{number}=1" for number in range(15)))

    kept = jar.names()
    assert MAX_OF_HOST == len(kept)
    assert [f"s{number}" for number in range(10)] == kept[:10]
    assert [f"p{number}" for number in range(5, 30)] == kept[10:35]


def test_17_13_cookies_in_all(jar: Jar) -> None:
    """Contract 17.13, COOKIES-1: three thousand are kept in all, of however many hosts."""
    for host in range(MAX_COOKIES // MAX_OF_HOST + 5):
        jar.set(f"http://h{host}.example/", *(f"c{number}=1" for number in range(MAX_OF_HOST)))

    assert MAX_COOKIES == len(jar.names())
    assert None is jar.sent("http://h4.example/")
    assert jar.sent("http://h5.example/") is not None
    assert MAX_COOKIES // MAX_OF_HOST == len(jar.cookies._buckets)


def test_17_13_nothing_is_kept_of_empty_hosts(jar: Jar) -> None:
    """Contract 17.13: a host whose cookies were never kept, or are gone, leaves nothing behind."""
    for number in range(100):
        jar.set(f"http://h{number}.example/", "id=7; Max-Age=0")
        jar.set(f"http://h{number}.example/", "id=7")
        jar.set(f"http://h{number}.example/", "id=7; Max-Age=0")

    assert {} == jar.cookies._buckets


def test_17_13_the_field_is_what_servers_read(jar: Jar) -> None:
    """Contract 17.13: a request gets 8,182 bytes of cookies: what comes first in order, and what still fits."""
    jar.set("http://h.example/", f"one={'1' * 4000}", f"two={'2' * 4000}", f"three={'3' * 4000}", "four=4")
    jar.set("http://h.example/", f"path={'5' * 4000}; Path=/a")

    assert ["one", "two", "four"] == [
        pair.partition("=")[0] for pair in (jar.sent("http://h.example/") or "").split("; ")
    ]
    assert ["path", "one", "four"] == [
        pair.partition("=")[0] for pair in (jar.sent("http://h.example/a") or "").split("; ")
    ]


def test_17_13_the_field_is_no_longer_than_its_limit(jar: Jar) -> None:
    """Contract 17.13: the limit counts every byte of the value."""
    jar.set("http://h.example/", f"a={'x' * 4000}", f"b={'x' * 4000}", f"c={'x' * (MAX_FIELD - 8008 - 2)}")
    assert MAX_FIELD == len(jar.sent("http://h.example/") or "")

    jar.set("http://h.example/", f"c={'x' * (MAX_FIELD - 8008 - 1)}")
    assert 8006 == len(jar.sent("http://h.example/") or "")


# Programs


def test_17_14_clear(jar: Jar) -> None:
    """Contract 17.14: cookies are removed by domain, by path and by name, or all."""

    def fill() -> None:
        jar.put(Cookie("a", "1", "h"), Cookie("b", "2", ".h", "/x"), Cookie("a", "3", "other"))

    left = []
    for parts in [("h", None, None), (None, "/x", None), (None, None, "a"), ("h", "/", "b"), (None, None, None)]:
        fill()
        jar.cookies.clear(*parts)
        left.append([cookie.value for cookie in jar.cookies.all(NOW)])
        jar.cookies.clear(None, None, None)

    assert [["3"], ["1", "3"], ["2"], ["1", "2", "3"], []] == left


def test_17_14_put_replaces_and_ends(jar: Jar) -> None:
    """Contract 17.14: a cookie of a program takes the place of the same one; one that has expired ends it."""
    jar.put(Cookie("a", "1", "h"), Cookie("b", "2", "h"))
    jar.put(Cookie("a", "3", "h"))
    assert "a=3; b=2" == jar.sent("http://h/")

    jar.put(Cookie("a", "", "h", expires=0))
    assert "b=2" == jar.sent("http://h/")
