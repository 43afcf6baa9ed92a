"""The entries of a query or a form: how values that are not text are written (contract 10.6). Pure.

`params`, dict bodies and the fields beside `files` are read here, so that a value means the same in all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlencode

from urlrequest._http.fields import read_pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["encode_form", "read_entries"]


def read_entries(given: object, what: str) -> list[tuple[bytes, bytes]]:
    """Names and values as bytes, one entry for each value; those that are None are left out.

    Args:
        given: A dict or an iterable of pairs.
        what: The argument's name, for messages.
    Raises:
        TypeError: A name, a value or the whole is of the wrong type.
        UnicodeEncodeError: A text has half a surrogate pair.
    """
    entries: list[tuple[bytes, bytes]] = []
    for name, value in read_pairs(given, what):
        if name is None or _is_several(name):
            raise TypeError(f"{what} has a name of type {type(name).__name__}; text is needed")
        key = _octets(name)
        entries.extend((key, _octets(single)) for single in _single_values(value, what) if single is not None)
    return entries


def encode_form(given: object, what: str) -> str:
    """A query or a body of the type application/x-www-form-urlencoded (WHATWG URL Standard, section 5.2).

    Raises:
        TypeError, UnicodeEncodeError: As of `read_entries()`.
    """
    return urlencode(read_entries(given, what))


def _single_values(value: Any, what: str) -> list[Any]:
    """The values that a value stands for: those of a list, or itself."""
    if not _is_several(value):
        return [value]
    values = [value] if isinstance(value, Mapping) else list(value)
    for single in values:
        if _is_several(single):
            raise TypeError(f"{what} holds {type(single).__name__} where a single value or a list of those is needed")
    return values


def _is_several(value: object) -> bool:
    return isinstance(value, Collection | Iterator) and not isinstance(value, str | bytes | bytearray | memoryview)


def _octets(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        # str() of an enum of texts may be its name. A file's name may have bytes that are not text; they stay.
        return str.__str__(value).encode("utf-8", "surrogateescape")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value)).encode()  # likewise
    return str(value).encode()
