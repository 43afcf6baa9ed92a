"""The exceptions that are errors of `http.client` as well. `errors` imports this module when one of them is used."""

from __future__ import annotations

from http.client import HTTPException, IncompleteRead

from ._base_error import BaseProtocolError

__all__ = ["IncompleteContent", "ProtocolError"]


class ProtocolError(BaseProtocolError, HTTPException):
    """The server sent something that is not a valid HTTP response (RFC 9112)."""


class IncompleteContent(ProtocolError, IncompleteRead):
    """The body ended before its length or its last chunk (contract 11.3; RFC 9112, section 8).

    Attributes:
        partial, expected: As in `http.client`, but always b"" and None: the message has the figures.
    """

    args: tuple[str]

    def __init__(self, message: str) -> None:
        super().__init__(b"")
        self.args = (message,)

    def __str__(self) -> str:
        return Exception.__str__(self)

    def __repr__(self) -> str:
        return Exception.__repr__(self)


ProtocolError.__module__ = IncompleteContent.__module__ = "urlrequest.errors"  # where users find them
