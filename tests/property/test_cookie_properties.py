"""Cookies against a slow second implementation, which reads RFC 6265, section 5, by the letter."""

from __future__ import annotations

import calendar
from string import ascii_letters, digits
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from urlrequest._http.cookie import (
    Cookie,
    check_cookie,
    default_path,
    domain_matches,
    parse_date,
    path_matches,
    read_set_cookie,
)
from urlrequest._http.cookie_file import read_cookies, write_json, write_netscape
from urlrequest._http.cookies import MAX_COOKIES, MAX_FIELD, MAX_OF_HOST, Cookies, received_cookies
from urlrequest._http.target import parse_target

NOW = 1_700_000_000

# Few labels and segments, so that they match one another often.
labels = st.sampled_from(["a", "b", "ab", "co", "uk", "1", "127"])
domains = st.lists(labels, min_size=1, max_size=4).map(".".join)
names = domains.filter(lambda domain: not domain.rpartition(".")[2].isdigit())
addresses = st.sampled_from(["127.0.0.1", "1.127.0.1", "::1", "2001:db8::1"])
hosts = names | addresses
paths = st.lists(st.sampled_from(["a", "b", "ab", "", "%61"]), max_size=4).map(lambda parts: "/" + "/".join(parts))
queries = st.sampled_from(["", "?", "?x=/a/b", "?/"])


def url(host: str, path: str, scheme: str = "http") -> str:
    return f"{scheme}://[{host}]{path}" if ":" in host else f"{scheme}://{host}{path}"


# Dates


def literal_tokens(text: str) -> list[str]:
    """Split at delimiters (section 5.1.1, step 1): %x09, %x20-2F, %x3B-40, %x5B-60, %x7B-7E."""
    delimiters = {0x09, *range(0x20, 0x30), *range(0x3B, 0x41), *range(0x5B, 0x61), *range(0x7B, 0x7F)}
    tokens = [""]
    for character in text:
        if ord(character) in delimiters:
            tokens.append("")
        else:
            tokens[-1] += character
    return [token for token in tokens if token]


def leading_digits(text: str) -> str:
    count = 0
    while count < len(text) and text[count] in digits:
        count += 1
    return text[:count]


def literal_time(token: str) -> tuple[int, int, int] | None:
    """Three fields of one or two digits with colons between, and then the end or no digit."""
    found = []
    for number in range(3):
        part = leading_digits(token)
        if not 1 <= len(part) <= 2:
            return None
        found.append(int(part))
        token = token[len(part) :]
        if number < 2:
            if not token.startswith(":"):
                return None
            token = token[1:]
    return found[0], found[1], found[2]


def literal_number(token: str, least: int, most: int) -> int | None:
    """So many digits, and then the end or no digit."""
    part = leading_digits(token)
    return int(part) if least <= len(part) <= most else None


def literal_month(token: str) -> int | None:
    if token[:3] and all(character in ascii_letters for character in token[:3]):
        known = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        return known.index(token[:3].lower()) + 1 if token[:3].lower() in known else None
    return None


def literal_date(text: str) -> int | None:
    """All of section 5.1.1, step by step."""
    time = day = month = year = None
    for token in literal_tokens(text):
        if time is None and literal_time(token) is not None:
            time = literal_time(token)
        elif day is None and literal_number(token, 1, 2) is not None:
            day = literal_number(token, 1, 2)
        elif month is None and literal_month(token) is not None:
            month = literal_month(token)
        elif year is None and literal_number(token, 2, 4) is not None:
            year = literal_number(token, 2, 4)
    if time is None or day is None or month is None or year is None:
        return None
    return literal_seconds(year + (1900 if 70 <= year <= 99 else 2000 if year <= 69 else 0), month, day, time)


def literal_seconds(year: int, month: int, day: int, time: tuple[int, int, int]) -> int | None:
    """Steps 5 to 7, and the seconds since 1970, by counting days."""
    hour, minute, second = time
    if not (1 <= day <= 31 and year >= 1601 and hour <= 23 and minute <= 59 and second <= 59):
        return None
    if day > calendar.monthrange(year, month)[1]:
        return None
    days = sum(366 if calendar.isleap(past) else 365 for past in range(1970, year))
    days -= sum(366 if calendar.isleap(past) else 365 for past in range(year, 1970))
    days += sum(calendar.monthrange(year, past)[1] for past in range(1, month)) + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60 + second


date_pieces = st.sampled_from(
    [
        "1", "6", "06", "31", "99", "00", "69", "70", "007", "1600", "1601", "1994", "2030", "20300", "Jan", "feb",
        "NOV", "November", "Ja", "x", "Thu", "GMT", "08:49:37", "8:9:7", "24:00:00", "08:49", "08:49:377", "1:2:3x",
        ":", "::", " ", " ", " ", "-", ",", ", ", "/", "\t", "\x00", "\xff", "~", "\u0661",
    ]
)  # fmt: skip
date_texts = st.lists(date_pieces, max_size=12).map("".join) | st.builds(
    "{} {} {} {}".format, date_pieces, date_pieces, date_pieces, date_pieces
)


@given(date_texts | st.text())
@example("06 Nov 1994 08:49:37 GMT")
@example("29 Feb 1900 00:00:00")
@example("1 Jan 1601 00:00:00")
def test_17_11_dates_are_read_by_the_letter(text: str) -> None:
    """Contract 17.11: a date means what RFC 6265, section 5.1.1, says, or nothing."""
    assert literal_date(text) == parse_date(text)


# Domains and paths


def literal_domain_match(host: str, domain: str) -> bool:
    """Section 5.1.3, by labels."""
    if host == domain:
        return True
    if ":" in host or all(label.isdigit() for label in host.split(".")):
        return False
    own, asked = host.split("."), domain.split(".")
    return len(asked) < len(own) and own[-len(asked) :] == asked


def literal_default_path(path: str) -> str:
    """Section 5.1.4, steps 1 to 4."""
    uri_path = ""
    for character in path:
        if character == "?":
            break
        uri_path += character
    if not uri_path or uri_path[0] != "/":
        return "/"
    slashes = [place for place, character in enumerate(uri_path) if character == "/"]
    return "/" if len(slashes) <= 1 else uri_path[: slashes[-1]]


def literal_path_match(path: str, prefix: str) -> bool:
    """Section 5.1.4: the three conditions."""
    if path == prefix:
        return True
    if path[: len(prefix)] != prefix:
        return False
    return prefix[-1] == "/" or path[len(prefix)] == "/"


@given(hosts, domains | addresses)
def test_17_11_domains_match_by_the_letter(host: str, domain: str) -> None:
    """Contract 17.11: a host lies within a domain as RFC 6265, section 5.1.3, says."""
    assert literal_domain_match(host, domain) == domain_matches(host, domain)


@given(paths, paths, queries)
@example("//", "/", "")
def test_17_11_paths_match_by_the_letter(path: str, prefix: str, query: str) -> None:
    """Contract 17.11: paths match, and a cookie without one has one, as RFC 6265, section 5.1.4, says."""
    assert literal_path_match(path, prefix) == path_matches(path, prefix)
    assert literal_default_path(path + query) == default_path(path + query)
    assert path_matches(path, default_path(path + query))


# All of it


class Step(NamedTuple):
    """A response that sets one cookie, or a request."""

    scheme: str
    host: str
    path: str
    field: str | None


def attributes() -> st.SearchStrategy[str]:
    domain = (domains | st.sampled_from(["127.0.0.1", "co.uk"])).map("; Domain={}".format) | st.just("")
    path = paths.map("; Path={}".format) | st.just("")
    end = st.sampled_from(["", "; Max-Age=0", "; Max-Age=9", "; Expires=Fri, 01 Jan 1999 00:00:00 GMT"])
    secure = st.sampled_from(["", "", "; Secure"])
    return st.builds("{}{}{}{}".format, domain, path, end, secure)


fields = st.builds("{}={}{}".format, st.sampled_from("xyz"), st.sampled_from("123"), attributes())
steps = st.builds(Step, st.sampled_from(["http", "https"]), hosts, paths, st.none() | fields)


def is_suffix(domain: str) -> bool:
    """Whether names of many owners lie below a domain of these labels."""
    first, *rest = domain.split(".")
    return not rest or (first == "co" and len(rest) == 1 and len(rest[0]) == 2)


class Model:
    """A list of cookies that grows, searched from one end to the other, for texts that are well formed."""

    def __init__(self) -> None:
        self.cookies: list[dict[str, str | bool]] = []

    def receive(self, step: Step) -> None:
        assert step.field is not None
        pair, *rest = step.field.split("; ")
        name, _, value = pair.partition("=")
        told = dict(part.partition("=")[::2] for part in rest)
        secure = "Secure" in told
        domain = told.get("Domain", "")
        host_only = not domain
        if domain == step.host and (is_suffix(domain) or domain == "127.0.0.1"):
            host_only, domain = True, ""
        if domain and (is_suffix(domain) or not literal_domain_match(step.host, domain)):
            return
        path = told.get("Path") or literal_default_path(step.path)
        new: dict[str, str | bool] = {
            "name": name,
            "value": value,
            "domain": domain or step.host,
            "host_only": host_only,
            "path": path,
            "secure": secure,
        }
        if step.scheme == "http" and (secure or any(self.overlays(new, old) for old in self.cookies)):
            return
        identity = ("name", "domain", "host_only", "path")
        same = [old for old in self.cookies if all(old[part] == new[part] for part in identity)]
        if told.get("Max-Age") == "0" or "Expires" in told:
            self.cookies = [old for old in self.cookies if old not in same]
        elif same:
            same[0].update(new)
        else:
            self.cookies.append(new)

    @staticmethod
    def overlays(new: dict[str, str | bool], old: dict[str, str | bool]) -> bool:
        """RFC 6265bis, section 5.7: what plain http must not set beside a secure cookie."""
        ours, theirs = str(new["domain"]), str(old["domain"])
        related = literal_domain_match(ours, theirs) or literal_domain_match(theirs, ours)
        beside = literal_path_match(str(new["path"]), str(old["path"]))
        return bool(old["secure"]) and new["name"] == old["name"] and related and beside

    def sent(self, step: Step) -> str | None:
        found = []
        for cookie in self.cookies:
            domain = str(cookie["domain"])
            is_there = step.host == domain if cookie["host_only"] else literal_domain_match(step.host, domain)
            is_allowed = step.scheme == "https" or not cookie["secure"]
            if is_there and is_allowed and literal_path_match(step.path, str(cookie["path"])):
                found.append(cookie)
        found.sort(key=lambda cookie: -len(str(cookie["path"])))  # keeps the order of equals
        return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in found) or None


@given(st.lists(steps, max_size=25))
def test_17_11_requests_get_what_the_rules_say(story: list[Step]) -> None:
    """Contract 17.11, 17.12: whatever servers set, each request gets the cookies of the rules, in their order."""
    model, cookies = Model(), Cookies()
    for step in story:
        target = parse_target(url(step.host, step.path, step.scheme))
        if step.field is None:
            assert model.sent(step) == cookies.field_for(target, NOW)
        else:
            received = received_cookies(target, [step.field], NOW)
            cookies.receive(received, NOW, is_secure=step.scheme == "https")
            model.receive(step)


pieces = st.sampled_from(
    [
        "=",
        ";",
        "; ",
        " ",
        "\t",
        '"',
        ",",
        "x",
        "id",
        "Path=/",
        "Domain=",
        "Secure",
        "Max-Age=",
        "\xe4",
        "\x00",
        "\r",
        "\n",
    ]
)
wild = st.lists(pieces | st.characters(max_codepoint=255), max_size=25).map("".join)


@given(st.lists(wild | wild.map("id=7; {}".format), max_size=8), hosts, st.sampled_from(["http", "https"]))
def test_17_11_no_value_smuggles_cookies(texts: list[str], host: str, scheme: str) -> None:
    """Contract 17.11, COOKIE-1, COOKIE-2: any text is read without an error, and sent are the cookies that were set."""
    target = parse_target(url(host, "/", scheme))
    cookies = Cookies()
    cookies.receive(received_cookies(target, texts, NOW), NOW, is_secure=scheme == "https")
    kept = {(cookie.name, cookie.value) for cookie in cookies.all(NOW) if cookie.path == "/"}
    sent = cookies.field_for(target, NOW) or ""

    assert not any(ord(character) < 0x20 or ord(character) == 0x7F for character in sent)
    assert kept == {tuple(pair.split("=", 1)) for pair in sent.split("; ") if pair}


@settings(max_examples=settings().max_examples // 4)
@given(st.lists(st.tuples(st.integers(0, 70), st.integers(0, 60), st.booleans()), max_size=400), st.integers(1, 4000))
def test_17_13_bounds_hold(story: list[tuple[int, int, bool]], size: int) -> None:
    """Contract 17.13, COOKIES-1: whatever is set, the limits hold for each host, for all of them and for the field."""
    cookies = Cookies()
    for host, name, is_wide in story:
        target = parse_target(f"http://h{host}.example.test/")
        field = f"n{name}={'x' * size}" + ("; Domain=example.test" if is_wide else "")
        cookies.receive(received_cookies(target, [field] * 2, NOW), NOW, is_secure=False)
        assert len(cookies.field_for(target, NOW) or "") <= MAX_FIELD
    kept = cookies.all(NOW)

    assert len(kept) <= MAX_COOKIES
    assert all(sum(other.host == cookie.host for other in kept) <= MAX_OF_HOST for cookie in kept)


FORBIDDEN = ";\t\x7f" + "".join(map(chr, range(32)))
octets = st.text(st.characters(max_codepoint=255, exclude_characters=FORBIDDEN), max_size=12)
kept_cookies = st.builds(
    Cookie,
    name=octets.map(lambda text: text.replace("=", "").strip()).filter(lambda text: text and not text.startswith("__")),
    value=octets.map(str.strip),
    domain=hosts | names.map(".{}".format),
    path=paths,
    expires=st.none() | st.integers(1, 253402300799),
    secure=st.booleans(),
    http_only=st.booleans(),
)


@given(st.lists(kept_cookies, max_size=5))
def test_17_14_files_give_back_what_they_got(cookies: list[Cookie]) -> None:
    """Contract 17.14: whatever bytes a cookie has, both formats give it back."""
    assert cookies == read_cookies(write_netscape(cookies))
    assert cookies == read_cookies(write_json(cookies))


domain_pieces = st.sampled_from(
    ["#", "#HttpOnly_", "$", "{", "[", "]", "::1", "%", "%25", "%2f", "%eth0", ".", "*", "\t", " ", "a", "B", "-", "_",
     "1", "127.0.0.1", "0x7", ",", ";", "=", "\x85", "\xa0", "\xe4", "\xdf", "\u3002", "\ud800"]
)  # fmt: skip


@given(st.lists(domain_pieces, max_size=6).map("".join))
@example("#a.test")
def test_17_14_any_domain_is_refused_or_given_back(domain: str) -> None:
    """Contract 17.14, COOKIE-4: no domain is taken that a file would not give back."""
    try:
        cookie = check_cookie("id", "7", domain)
    except ValueError:
        return
    assert [cookie] == read_cookies(write_netscape([cookie]))
    assert [cookie] == read_cookies(write_json([cookie]))


@given(st.binary(max_size=200) | wild.map(lambda text: text.replace(" ", "\t").encode("latin-1")))
def test_17_14_any_file_is_read_or_refused(octets: bytes) -> None:
    """Contract 17.14: whatever is in a file, the only error is ValueError."""
    try:
        read_cookies(octets)
    except ValueError:
        pass


@given(hosts, wild)
def test_17_11_nobody_sets_cookies_for_others(host: str, text: str) -> None:
    """Contract 17.11, COOKIE-3: a cookie's domain is the host, or one that it lies within."""
    cookie = read_set_cookie(f"id=7; {text}", parse_target(url(host, "/", "https")), NOW)

    assert cookie is None or literal_domain_match(host, cookie.host)
