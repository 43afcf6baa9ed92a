"""URL text to Target: where to connect and what to ask for (RFC 3986; RFC 9112, section 3.2).

Pure: it owns no state but a cache of parsed texts, does no I/O, and any thread may call it.

Invariants:
    1. `parse_target`, `parse_host` and `parse_port` return what they promise or raise InvalidURL, whatever they get.
    2. Every scan is linear in the length of the text: no regular expression here can backtrack.
    3. The path is printable ASCII without white space. The host of an http or https target is an A-label name of
       `[a-z0-9._-]`, four decimal numbers, or an IPv6 address: nothing in it can be taken for a delimiter.
    4. No message, `str()` or `repr()` shows userinfo, or more than a line of a long URL.

`urllib.parse.urlsplit` is of no use here: it deletes tabs and line ends, and takes the port late or not at all.
"""

from __future__ import annotations

import re
import unicodedata

# The first name resolution imports it all the same; without descriptors left it would fail there, and for good.
from encodings import idna
from functools import lru_cache
from ipaddress import IPv6Address
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from .errors import InvalidURL

__all__ = ["Target", "parse_host", "parse_port", "parse_target"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Longer texts, and those that may hold a password, are parsed each time instead of being kept. Characters.
_LONGEST_CACHED = 2048
# What a message shows of a text. Characters.
_LONGEST_SHOWN = 80
# RFC 1035, section 2.3.4. Octets.
_LONGEST_HOST = 253
_LONGEST_LABEL = 63
_HIGHEST_PORT = 65535

# Dropped at both ends of a URL, as browsers do: C0 controls and the space.
_EDGES = "".join(map(chr, range(0x21)))
# Sent as it stands: printable ASCII, "%" too, as what is percent-encoded already stays so (contract 9.2).
_SAFE = "".join(map(chr, range(0x21, 0x7F)))

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_PORT_AHEAD = re.compile(r"[0-9]+(?=[/?#]|\Z)")
_DIGITS = re.compile(r"[0-9]{1,5}")
_AUTHORITY_END = re.compile(r"[/?#]")
_QUERY = re.compile(r"[?#]")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_ZONE = re.compile(r"[A-Za-z0-9._~-]+")
# What the system's resolver takes for a number (inet_aton): decimal, octal or hexadecimal.
_NUMERIC_LABEL = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_IPV4_PART = re.compile(r"0|[1-9][0-9]{0,2}")
# The label separators of IDNA besides the full stop (RFC 3490, section 3.1).
_IDNA_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")


class Target(NamedTuple):
    """The target URI of a request, taken apart. Its `str()` is for messages: no userinfo, and cut when it is long.

    Attributes:
        scheme: In lower case.
        host: For http and https an A-label name or IP address (without brackets) in lower case, a trailing dot kept;
            for other schemes what the authority has, '' where there is none.
        port: None means the scheme's own.
        path: Path and query, percent-encoded; begins with '/' for http and https. For other schemes all that follows
            the authority.
        userinfo: User and password, percent-decoded; None where the URL has none.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    userinfo: tuple[str, str] | None

    @property
    def authority(self) -> str:
        """The value of the Host field: brackets around IPv6, no zone (RFC 6874, section 4), no default port."""
        host = self.host
        default = _DEFAULT_PORTS.get(self.scheme)
        if default is not None and ":" in host:
            host = f"[{host.partition('%')[0]}]"
        return host if self.port is None or self.port == default else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and the port that is meant (RFC 9110, section 4.3.1)."""
        return self.scheme, self.host, _DEFAULT_PORTS.get(self.scheme) if self.port is None else self.port

    @property
    def url(self) -> str:
        """The absolute form: the whole text without userinfo and fragment."""
        if self.host or self.port is not None or self.path.startswith("/"):
            return f"{self.scheme}://{self.authority}{self.path}"
        # Without an authority `user:password@host` looks like a scheme and its path.
        _, at, path = self.path.rpartition("@")
        return f"{self.scheme}:{'***@' if at else ''}{path}"

    def __str__(self) -> str:
        return _cut(self.url)

    def __repr__(self) -> str:
        return f"Target({_cut(self.url)!r})"


class _Flaw(ValueError):
    """What is wrong, in words that repeat nothing of the text; becomes an InvalidURL that says where."""


def parse_target(url: object) -> Target:
    """Take a URL apart and normalise it (contract 9.1 to 9.4).

    `name://...` has a scheme; `name:80`, `name:80/...`, `//name` and `name` mean http; any other `name:...` is a scheme
    too (`data:,x`). Every scheme is accepted here: whether something serves it is asked elsewhere.

    Raises:
        InvalidURL: It is no str, or no URL.
    """
    if not isinstance(url, str):
        raise InvalidURL(f"the URL is {type(url).__name__}; a str is needed")
    # An own __str__, __hash__ or slicing of a subclass must not decide what is requested.
    text = str.__str__(url)
    try:
        if len(text) > _LONGEST_CACHED or "@" in text:
            return _parse(text)
        return _parse_cached(text)
    except _Flaw as flaw:
        raise InvalidURL(f"{flaw}: {_show(text)}") from None


def parse_host(text: object) -> str:
    """Check one host, as it stands in a URL or alone, and return it as in `Target.host` of http.

    IPv6 addresses come with brackets or without. A zone is percent-encoded only within brackets (`[fe80::1%25eth0]`).

    Raises:
        InvalidURL: It is neither a name nor an IP address.
    """
    if not isinstance(text, str):
        raise InvalidURL(f"the host is {type(text).__name__}; a str is needed")
    try:
        return _normalise_host(str.__str__(text))
    except _Flaw as flaw:
        raise InvalidURL(f"{flaw}: {_show(text)}") from None


def parse_port(value: object) -> int:
    """Check a port, given as a number or in decimal digits.

    Raises:
        InvalidURL: It is not 1 to 65535.
    """
    if isinstance(value, str):
        try:
            return _port_number(str.__str__(value))
        except _Flaw as flaw:
            raise InvalidURL(f"{flaw}: {_show(value)}") from None
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidURL(f"the port is {type(value).__name__}; a number is needed")
    if not 1 <= value <= _HIGHEST_PORT:
        # Thousands of digits are a ValueError to str().
        raise InvalidURL(f"the port is not 1 to 65535: {value if abs(value) < 10**9 else 'far from it'}")
    return int(value)


def _parse(text: str) -> Target:
    text = text.strip(_EDGES)
    if control := _CONTROL.search(text):
        raise _Flaw(f"the URL has a control character ({control[0]!r})")
    scheme, authority, rest = _split(text)
    path = _percent_encode(rest.partition("#")[0])
    userinfo = _decode_userinfo(authority)
    if scheme not in _DEFAULT_PORTS:
        return Target(scheme, *_split_foreign_host(authority), path, userinfo)
    host, port = _split_host(authority)
    path = path if path.startswith("/") else f"/{path}"
    return Target(scheme, _normalise_host(host), _port_number(port) if port else None, path, userinfo)


_parse_cached = lru_cache(maxsize=256)(_parse)


def _split(text: str) -> tuple[str, str, str]:
    """Scheme, authority ('' where there is none) and what follows it."""
    name, colon, rest = text.partition(":")
    if colon and _SCHEME.fullmatch(name):
        if rest.startswith("//"):
            scheme, rest = name.lower(), rest[2:]
        elif _PORT_AHEAD.match(rest):
            scheme, rest = "http", text
        else:
            return name.lower(), "", rest
    elif rest.startswith("//") and not _AUTHORITY_END.search(name):
        raise _Flaw("the scheme of the URL has a character that no scheme has")
    else:
        scheme, rest = "http", text.removeprefix("//")
    end = _AUTHORITY_END.search(rest)
    length = end.start() if end else len(rest)
    authority = rest[:length]
    # Browsers end the host at a backslash, others do not: what they disagree on is refused.
    if " " in authority or ("\\" in authority and scheme in _DEFAULT_PORTS):
        raise _Flaw("the host has a character that no host has")
    return scheme, authority, rest[length:]


def _split_host(authority: str) -> tuple[str, str]:
    """Host (IPv6 in brackets) and port ('' where there is none) of an http authority."""
    # At the last "@": else the tail of a password that holds one would be looked up (RFC 3986, section 3.2.1).
    text = authority.rpartition("@")[2]
    if text.startswith("["):
        inside, bracket, tail = text.partition("]")
        host = inside + bracket
        if not bracket or (tail and not tail.startswith(":")):
            raise _Flaw("the URL has no IPv6 address within its brackets")
        return host, tail[1:]
    host, _, port = text.partition(":")
    if ":" in port:
        raise _Flaw("the port is no number, or an IPv6 address has no brackets")
    return host, port


def _split_foreign_host(authority: str) -> tuple[str, int | None]:
    """Host as it stands and port, for a scheme whose hosts follow rules of their own."""
    text = authority.rpartition("@")[2]
    host, colon, port = text.rpartition(":")
    if colon and _PORT_AHEAD.fullmatch(port):
        return host, _port_number(port)
    return text, None


def _decode_userinfo(authority: str) -> tuple[str, str] | None:
    userinfo = authority.rpartition("@")[0]
    if not userinfo:
        return None
    user, _, password = userinfo.partition(":")
    try:
        decoded = unquote_to_bytes(user).decode(), unquote_to_bytes(password).decode()
    except UnicodeError:
        raise _Flaw("user or password of the URL is not utf-8") from None
    # RFC 7617, section 2.
    if any(map(_CONTROL.search, decoded)):
        raise _Flaw("user or password of the URL has a control character")
    return decoded


def _percent_encode(path: str) -> str:
    if path.isascii() and " " not in path:
        return path
    try:
        return quote(path, safe=_SAFE)
    except UnicodeEncodeError:
        raise _Flaw("the path of the URL has half a surrogate pair") from None


def _port_number(text: str) -> int:
    digits = text.lstrip("0")
    if not _DIGITS.fullmatch(digits) or int(digits) > _HIGHEST_PORT:
        raise _Flaw("the port is not 1 to 65535")
    return int(digits)


def _normalise_host(text: str) -> str:
    if text.startswith("["):
        if not text.endswith("]"):
            raise _Flaw("the host has an opening bracket only")
        return _normalise_ipv6(text[1:-1], is_encoded=True)
    if ":" in text:
        return _normalise_ipv6(text, is_encoded=False)
    # Before any conversion: that to A-labels takes quadratic time. The one is for a trailing dot.
    if len(text) > _LONGEST_HOST + 1:
        raise _Flaw(f"the host is longer than {_LONGEST_HOST} octets")
    if text.isascii():
        return _normalise_name(text)
    name = _normalise_name(_encode_idna(text))
    if _is_numeric(name):
        raise _Flaw("the host is an IPv4 address in other digits than 0 to 9")
    return name


def _normalise_name(text: str) -> str:
    """A host of ASCII characters in lower case; one trailing dot stays, as it keeps search domains out."""
    if not text:
        raise _Flaw("the URL has no host")
    if not _NAME.fullmatch(text):
        raise _Flaw("the host has a character that no host has")
    name = text.removesuffix(".")
    if len(name) > _LONGEST_HOST:
        raise _Flaw(f"the host is longer than {_LONGEST_HOST} octets")
    lengths = [len(label) for label in name.split(".")]
    if min(lengths) == 0:
        raise _Flaw("the host has an empty label")
    if max(lengths) > _LONGEST_LABEL:
        raise _Flaw(f"the host has a label of more than {_LONGEST_LABEL} octets")
    # `127.1`, `0x7f.1`, `0177.0.0.1` and `2130706433` would all reach 127.0.0.1, past any check of the text.
    if _is_numeric(text) and not _is_ipv4(text):
        raise _Flaw("the host is a number, but no IPv4 address of four decimal parts")
    return text.lower()


def _is_numeric(host: str) -> bool:
    return _NUMERIC_LABEL.fullmatch(host.removesuffix(".").rpartition(".")[2]) is not None


def _is_ipv4(host: str) -> bool:
    parts = host.split(".")
    return len(parts) == 4 and all(_IPV4_PART.fullmatch(part) and int(part) <= 255 for part in parts)


def _normalise_ipv6(text: str, *, is_encoded: bool) -> str:
    address, percent, zone = text.partition("%")
    if is_encoded:
        zone = zone.removeprefix("25")
    if percent and not _ZONE.fullmatch(zone):
        raise _Flaw("the zone of the IPv6 address is empty or has a character that no zone has")
    try:
        return f"{IPv6Address(address)}{percent}{zone}"
    except ValueError:
        raise _Flaw("the host is no IPv6 address") from None


def _encode_idna(text: str) -> str:
    """The A-labels of an international name (RFC 3490, which is what the standard library has)."""
    dotted = text.translate(_IDNA_DOTS)
    # U+2025 becomes two dots. Other delimiters (U+2100 has a slash) stay visible in the A-labels.
    if unicodedata.normalize("NFKC", dotted).count(".") != dotted.count("."):
        raise _Flaw("the host has a character that stands for a dot")
    try:
        return idna.Codec().encode(dotted)[0].decode("ascii")
    except UnicodeError:
        raise _Flaw("the host is no international name") from None


def _show(text: str) -> str:
    """What a message may show of a text that is wrong: nothing that could be userinfo, no query, one line."""
    before, at, shown = text.strip(_EDGES).rpartition("@")
    if at:
        # Where userinfo begins is anybody's guess here, so all before the last "@" goes.
        scheme, slashes, _ = before.partition("://")
        shown = f"{scheme}://***@{shown}" if slashes and _SCHEME.fullmatch(scheme) else f"***@{shown}"
    return _cut(repr(_QUERY.split(shown, maxsplit=1)[0]))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
