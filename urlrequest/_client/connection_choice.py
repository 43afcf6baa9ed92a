"""ConnectionChoice: which class the connections of a request are of; what a subclass may override."""

from __future__ import annotations

from urlrequest.errors import UnsupportedScheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ConnectionChoice", "connection_class"]


class ConnectionChoice:
    """The part of `UrlRequest` that chooses a connection class."""

    def get_connection_for_scheme(self, scheme: str) -> type[Any]:
        """Return the connection class for a scheme; override it for schemes of your own (contract 18.1).

        The class has the interface of `http.client.HTTPConnection`. If it derives from `urlrequest.HTTPConnection` and
        overrides `open_socket()`, cancel and deadline stay prompt. Runs on the worker thread.

        Raises:
            UnsupportedScheme: There is no class for the scheme.
        """
        from urlrequest._http1.public_connection import HTTPConnection, HTTPSConnection  # most requests do without

        if scheme == "http":
            return HTTPConnection
        if scheme == "https":
            return HTTPSConnection
        raise UnsupportedScheme(f"the scheme {scheme!r} is not supported; http and https are")

    def _get_connection_for_scheme(self, scheme: str) -> type[Any]:
        """The same as `get_connection_for_scheme()`; an override of either name counts (contract 1.4)."""
        return self.get_connection_for_scheme(scheme)


_OURS = [ConnectionChoice.get_connection_for_scheme, ConnectionChoice._get_connection_for_scheme]  # noqa: SLF001 - of this module


def connection_class(request: Any, scheme: str) -> type[Any]:
    """Return the class that a request uses: a light one for http and https, unless either method is overridden.

    The public classes are those and `http.client`, which takes longer to import than a first request to make.

    Raises:
        Exception: As the methods; whatever an override raises.
    """
    from urlrequest._http1.connection import CLASSES  # loaded by the engine

    methods = request.get_connection_for_scheme, request._get_connection_for_scheme  # noqa: SLF001 - of this module
    if scheme in CLASSES and [getattr(method, "__func__", None) for method in methods] == _OURS:
        return CLASSES[scheme]
    return methods[1](scheme)  # type: ignore[no-any-return]  # a method of the user's
