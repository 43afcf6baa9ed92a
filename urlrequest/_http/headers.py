"""Headers: the header fields of a message as a dict, for users."""

from __future__ import annotations

from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from typing_extensions import Self

__all__ = ["Headers", "pairs_of"]

MAX_CACHED_FIELDS = 32  # the names of longer heads are not cached

# Fields that have one value. Servers and proxies that each add one send it twice.
_SINGLE_VALUED = frozenset(
    {
        "age",
        "content-disposition",
        "content-encoding",  # a list, but the same coding is hardly ever applied twice
        "content-location",
        "content-range",
        "content-type",
        "date",
        "etag",
        "expires",
        "last-modified",
        "location",
        "retry-after",
    }
)

_MISSING: Any = object()


def _is_set_cookie(name: object) -> bool:
    return isinstance(name, str) and name.lower() == "set-cookie"


class Headers(dict[str, str]):
    """Header fields by name (contract 11.1; RFC 9110, section 5).

    Names are case-insensitive and keep the spelling of their first appearance. A repeated field reads as one value
    joined with ", " (RFC 9110, section 5.2), Set-Cookie with ";"; `get_all()` returns the single values. A field that
    has one value, such as Location, and is repeated with the same one, reads as that value.
    `headers["Set-Cookie"]` and `headers.get("Set-Cookie")` are "" when there is none.
    """

    __slots__ = ("_repeated", "_spelling")

    def __init__(self, fields: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        pairs = fields if isinstance(fields, list) else list(pairs_of(fields))
        names = tuple([name for name, _ in pairs])
        # Lower case -> the spelling kept. Many objects share one: copy it before a change.
        self._spelling = _known_spelling(names) if len(pairs) <= MAX_CACHED_FIELDS else _make_spelling(names)
        self._repeated: dict[str, list[str]] | None = None  # lower case -> the single values, of repeated fields only
        if len(self._spelling) == len(pairs):  # as a rule nothing is repeated
            super().update(zip(self._spelling.values(), [value for _, value in pairs], strict=True))
            return
        self._spelling = {}
        for name, value in pairs:
            self._add(name, value)

    def add(self, name: str, value: str) -> None:
        """Add a field; those of the same name stay."""
        self._spelling = self._spelling.copy()
        self._add(name, value)

    def _add(self, name: str, value: str) -> None:
        key = name.lower()
        spelling = self._spelling.setdefault(key, name)
        if not super().__contains__(spelling):
            super().__setitem__(spelling, value)
            return
        before = super().__getitem__(spelling)
        if self._repeated is None:
            self._repeated = {}
        values = self._repeated.setdefault(key, [before])
        values.append(value)
        if key in _SINGLE_VALUED:
            same = values.count(value) == len(values)
            super().__setitem__(spelling, value if same else ", ".join(values))
            return
        super().__setitem__(spelling, before + (";" if key == "set-cookie" else ", ") + value)

    def get_all(self, name: str) -> list[str]:
        """The single values of a field, in order; an empty list when it is absent."""
        key = name.lower()
        if self._repeated and key in self._repeated:
            return list(self._repeated[key])
        return [self[name]] if name in self else []

    def get_text(self, name: str, default: str | None = None) -> str | None:
        """The value of a field decoded as utf-8, where its bytes are that; else as it is, which is Latin-1.

        Servers send file names and other text in utf-8, though RFC 9110 knows only ASCII (section 5.5).
        """
        value: str | None = self.get(name, None)
        if value is None:
            return default
        try:
            return value.encode("latin-1").decode()
        except UnicodeError:
            return value

    def fields(self) -> Iterator[tuple[str, str]]:
        """All fields one by one, those of one name together."""
        for name in self:
            for value in self.get_all(name):
                yield name, value

    def _kept(self, name: object) -> Any:
        return self._spelling.get(name.lower(), name) if isinstance(name, str) else name

    def __missing__(self, name: Any) -> str:
        spelling = self._kept(name)
        if spelling != name:
            return self[spelling]
        if _is_set_cookie(name):
            return ""
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or (isinstance(name, str) and name.lower() in self._spelling)

    def __setitem__(self, name: str, value: str) -> None:
        self.pop(name, None)
        self.add(name, value)

    def __delitem__(self, name: str) -> None:
        spelling = self._kept(name)
        super().__delitem__(spelling)
        key = spelling.lower()
        if self._repeated:
            self._repeated.pop(key, None)
        self._spelling = self._spelling.copy()
        del self._spelling[key]

    def get(self, name: Any, default: Any = _MISSING) -> Any:
        value = dict.get(self, name)  # most servers use the usual spelling
        if value is not None:
            return value
        spelling = self._spelling.get(name.lower()) if isinstance(name, str) else None
        if spelling is not None:
            return dict.get(self, spelling)
        if default is _MISSING:
            return "" if _is_set_cookie(name) else None
        return default

    def pop(self, name: str, default: Any = _MISSING) -> Any:
        if name in self:
            value = self[name]
            del self[name]
            return value
        if default is _MISSING:
            raise KeyError(name)
        return default

    def popitem(self) -> tuple[str, str]:
        name = next(reversed(self), None)
        if name is None:
            raise KeyError("there are no headers")
        return name, self.pop(name)

    def clear(self) -> None:
        super().clear()
        self._spelling, self._repeated = {}, None

    def setdefault(self, name: str, default: str = "") -> str:
        if name not in self:
            self.add(name, default)
        return self[name]

    def update(self, *others: Any, **more: str) -> None:
        for other in (*others, more):
            pairs = list(pairs_of(other))
            for name, _ in pairs:
                self.pop(name, None)
            for name, value in pairs:
                self.add(name, value)

    def __ior__(self, other: Any) -> Self:  # type: ignore[override]  # a dict may be given, a Headers stays
        self.update(other)
        return self

    def __or__(self, other: Any) -> Headers:  # type: ignore[override]  # as above
        joined = self.copy()
        joined.update(other)
        return joined

    def copy(self) -> Headers:
        twin = Headers.__new__(Headers)
        dict.update(twin, self)
        twin._spelling = self._spelling  # noqa: SLF001 - of the same class
        repeated = self._repeated
        copied = None if repeated is None else {key: values.copy() for key, values in repeated.items()}
        twin._repeated = copied  # noqa: SLF001 - likewise
        return twin

    __copy__ = copy

    def __reduce__(self) -> tuple[Any, ...]:
        return Headers, (list(self.fields()),)

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"


def _make_spelling(names: tuple[str, ...]) -> dict[str, str]:
    return {name.lower(): name for name in names}


_known_spelling = lru_cache(maxsize=128)(_make_spelling)  # servers send the same names over and over


def pairs_of(fields: Any) -> Iterable[Any]:
    """The fields of a mapping or of an iterable of pairs, one by one, repeated ones too."""
    if isinstance(fields, Headers):
        return fields.fields()
    return fields.items() if hasattr(fields, "items") else fields  # type: ignore[no-any-return]  # whatever the user has


Headers.__module__ = "urlrequest"  # where users find it
