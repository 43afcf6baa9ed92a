"""Record: a small value with named parts, which do not change once it is made.

Five kinds of classes hold values in this package. The first of these rules that applies decides:

1. An object that changes, or that does more than hold its parts (it checks them, say): a class of its own, with
   `__slots__` if every request makes one.
2. A value that users make or print in their tests, so in `urlrequest.testing` alone: a dataclass. With a tuple, the
   length and the order of the parts would be public as well. Other modules have none: `dataclasses` imports `inspect`.
3. The options of a request: a namedtuple, since one call in C makes it of its thirty parts.
4. A value in a module that every program loads: a `Record`. A named tuple is made by code that is compiled when it is
   imported, and finds each part by a look-up (measured: each adds 0.3 ms to the import, and all together some 2 us to a
   plain request); and `NamedTuple` needs `typing`, which is slow to import.
5. Any other value: a `NamedTuple`. It is the shortest to write, and its module is loaded only by programs that use it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

__all__ = ["Record"]


class Record:
    """Base class. The parts are the names in `__slots__`."""

    __slots__: tuple[str, ...] = ()

    def replace(self, **parts: Any) -> Self:
        """Return a copy with other values for some parts."""
        twin = object.__new__(type(self))  # the module `copy` takes longer to load than most modules here
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        for name, value in parts.items():
            setattr(twin, name, value)
        return twin

    def _parts(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(other) is type(self) and other._parts() == self._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({parts})"
