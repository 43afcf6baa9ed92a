"""What connection classes that are not ours are given, and what they return."""

from __future__ import annotations

import http.client
from itertools import count
from typing import Any

import pytest

from urlrequest import Headers
from urlrequest._http1.foreign import ForeignResponse
from urlrequest.errors import IncompleteContent


class Foreign:
    """A response of somebody else's class."""

    def __init__(self, body: bytes, *fields: tuple[str, str], status: int = 200) -> None:
        self.status, self.body, self.fields = status, body, fields

    def getheaders(self) -> list[tuple[str, str]]:
        return list(self.fields)

    def read(self, amount: int) -> bytes:
        piece, self.body = self.body[: min(amount, 4)], self.body[min(amount, 4) :]
        return piece


def read_all(response: ForeignResponse) -> bytes:
    pieces = []
    while not response.is_complete:
        pieces.append(response.read_piece())
    return b"".join(pieces)


@pytest.mark.parametrize("fields", [[], [("Content-Length", "9")]], ids=count())
def test_18_1_foreign_responses(fields: list[tuple[str, str]]) -> None:
    """Contract 18.1: a response of any class is read to its end; its connection is never used again."""
    response = ForeignResponse(Foreign(b"012345678", *fields), "GET", "a.test:80")

    assert b"012345678" == read_all(response)
    assert (200, "", fields) == (response.head.status, response.head.reason, list(response.head.headers.items()))
    assert not response.is_reusable


def test_18_1_foreign_responses_are_counted() -> None:
    """Contract 11.3, 18.1: a foreign class that takes a cut for the end does not get away with it."""
    response = ForeignResponse(Foreign(b"01234", ("Content-Length", "9")), "GET", "a.test:80")

    with pytest.raises(IncompleteContent, match="after 5 of 9 bytes"):
        read_all(response)


def test_18_1_incomplete_read_of_http_client() -> None:
    """Contract 11.3: http.client's own IncompleteRead becomes ours, with the cause."""

    class Cut(Foreign):
        def read1(self, amount: int) -> bytes:
            raise http.client.IncompleteRead(b"012", 6)

    with pytest.raises(IncompleteContent, match="after 3 of 9 bytes"):
        read_all(ForeignResponse(Cut(b"", ("Content-Length", "9")), "GET", "a.test:80"))


def test_18_1_foreign_read_into() -> None:
    """A foreign response can be read into memory as well."""
    response = ForeignResponse(Foreign(b"abc"), "GET", "a.test:80")
    room: Any = memoryview(bytearray(9))

    assert [3, 0] == [response.read_into(room), response.read_into(room)]
    assert b"abc" == bytes(room[:3])
    assert isinstance(response.head.headers, Headers)
