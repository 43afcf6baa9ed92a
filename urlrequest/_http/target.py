"""URL text -> Target: where to connect and what to request (RFC 3986; RFC 9112, section 3.2).

Pure: it owns no state but a cache of parsed texts, does no I/O, and any thread may call it.

Invariants:
    TARGET-1  `parse_target`, `parse_host` and `parse_port` return what they promise or raise InvalidURL, whatever they
              are given.
    TARGET-2  Every scan is linear in the length of the text: no regular expression here can backtrack.
    TARGET-3  The path has no character but those that RFC 3986 allows in a path or a query. The host of an http or
              https target is an A-label name of `[a-z0-9._-]`, four decimal numbers, or an IPv6 address: nothing in it
              can be taken for a delimiter.
    TARGET-4  No message, `str()` or `repr()` shows userinfo, a query, or more than a line of a long URL.

`urllib.parse.urlsplit` cannot be used here: it deletes tabs and line ends, and reads the port late or not at all.
"""

from __future__ import annotations

import re
from functools import lru_cache

from urlrequest.errors import InvalidURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["DEFAULT_PORTS", "Target", "bracketed", "parse_host", "parse_port", "parse_target", "percent_encode"]

DEFAULT_PORTS = {"http": 80, "https": 443}

_MAX_CACHED = 2048  # characters; longer texts, and those that may hold a password, are parsed each time
_MAX_SHOWN = 80  # characters of a text in a message
_MAX_HOST = 253  # octets (RFC 1035, section 2.3.4)
_MAX_LABEL = 63  # octets (likewise)
_MAX_PORT = 65535

# Stripped from both ends of a URL, as browsers do: C0 controls and the space.
_EDGES = "".join(map(chr, range(0x21)))
# Sent unchanged in a path or a query (RFC 3986, sections 3.3 and 3.4), but for letters and digits. Browsers also send
# some of `"<>[]\\^`{|}` as they are; strict servers such as Tomcat refuse a request with them.
_SAFE = "!$&'()*+,;=:@/?-._~"
# Not from `string`, nor from `ipaddress` and `urllib.parse`: to import these takes longer than to parse any URL.
_DIGITS = "0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LETTERS_AND_DIGITS = _LETTERS + _LETTERS.upper() + _DIGITS
_ALLOWED = frozenset(_LETTERS_AND_DIGITS + _SAFE)
_STRAY_PERCENT = r"%(?![0-9A-Fa-f]{2})"  # compiled with its first use

_CONTROLS = frozenset(map(chr, [*range(0x20), 0x7F]))
_SCHEME_CHARACTERS = frozenset(_LETTERS_AND_DIGITS + "+.-")
_NAME_CHARACTERS = frozenset(_LETTERS_AND_DIGITS + "._-")
_HEX_DIGITS = frozenset(_DIGITS + "abcdef")
_IPV4_PARTS = frozenset(map(str, range(256)))
_AUTHORITY_ENDS = "/?#"
_PORT_AHEAD = r"[0-9]+(?=[/?#]|\Z)"  # compiled with its first use: few URLs come without a scheme


class Target:
    """The target URI of a request, in components. Its `str()` is for messages: no userinfo, no query, and not long.

    It is never changed: all requests for the same text share it.

    Attributes:
        scheme: In lower case.
        host: For http and https an A-label name or IP address (without brackets) in lower case, a trailing dot kept;
            for other schemes the authority's host as it stands, '' where there is none.
        port: None means the scheme's default.
        path: Path and query, percent-encoded; begins with '/' for http and https. For other schemes all that follows
            the authority.
        userinfo: User and password, percent-decoded; None where the URL has none.
    """

    __slots__ = ("host", "path", "port", "scheme", "userinfo")

    def __init__(self, scheme: str, host: str, port: int | None, path: str, userinfo: tuple[str, str] | None) -> None:
        self.scheme: Final = scheme
        self.host: Final = host
        self.port: Final = port
        self.path: Final = path
        self.userinfo: Final = userinfo

    @property
    def authority(self) -> str:
        """The value of the Host field: brackets around IPv6, no zone (RFC 6874, section 4), no default port."""
        host = self.host
        default = DEFAULT_PORTS.get(self.scheme)
        if default is not None and ":" in host:
            host = bracketed(host.partition("%")[0])
        return host if self.port is None or self.port == default else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and effective port (RFC 9110, section 4.3.1)."""
        return self.scheme, self.host, DEFAULT_PORTS.get(self.scheme) if self.port is None else self.port

    @property
    def url(self) -> str:
        """The absolute form: the whole text without userinfo and fragment."""
        if self.host or self.port is not None or self.path.startswith("/"):
            return f"{self.scheme}://{self.authority}{self.path}"
        # Without an authority, `user:password@host` looks like a scheme and its path.
        _, at, path = self.path.rpartition("@")
        return f"{self.scheme}:{'***@' if at else ''}{path}"

    @property
    def masked(self) -> str:
        """The absolute form for logs: `?...` stands for a query, which may hold keys and tokens.

        Nor does it show what follows a scheme without an authority (`data:...`), nor userinfo behind `http//`, which
        makes it part of a path.
        """
        shown, mark, _ = self.url.partition("?")
        if "://" not in shown:
            return f"{self.scheme}:..."
        if self.path.startswith("//") and "@" in shown:
            shown = f"{self.scheme}://{self.authority}//***@{shown.rpartition('@')[2]}"
        return f"{shown}?..." if mark else shown

    def __str__(self) -> str:
        return _cut(self.masked)

    def __repr__(self) -> str:
        return f"Target({str(self)!r})"


def bracketed(host: str) -> str:
    """A host as it stands before a colon and a port: an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


class _Flaw(ValueError):
    """What is wrong, in words that repeat nothing of the text; becomes an InvalidURL that shows where."""


def parse_target(url: object) -> Target:
    """Split a URL into its components and normalise them (contract 9.1 to 9.4).

    `name://...` has a scheme; `name:80`, `name:80/...`, `//name` and `name` mean http; any other `name:...` is a scheme
    too (`data:,x`). Every scheme is accepted here: whether a connection class serves it is decided elsewhere.

    Raises:
        InvalidURL: It is not a str, or not a URL.
    """
    if not isinstance(url, str):
        raise InvalidURL(f"the URL is {type(url).__name__}; a str is needed")
    # A subclass's own __str__, __hash__ or slicing must not decide what is requested.
    text = str.__str__(url)
    try:
        if len(text) > _MAX_CACHED or "@" in text:
            return _parse(text)
        return _parse_cached(text)
    except _Flaw as flaw:
        raise InvalidURL(f"{flaw}: {_show(text)}") from None


def parse_host(text: str) -> str:
    """Check a host that is given alone, and write it as `Target.host` of an http URL has it.

    Args:
        text: A name or an address; IPv6 with brackets or without, its zone as it is.
    Raises:
        InvalidURL: It is none; the message does not show it.
    """
    try:
        if ":" not in text:
            return _normalise_host(text)
        inside = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        return _normalise_ipv6(*inside.partition("%"))
    except _Flaw as flaw:
        raise InvalidURL(str(flaw)) from None


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
    if not 1 <= value <= _MAX_PORT:
        # Thousands of digits are a ValueError to str().
        raise InvalidURL(f"the port is not 1 to 65535: {value if abs(value) < 10**9 else 'far from it'}")
    return int(value)


def percent_encode(text: str) -> str:
    """A path, a query or a part of one as it is sent (contract 9.2).

    What is percent-encoded already stays so; a `%` that begins no such triplet is encoded itself.

    Raises:
        UnicodeEncodeError: The text has half a surrogate pair.
    """
    if _ALLOWED.issuperset(text):
        return text
    from urllib.parse import quote  # most URLs are written as they are sent

    return quote(re.sub(_STRAY_PERCENT, "%25", text) if "%" in text else text, safe=_SAFE + "%")


def _parse(text: str) -> Target:
    text = text.strip(_EDGES)
    if not _CONTROLS.isdisjoint(text):
        control = next(character for character in text if character in _CONTROLS)
        raise _Flaw(f"the URL has a control character ({control!r})")
    scheme, authority, rest = _split(text)
    try:
        path = percent_encode(rest.partition("#")[0])
    except UnicodeEncodeError:
        raise _Flaw("the path of the URL has half a surrogate pair") from None
    userinfo = _decode_userinfo(authority)
    if scheme not in DEFAULT_PORTS:
        return Target(scheme, *_split_foreign_host(authority), path, userinfo)
    host, port = _split_host(authority)
    path = path if path.startswith("/") else f"/{path}"
    return Target(scheme, _normalise_host(host), _port_number(port) if port else None, path, userinfo)


_parse_cached = lru_cache(maxsize=256)(_parse)


def _split(text: str) -> tuple[str, str, str]:
    """Scheme, authority ('' where there is none) and what follows it."""
    name, colon, rest = text.partition(":")
    if colon and _is_scheme(name):
        if rest.startswith("//"):
            scheme, rest = name.lower(), rest[2:]
        elif re.match(_PORT_AHEAD, rest):
            scheme, rest = "http", text
        else:
            return name.lower(), "", rest
    elif rest.startswith("//") and not any(end in name for end in _AUTHORITY_ENDS):
        raise _Flaw("the scheme of the URL has an invalid character")
    else:
        scheme, rest = "http", text.removeprefix("//")
    length = min((rest.index(end) for end in _AUTHORITY_ENDS if end in rest), default=len(rest))
    authority = rest[:length]
    # Browsers end the host at a backslash, other programs do not: what they disagree on is refused.
    for character in " \\" if scheme in DEFAULT_PORTS else " ":
        if character in authority:
            raise _Flaw(f"the host has an invalid character, {character!r}")
    return scheme, authority, rest[length:]


def _is_scheme(name: str) -> bool:
    return name[:1].isalpha() and _SCHEME_CHARACTERS.issuperset(name)


def _split_host(authority: str) -> tuple[str, str]:
    """Host (IPv6 in brackets) and port ('' where there is none) of an http authority."""
    # At the last "@": else the rest of a password that holds one would be taken for a host, and looked up.
    text = authority.rpartition("@")[2]
    if text.startswith("["):
        inside, bracket, tail = text.partition("]")
        host = inside + bracket
        if not bracket or (tail and not tail.startswith(":")):
            raise _Flaw("the URL has no IPv6 address within its brackets")
        return host, tail[1:]
    host, _, port = text.partition(":")
    if ":" in port:
        raise _Flaw("the port is not a number, or an IPv6 address has no brackets")
    return host, port


def _split_foreign_host(authority: str) -> tuple[str, int | None]:
    """Host as it stands, and port, for a scheme whose hosts have other rules."""
    text = authority.rpartition("@")[2]
    host, colon, port = text.rpartition(":")
    if colon and re.fullmatch(_PORT_AHEAD, port):
        return host, _port_number(port)
    return text, None


def _decode_userinfo(authority: str) -> tuple[str, str] | None:
    userinfo = authority.rpartition("@")[0]
    if not userinfo:
        return None
    from urllib.parse import unquote_to_bytes  # few URLs have credentials

    user, _, password = userinfo.partition(":")
    try:
        decoded = unquote_to_bytes(user).decode(), unquote_to_bytes(password).decode()
    except UnicodeError:
        raise _Flaw("user or password of the URL is not utf-8") from None
    # RFC 7617, section 2.
    if not _CONTROLS.isdisjoint("".join(decoded)):
        raise _Flaw("user or password of the URL has a control character")
    return decoded


def _port_number(text: str) -> int:
    number = text.lstrip("0")
    if not (number.isascii() and number.isdigit() and len(number) <= 5 and int(number) <= _MAX_PORT):
        raise _Flaw("the port is not 1 to 65535")
    return int(number)


def _normalise_host(text: str) -> str:
    """The host of an http target, of what `_split_host()` found."""
    if text.startswith("["):
        address, percent, zone = text[1:-1].partition("%")
        # "%" percent-encoded, as RFC 6874 wants it; not all programs do that
        return _normalise_ipv6(address, percent, zone.removeprefix("25"))
    # Before any conversion: that to A-labels takes quadratic time. The one more is a trailing dot.
    if len(text) > _MAX_HOST + 1:
        raise _Flaw(f"the host is longer than {_MAX_HOST} characters")
    if text.isascii():
        return _normalise_name(text)
    from .idna import encode_name  # few hosts have such a name

    try:
        name = _normalise_name(encode_name(text))
    except ValueError as error:
        raise _Flaw(str(error)) from None
    if _is_numeric(name):
        raise _Flaw("the host is an IPv4 address in other digits than 0 to 9")
    return name


def _normalise_name(text: str) -> str:
    """A host of ASCII characters in lower case; one trailing dot stays, as it keeps search domains out."""
    if not text:
        raise _Flaw("the URL has no host")
    if not _NAME_CHARACTERS.issuperset(text):
        invalid = next(character for character in text if character not in _NAME_CHARACTERS)
        raise _Flaw(f"the host has an invalid character, {invalid!r}")
    name = text.removesuffix(".")
    if len(name) > _MAX_HOST:
        raise _Flaw(f"the host is longer than {_MAX_HOST} characters")
    lengths = [len(label) for label in name.split(".")]
    if min(lengths) == 0:
        raise _Flaw("the host has an empty label")
    if max(lengths) > _MAX_LABEL:
        raise _Flaw(f"the host has a label of more than {_MAX_LABEL} characters")
    # `127.1`, `0x7f.1`, `0177.0.0.1` and `2130706433` would all reach 127.0.0.1, past any check of the text.
    if _is_numeric(text) and not _is_ipv4(text):
        raise _Flaw("the host is a number, but not an IPv4 address of four decimal parts")
    return text.lower()


def _is_numeric(host: str) -> bool:
    """Whether the system's resolver (inet_aton) would read the host as a number: decimal, octal or hexadecimal."""
    label = host.removesuffix(".").rpartition(".")[2].lower()
    return label.isdigit() or (label.startswith("0x") and _HEX_DIGITS.issuperset(label[2:]))


def _is_ipv4(host: str) -> bool:
    parts = host.split(".")
    return len(parts) == 4 and all(part in _IPV4_PARTS for part in parts)


def _normalise_ipv6(address: str, percent: str, zone: str) -> str:
    if percent and not (zone and _NAME_CHARACTERS.issuperset(zone.replace("~", ""))):
        raise _Flaw("the zone of the IPv6 address is empty or has an invalid character")
    from ipaddress import IPv6Address  # few URLs have one

    try:
        found = IPv6Address(address)
        if found.ipv4_mapped is None:
            return f"{found}{percent}{zone}"
        number = int(found.ipv4_mapped)  # from CPython 3.13 on, `str()` writes it with dots
        return f"::ffff:{number >> 16:x}:{number & 0xFFFF:x}{percent}{zone}"
    except ValueError:
        raise _Flaw("the host is not an IPv6 address") from None


def _show(text: str) -> str:
    """What a message may show of an invalid text: nothing that could be userinfo, no query, one line."""
    before, at, shown = text.strip(_EDGES).rpartition("@")
    if at:
        # Where userinfo begins cannot be known here, so all before the last "@" is left out.
        scheme, slashes, _ = before.partition("://")
        shown = f"{scheme}://***@{shown}" if slashes and _is_scheme(scheme) else f"***@{shown}"
    return _cut(repr(shown.partition("#")[0].partition("?")[0]))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."
