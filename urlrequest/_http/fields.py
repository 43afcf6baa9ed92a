"""Header fields as lists of pairs: check what the user gave, look fields up, join cookies (RFC 9110, section 5). Pure.

A message's fields are a plain list, in the order in which they are sent: connection classes of users get it as it is,
and a list is copied three times as fast as an object of a class of its own (measured). `Headers` is the dict that users
see.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .headers import pairs_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from typing import Any

__all__ = [
    "CONTROL",
    "LENGTH",
    "TCHARS",
    "Fields",
    "all_values",
    "cookie_text",
    "field_names",
    "first_value",
    "is_token",
    "join_cookies",
    "media_type_of",
    "read_fields",
    "read_pairs",
    "sent_text",
    "shown_name",
    "without",
]

Fields = list[tuple[str, str]]

# Patterns, compiled by the modules that need them: most requests have neither header fields nor a method of their own.
TCHARS = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # a method, a field's name (RFC 9110, section 5.6.2)
CONTROL = r"[\x00-\x1f\x7f]"  # a control character (RFC 5234, appendix B.1)
LENGTH = r"[0-9]{1,18}"  # a number of bytes (RFC 9110, section 8.6) that fits into 64 bits


@lru_cache(maxsize=256)
def is_token(text: str) -> bool:
    """Whether the text may be a method or a field's name; programs use the same few over and over."""
    return re.fullmatch(TCHARS, text) is not None


def media_type_of(content_type: str | None) -> str:
    """The media type in a Content-Type, in lower case and without parameters; "" if there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def read_fields(given: object, what: str) -> tuple[Fields, set[str]]:
    """Check header fields given by the user (contract 10.3).

    Args:
        given: A dict or an iterable of pairs; values are str, bytes, int or None.
        what: The argument's name, for messages.
    Returns:
        The fields; and, in lower case, the names that the user wants left out.
    Raises:
        TypeError: A name, a value or the whole is of the wrong type.
        ValueError: A name is not a token, or a value has CR, LF or NUL.
    """
    fields: Fields = []
    suppressed: set[str] = set()
    for name, value in read_pairs(given, what):
        text = name.decode("latin-1") if isinstance(name, bytes) else name
        if not isinstance(text, str):
            raise TypeError(f"{what} has a name of type {type(name).__name__}; text is needed")
        if not is_token(text):
            raise ValueError(f"{what} has the name {shown_name(text)}, which is not a token (RFC 9110, section 5.1)")
        if value is None:
            suppressed.add(text.lower())
        else:
            fields.append((text, _read_value(text, value, what)))
    return fields, suppressed


def read_pairs(given: Any, what: str) -> Iterator[tuple[Any, Any]]:
    """The pairs of a dict or of an iterable of pairs; none of None.

    Raises:
        TypeError: It is something else.
    """
    if given is None:
        return
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        raise TypeError(f"{what} is {type(given).__name__}; a dict or a list of pairs is needed")
    for pair in pairs_of(given):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"{what} holds {type(pair).__name__} where a pair of name and value is needed")
        yield pair[0], pair[1]


def _read_value(name: str, value: object, what: str) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    elif isinstance(value, bool):
        value = str(value)
    elif isinstance(value, int):
        value = str(int(value))  # str() of an enum of numbers may be its name
    if not isinstance(value, str):
        raise TypeError(f"{what} has a value of type {type(value).__name__} for {name}; text is needed")
    if "\r" in value or "\n" in value or "\0" in value:
        raise ValueError(f"{what} has CR, LF or NUL in the value of {name}")
    return sent_text(value)


def shown_name(name: str) -> str:
    """What a message may show of a name that is no token: what follows a colon is a value that got into it."""
    before, colon, _ = name.partition(":")
    return repr(f"{before[:40]}:..." if colon else before[:40])


def sent_text(text: str) -> str:
    """The value of a field as text whose Latin-1 bytes are those to send: UTF-8 where the text is not Latin-1.

    RFC 9110, section 5.5, wants ASCII. Each value is encoded by itself, so that no other value, and no bytes that a
    server gave us, change with its characters.

    Raises:
        UnicodeEncodeError: The text has half a surrogate pair.
    """
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode().decode("latin-1")
    return text


def first_value(fields: Iterable[tuple[str, str]], name: str) -> str | None:
    """The first value of a field; None when it is absent.

    Args:
        name: In lower case.
    """
    for key, value in fields:
        if key.lower() == name:
            return value
    return None


def all_values(fields: Iterable[tuple[str, str]], name: str) -> list[str]:
    """The values of a field, one by one, in order.

    Args:
        name: In lower case.
    """
    return [value for key, value in fields if key.lower() == name]


def field_names(fields: Iterable[tuple[str, str]]) -> set[str]:
    """The names of the fields, in lower case."""
    return {name.lower() for name, _ in fields}


def without(fields: Iterable[tuple[str, str]], names: Container[str]) -> Fields:
    """The fields but for some.

    Args:
        names: Of those to leave out, in lower case.
    """
    return [field for field in fields if field[0].lower() not in names]


def cookie_text(cookies: object) -> str:
    """The value of a Cookie field for cookies given as str or dict.

    Raises:
        TypeError: A name, a value or the whole is of the wrong type.
        ValueError: One has CR, LF or NUL, or one of a dict has a semicolon, behind which another cookie would begin.
    """
    if not isinstance(cookies, dict):
        if not isinstance(cookies, str | bytes):
            raise TypeError(f"cookies is {type(cookies).__name__}; text or a dict is needed")
        return _read_value("Cookie", cookies, "cookies")
    pairs = [[_read_value("Cookie", text, "cookies") for text in pair] for pair in cookies.items()]
    if any(";" in text for pair in pairs for text in pair):
        raise ValueError("cookies has a semicolon in a name or a value; that would begin another cookie")
    return "; ".join("=".join(pair) for pair in pairs)


def join_cookies(fields: Fields, text: str) -> Fields:
    """The fields with more cookies; a request has one Cookie field at most (RFC 6265, section 5.4).

    What the characters of one text are sent as does not depend on those of another.
    """
    others = without(fields, {"cookie"})
    cookies = [cookie for value in (*all_values(fields, "cookie"), text) if value for cookie in value.split("; ")]
    joined = "; ".join(map(sent_text, cookies))
    return [*others, ("Cookie", joined)] if joined else others
