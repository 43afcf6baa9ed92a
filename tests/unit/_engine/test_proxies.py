from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from urlrequest import DigestAuth
from urlrequest._engine.proxies import choose_proxy, is_exempt
from urlrequest._http.target import parse_target
from urlrequest._net.route import Proxy
from urlrequest.errors import InvalidURL

TARGET = parse_target("http://origin.test/path?query")


def choose(host: Any, port: Any = None, headers: Any = None, *, trust_env: bool = False, url: str = "") -> Proxy | None:
    target = parse_target(url) if url else TARGET
    return choose_proxy(host, port, headers, target, is_environment_trusted=trust_env)


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("proxy.test", 3128, ("http", "proxy.test", 3128)),
        ("proxy.test", None, ("http", "proxy.test", 80)),
        ("proxy.test:8080", None, ("http", "proxy.test", 8080)),
        ("proxy.test:8080", "3128", ("http", "proxy.test", 3128)),
        ("http://Proxy.test:8080/", None, ("http", "proxy.test", 8080)),
        ("https://proxy.test", None, ("https", "proxy.test", 443)),
        ("socks5://proxy.test", None, ("socks5", "proxy.test", 1080)),
        ("SOCKS5h://proxy.test:9050", None, ("socks5h", "proxy.test", 9050)),
        ("socks://proxy.test", None, ("socks5", "proxy.test", 1080)),
        ("socks4://proxy.test", None, ("socks4", "proxy.test", 1080)),
        ("socks4a://proxy.test:9050", None, ("socks4a", "proxy.test", 9050)),
        ("[::1]:3128", None, ("http", "::1", 3128)),
        (" proxy.test ", None, ("http", "proxy.test", 80)),
    ],
)
def test_14_1_address(host: str, port: Any, expected: tuple[str, str, int]) -> None:
    """A host, or a URL that says how the proxy is spoken to; proxy_port wins over the URL's."""
    proxy = choose(host, port)

    assert proxy is not None
    assert expected == (proxy.scheme, proxy.host, proxy.port)


@pytest.mark.parametrize("host", [None, "", False])
def test_14_2_no_proxy_by_default(host: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without proxy_host there is none, whatever the environment says."""
    monkeypatch.setenv("http_proxy", "http://proxy.test:1")

    assert choose(host) is None


@pytest.mark.parametrize(
    "host",
    ["ftp://proxy.test", "socks6://proxy.test", "socks5://", "socks5://a b", "http://", "proxy\r\nX: y", "pr/oxy:x:y"],
)
def test_14_1_addresses_that_cannot_be_used(host: str) -> None:
    """A proxy of an unknown kind, or without a valid host, is an error."""
    if host == "pr/oxy:x:y":  # a path says nothing
        assert choose(host) == Proxy("http", "pr", 80)
        return
    with pytest.raises(InvalidURL):
        choose(host)


def test_16_3_an_unknown_scheme_shows_no_password() -> None:
    """Contract 16.3: what precedes the slashes may be a password, so it is shown only where it is a scheme."""
    for text in ("user:s3cret@proxy.test://", "s3cret word://proxy.test"):
        with pytest.raises(InvalidURL) as caught:
            choose(text)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("port", [0x10000, -1, "x", 1.5, True])
def test_14_1_ports_that_cannot_be_used(port: object) -> None:
    """A bad port is an error."""
    with pytest.raises((InvalidURL, TypeError, ValueError)):
        choose("proxy.test", port)


def test_14_1_proxy_host_is_text() -> None:
    """Anything else is a TypeError."""
    with pytest.raises(TypeError, match="proxy_host is int"):
        choose(7)


def test_14_1_userinfo_becomes_proxy_authorization() -> None:
    """Percent-decoded, and it wins over a field of that name."""
    proxy = choose("http://us%65r:p%40ss@proxy.test", headers={"proxy-authorization": "mine", "X-A": "1"})

    assert proxy is not None
    assert (("X-A", "1"), ("Proxy-Authorization", "Basic dXNlcjpwQHNz")) == proxy.fields


def test_14_1_socks_userinfo_is_no_field() -> None:
    """A SOCKS proxy gets user and password in its own protocol, and proxy_headers have no meaning there."""
    proxy = choose("socks5://user:secret@proxy.test", headers={"X-A": "1"})

    assert proxy is not None
    assert (("user", "secret"), ()) == (proxy.userinfo, proxy.fields)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding"])
def test_14_1_proxy_headers_cannot_change_the_request(name: str) -> None:
    """Security B: a field for the proxy must not move the end of the request, or lead it elsewhere."""
    with pytest.raises(ValueError, match=f"proxy_headers has {name}"):
        choose("proxy.test", headers={name: "5"})


@pytest.mark.parametrize("headers", [{"X": "a\r\nB: c"}, {"X Y": "1"}, {"X": "a\0"}, {"": "1"}])
def test_14_1_proxy_headers_are_checked(headers: dict[str, str]) -> None:
    """Security C19: no CR, LF or NUL gets into a CONNECT."""
    with pytest.raises(ValueError, match="proxy_headers"):
        choose("proxy.test", headers=headers)


# proxy_auth


def choose_with(auth: Any, host: str = "proxy.test", headers: Any = None) -> Proxy:
    proxy = choose_proxy(host, None, headers, TARGET, auth=auth, is_environment_trusted=False)
    assert proxy is not None
    return proxy


def test_14_4_accounts() -> None:
    """Contract 14.4: (user, password) is sent as Basic, and answers a proxy that wants Digest; the URL's wins."""
    expected = (("Proxy-Authorization", "Basic bWU6cHc="),)
    given = choose_with(("me", "pw"), headers={"proxy-authorization": "stray"})

    assert expected == given.fields == choose_with(("you", "x"), "me:pw@proxy.test").fields
    assert "DigestAuth" in repr(given.responder)
    assert given == choose_with(None, "me:pw@proxy.test")
    assert given != choose_with(("me", "other"))


def test_14_4_objects_that_answer() -> None:
    """Contract 14.4, 13.3: such an object sends nothing at first; another one means another connection."""
    one, two = DigestAuth("me", "pw"), DigestAuth("me", "pw")
    proxy = choose_with(one, headers={"Proxy-Authorization": "stray", "X-A": "1"})

    assert (("X-A", "1"),) == proxy.fields
    assert choose_with(one) == choose_with(one) != choose_with(two)


def test_14_4_socks_takes_an_account() -> None:
    """Contract 14.4: a SOCKS proxy has a protocol of its own for users and passwords."""
    assert ("me", "pw") == choose_with(("me", "pw"), "socks5://proxy.test").userinfo
    assert ("you", "x") == choose_with(("me", "pw"), "socks5://you:x@proxy.test").userinfo
    for auth in (DigestAuth("me", "pw"), (b"me", b"pw"), print):
        with pytest.raises(TypeError, match=r"proxy_auth must be \(user, password\), both of them text"):
            choose_with(auth, "socks5://proxy.test")


def test_14_4_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 14.4: proxy_auth counts for the proxy that the environment names, too."""
    monkeypatch.setenv("http_proxy", "http://proxy.test")
    proxy = choose_proxy(None, None, None, TARGET, auth=("me", "pw"), is_environment_trusted=True)

    assert proxy is not None
    assert (("Proxy-Authorization", "Basic bWU6cHc="),) == proxy.fields


# trust_env


@pytest.mark.parametrize(
    ("variable", "url", "is_used"),
    [
        ("http_proxy", "http://origin.test/", True),
        ("https_proxy", "https://origin.test/", True),
        ("https_proxy", "http://origin.test/", False),
        ("http_proxy", "https://origin.test/", False),
        ("all_proxy", "https://origin.test/", True),
        ("HTTPS_PROXY", "https://origin.test/", True),
    ],
)
def test_14_2_trust_env(variable: str, url: str, is_used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scheme has its variable."""
    monkeypatch.setenv(variable, "http://user:pw@proxy.test:3128")
    proxy = choose(None, trust_env=True, url=url)

    assert is_used == (proxy is not None)
    if proxy is not None:
        assert ("proxy.test", 3128) == (proxy.host, proxy.port)
        assert ["Proxy-Authorization"] == [name for name, _ in proxy.fields]


def test_14_2_proxy_host_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is named is used, no_proxy or not."""
    monkeypatch.setenv("http_proxy", "http://other.test:3128")
    monkeypatch.setenv("no_proxy", "*")
    proxy = choose("proxy.test", trust_env=True)

    assert proxy is not None
    assert "proxy.test" == proxy.host


def test_14_2_no_proxy_exempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """no_proxy names the hosts that are reached straight."""
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", "other.test, .origin.test")

    assert choose(None, trust_env=True) is None
    assert choose(None, trust_env=True, url="http://elsewhere.test/") is not None


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"http_proxy": "ftp://user:s3cret@proxy.test"}, "http_proxy"),
        ({"HTTP_PROXY": "http://user:s3cret@:3128"}, "HTTP_PROXY"),
        (
            {"http_proxy": "", "HTTP_PROXY": "http://proxy.test", "ALL_PROXY": "http://us%3Aer:s3cret@proxy.test"},
            "ALL_PROXY",
        ),
        ({"http_proxy": "http://user:s3cret@a b"}, "http_proxy"),
        ({"http_proxy": '"http://user:s3cret@proxy.test"'}, "http_proxy"),
        ({"all_proxy": "http://user:s3cret@proxy.test:99999"}, "all_proxy"),
    ],
)
def test_14_2_a_variable_that_cannot_be_used_is_named(
    variables: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 14.2, 16.3: the error names the variable as it stands in the environment, and shows no password."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidURL, match=rf"the environment variable {named} cannot be used: ") as caught:
        choose(None, trust_env=True)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://origin.test/", "http://exempt.test/"])
def test_14_2_a_variable_that_cannot_be_used_stops_nothing_else(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 14.2: a request that does not need the variable goes on."""
    monkeypatch.setenv("http_proxy", "ftp://proxy.test")
    monkeypatch.setenv("no_proxy", "exempt.test,10.0.0.0/99,[::1,a:b:c:d:e:f:g:h:i,%,*:x")

    assert choose(None, trust_env=True, url=url) is None


def test_14_2_proxy_headers_are_not_blamed_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 16.3: what is wrong with an argument is said of the argument."""
    monkeypatch.setenv("http_proxy", "http://proxy.test")
    with pytest.raises(ValueError, match=r"^proxy_headers has"):
        choose(None, headers={"Host": "a"}, trust_env=True)


# no_proxy


def spellings() -> list[Any]:
    """The rows of the table in the page about proxies."""
    page = Path(__file__).parents[3] / "docs" / "how-to" / "proxies.md"
    table = page.read_text(encoding="utf-8").partition("\n| `no_proxy` |")[2].partition("\n\n")[0]
    rows = [[re.findall("`([^`]*)`", cell) for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]
    return [pytest.param(entry, straight, proxied, id=entry) for (entry,), straight, proxied in rows]


@pytest.mark.parametrize(("no_proxy", "straight", "proxied"), spellings())
def test_14_2_spellings_of_no_proxy(no_proxy: str, straight: list[str], proxied: list[str]) -> None:
    """Contract 14.2: every row of the documented table is true."""
    assert straight == [url for url in straight + proxied if is_exempt(parse_target(url), no_proxy)]


def test_14_2_the_table_has_all_spellings() -> None:
    """Contract 14.2: the table has 36 spellings, each of which is tested."""
    assert 36 == len(spellings())


@pytest.mark.parametrize(
    ("no_proxy", "url", "expected"),
    [
        ("*", "http://a.test/", True),
        ("a.test", "http://a.test/", True),
        ("A.TEST", "http://a.test/", True),
        (".a.test", "http://a.test/", True),
        ("a.test", "http://sub.a.test/", True),
        ("a.test", "http://ba.test/", False),
        ("a.test", "http://a.test.evil/", False),
        ("a.test", "http://a.test./", True),
        ("a.test:80", "http://a.test/", True),
        ("a.test:8080", "http://a.test/", False),
        ("a.test:443", "https://a.test/", True),
        ("127.0.0.1", "http://127.0.0.1:9/", True),
        ("127.0.0.0/8", "http://127.9.9.9/", True),
        ("10.0.0.0/8", "http://127.9.9.9/", False),
        ("::1", "http://[::1]/", True),
        ("[::1]", "http://[::1]/", True),
        ("[::1]:8080", "http://[::1]:8080/", True),
        ("[::1]:8080", "http://[::1]/", False),
        ("fe80::/10", "http://[fe80::7]/", True),
        ("0.0.0.1", "http://127.0.0.0.0.1.test/", False),
        ("::/0", "http://[::1]/", True),
        ("0.0.0.0/0", "http://[::1]/", False),
        ("0.0.0.0/0", "http://a.test/", False),
        ("::ffff:10.0.0.1", "http://[::ffff:10.0.0.1]/", True),
        ("10.0.0.0/8", "http://[::ffff:10.0.0.1]/", True),
        ("192.168.*", "http://[::ffff:192.168.0.1]/", True),
        ("*:443", "https://a.test/", True),
        ("*a*b*", "http://xaxbx.test/", True),
        ("*a*b*", "http://xbxax.test/", False),
        ("a*a", "http://a/", False),
        ("a.test:" + "8" * 5000, "http://a.test/", False),
        ("a.test:８０", "http://a.test/", False),
        ("a.test\n", "http://a.test/", True),
        ("", "http://a.test/", False),
        (" , ,.", "http://a.test/", False),
        ("[", "http://a.test/", False),
        ("://", "http://a.test/", False),
        ("\u2100.test", "http://a.test/", False),
        ("*" * 5000 + "b", "http://" + "a" * 60 + "/", False),
    ],
)
def test_14_2_no_proxy_entries(no_proxy: str, url: str, expected: bool) -> None:
    """Names with their subdomains, addresses, networks and ports; nothing matches by a part of a name."""
    assert expected == is_exempt(parse_target(url), no_proxy)
