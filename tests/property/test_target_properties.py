from __future__ import annotations

import re
from urllib.parse import quote

from hypothesis import assume, example, given
from hypothesis import strategies as st

from support.grammar import our_origin, whatwg_origin
from urlrequest._http.redirect import find_location
from urlrequest._http.response_head import parse_head
from urlrequest._http.target import Target, bracketed, parse_port, parse_target
from urlrequest.errors import InvalidURL

# A busy machine is no failure.

# Mostly what URLs are made of, so that the parser gets further than the first character.
pieces = st.sampled_from(
    [*"/?#@:[]%\\. -_~&=+;\t\n\0", "//", "http", "https:", "%25", "%zz", "é", "ﬃ", "℀", "\uff11", "‥", "\ud800"]
)
url_texts = st.lists(pieces | st.text(max_size=3), max_size=20).map("".join)
wrong_urls = url_texts.map("http://".__add__) | url_texts.map("https://a.example".__add__)
labels = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True)
numeric = re.compile(r"(\A|\.)([0-9]+|0x[0-9a-f]*)\Z")  # what ends so is no name
names = st.lists(labels, min_size=1, max_size=4).map(".".join).filter(lambda name: not numeric.search(name))
addresses = st.ip_addresses(v=4).map(str)
hosts = names | addresses
CONTROLS = "".join(map(chr, [*range(0x20), 0x7F]))
schemes = st.sampled_from(["http", "https"])
ports = st.none() | st.integers(1, 65535)
visible = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='#%"<>[\\]^`{|}'), max_size=20
)  # what a path and a query may have as it is
plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=CONTROLS), max_size=10)

HOST = re.compile(r"[a-z0-9._-]{1,254}|[0-9a-f:.]+(%[A-Za-z0-9._~-]+)?")


def parts(target: Target) -> tuple[object, ...]:
    return target.scheme, target.host, target.port, target.path, target.userinfo


def parsed(url: object) -> Target | None:
    """The target, or None where the text is no URL."""
    try:
        return parse_target(url)
    except InvalidURL:
        return None


@given(st.none() | st.binary() | st.integers() | st.text() | url_texts | wrong_urls)
def test_9_4_parse_target_raises_invalid_url_only(url: object) -> None:
    """Whatever it is given, parse_target returns a Target or raises InvalidURL."""
    parsed(url)


@given(url_texts | wrong_urls | plain.map("http://h/".__add__))
@example("http://h/ é")
def test_9_2_target_is_fit_to_be_sent(text: str) -> None:
    """Host and path of an http target hold nothing that could be taken for the end of a line, a field or the host."""
    target = parsed(text)
    if target is None or target.scheme not in {"http", "https"}:
        return

    assert HOST.fullmatch(target.host)
    assert re.fullmatch(r"/(?:[A-Za-z0-9!$&'()*+,;=:@/?._~-]|%[0-9A-Fa-f]{2})*", target.path)


@given(url_texts | wrong_urls)
def test_parsing_is_idempotent(text: str) -> None:
    """The absolute form of a target is a URL of the same target, but for what is left out of it."""
    target = parsed(text)
    if target is None or target.scheme not in {"http", "https"} or "%" in target.host:
        return
    again = parse_target(target.url)

    assert (target.origin, target.path, target.url, None) == (again.origin, again.path, again.url, again.userinfo)


@given(schemes, hosts, ports, visible)
def test_plain_urls_come_apart_as_they_were_put_together(scheme: str, host: str, port: int | None, path: str) -> None:
    """Scheme, host, port and path read back as written when nothing in them needs to change."""
    tail = "" if port is None else f":{port}"

    assert (scheme, host, port, f"/{path}", None) == parts(parse_target(f"{scheme}://{host}{tail}/{path}"))


@given(hosts, ports, visible)
def test_9_1_no_scheme_means_http(host: str, port: int | None, path: str) -> None:
    """The same text without its scheme is the same target."""
    rest = f"{host}{'' if port is None else f':{port}'}/{path}"

    assert parts(parse_target(f"http://{rest}")) == parts(parse_target(rest)) == parts(parse_target(f"//{rest}"))


@given(plain, plain)
def test_9_3_userinfo_round_trip(user: str, password: str) -> None:
    """Any user and password, percent-encoded, come back, and show up in no text about the target."""
    target = parse_target(f"http://{quote(user, safe='')}:{quote(password, safe='')}@host.example/")

    assert (user, password) == target.userinfo
    assert "http://host.example/" == target.url == str(target)


@given(st.text(alphabet="0123456789", min_size=6), url_texts)
def test_9_3_no_secret_in_messages(secret: str, rest: str) -> None:
    """However broken the text around it is, a password before the last '@' stays out of the message."""
    assume(secret not in rest)
    try:
        parse_target(f"http://user:{secret}@{rest}@[")
    except InvalidURL as error:
        assert secret not in str(error)  # noqa: PT017 - what is raised is not the point


@given(plain)
def test_9_2_path_round_trip(text: str) -> None:
    """A percent-encoded path stays as it is, and encoding what is encoded changes nothing."""
    path = parse_target("http://h/" + quote(text)).path

    assert "/" + quote(text) == path


@given(
    st.text()
    | url_texts
    | hosts
    | st.ip_addresses(v=6).map("[{}]".format)
    | st.ip_addresses(v=6).map("[{}%25Z1]".format)
)
def test_normal_hosts_are_idempotent(text: str) -> None:
    """A normalised host is its own normal form, and nothing but InvalidURL is raised."""
    target = parsed(f"http://{text}/")
    if target is None:
        return

    assert target.host == parse_target(f"http://{bracketed(target.host).replace('%', '%25')}/").host
    assert HOST.fullmatch(target.host)


@given(st.integers() | st.text() | st.floats() | st.none() | st.booleans())
def test_parse_port_is_16_bits(value: object) -> None:
    """A port is 1 to 65535, and nothing but InvalidURL is raised."""
    try:
        port = parse_port(value)
    except InvalidURL:
        return

    assert 1 <= port <= 65535
    assert port == int(str(value))


# Another reader of URLs: that of the WHATWG, as browsers have it

confusing = st.sampled_from(
    [
        *"/?#@:[]%\\.-;&ab1\t\n\r\0 ", "//", "///", "/\\", "http", "https:", "http://", "%25", "%2f", "%40", "%5c",
        "%2e", "é", "ß", "İ", "ﬃ", "℀", "\uff11", "‥", "。", "．", "\u00ad", "\u2028", "；", "／", "＠", "：", "xn--",
        "a.test", "b.test", "127.0.0.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:1.2.3.4]", "80", "user", ":@",
        "@@",
    ]
)  # fmt: skip
confusing_texts = st.lists(confusing, min_size=1, max_size=9).map("".join)
BASE = "http://base.test/folder/x?q"


@given(schemes, confusing_texts)
def test_9_5_no_other_host_than_in_a_browser(scheme: str, text: str) -> None:
    """Contract 9.5: a URL is refused, or leads to the host to which a browser would go."""
    url = f"{scheme}://{text}"
    ours, theirs = our_origin(parsed(url)), whatwg_origin(url)

    assert ours is None or theirs is None or ours == theirs


@given(confusing_texts)
@example("///a.test")
@example("/\\a.test")
@example("http:80")
@example("//?/")
@example("a.test:80/")
def test_17_4_redirects_lead_where_a_browser_would_go(text: str) -> None:
    """Contract 17.4: a Location is refused, or leads to the host to which a browser would go."""
    assume(not any(character in text for character in "\r\n\0"))
    head = parse_head(b"HTTP/1.1 302 X\r\nLocation: %b\r\n\r\n" % text.encode())
    try:
        ours = our_origin(find_location(parse_target(BASE), head))
    except InvalidURL:
        return
    theirs = whatwg_origin(text, BASE)

    assert ours is None or ours == theirs
