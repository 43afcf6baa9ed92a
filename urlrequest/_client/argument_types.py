"""The types of the arguments of `UrlRequest` and `Session`. Type checkers read it; no program imports it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Sized
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Protocol, SupportsFloat, TypeAlias, TypeVar

from urlrequest._http.headers import Headers

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = [
    "Auth",
    "Body",
    "ClientCert",
    "Context",
    "Cookies",
    "ErrorT",
    "Files",
    "HeaderFields",
    "Ignored",
    "MediaTypes",
    "Params",
    "Path",
]


class _Cancellable(Protocol):
    """A request, a future, a task or a timer."""

    def cancel(self) -> object: ...


# What a callback returns means nothing. It may be anything but a coroutine: nothing would run it. There is no type for
# that, so this names what functions return: nothing, a number, text or a container, a task or a request.
Ignored: TypeAlias = SupportsFloat | Sized | Iterable[Any] | _Cancellable | None

# So that `def show(request, error: OSError)` is an on_error: which exceptions come, a program knows better.
ErrorT = TypeVar("ErrorT", bound=BaseException)


class _Readable(Protocol):
    def read(self, size: int, /) -> str | bytes: ...


class _Account(Protocol):
    @property
    def username(self) -> str | bytes: ...
    @property
    def password(self) -> str | bytes: ...


class _AnswersChallenges(Protocol):
    """`DigestAuth`, or an object of the program's own."""

    def answer_challenge(self, headers: Headers, challenge: Any) -> bool: ...


class _FindsAccounts(Protocol):
    """`NetrcAuth`."""

    def find_account(self, host: str) -> tuple[str, str] | None: ...


_Text: TypeAlias = str | bytes
_HeaderValue: TypeAlias = str | bytes | int | None

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
# Pairs are no Iterable here: a dict is one as well, and mypy would not know which of the two is meant.
_HeaderPair: TypeAlias = tuple[_Text, _HeaderValue]
HeaderFields: TypeAlias = (
    Mapping[str, _HeaderValue] | Mapping[bytes, _HeaderValue] | Sequence[_HeaderPair] | AbstractSet[_HeaderPair]
)
Body: TypeAlias = "str | Buffer | dict[Any, Any] | _Readable | Iterable[_Text] | list[tuple[str, Any]]"
Params: TypeAlias = str | dict[Any, Any] | Sequence[tuple[Any, Any]]
Cookies: TypeAlias = str | bytes | dict[str, Any]
Auth: TypeAlias = tuple[_Text, _Text] | Callable[[Headers], object] | _Account | _AnswersChallenges | _FindsAccounts
ClientCert: TypeAlias = Path | tuple[Path, Path] | tuple[Path, Path | None, str | bytes]
Context: TypeAlias = ssl.SSLContext
MediaTypes: TypeAlias = str | Collection[str]

_Content: TypeAlias = "str | os.PathLike[str] | os.PathLike[bytes] | Buffer | _Readable | Iterable[bytes]"
_File: TypeAlias = "_Content | tuple[str | None, _Content] | tuple[str | None, _Content, str | None] | list[Any]"
Files: TypeAlias = Mapping[str, _File] | Sequence[tuple[str, _File]]
