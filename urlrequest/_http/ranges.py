"""Ranges: which bytes of which representation a response has (RFC 9110, section 14). Pure."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

from .fields import LENGTH

if TYPE_CHECKING:
    from .response_head import ResponseHead

__all__ = ["content_range", "strong_validator"]

# RFC 9110, section 8.8.2.2: a date is a strong validator only if the representation had not changed for a while.
MIN_DATE_AGE = 60.0  # seconds

_CONTENT_RANGE = re.compile(rf"bytes[ ]({LENGTH})-({LENGTH})/({LENGTH}|\*)", re.IGNORECASE)
_STRONG_TAG = re.compile(r'"[^"\x00-\x20\x7f]*"')


class ContentRange(NamedTuple):
    """Positions of the first and the last byte, both included, and the total; None: the server does not know it."""

    first: int
    last: int
    total: int | None


def content_range(head: ResponseHead) -> ContentRange | None:
    """The range that a response has; None when it has several, or does not say which, or contradicts itself."""
    media_type: str = head.headers.get("Content-Type", "")
    sent = _CONTENT_RANGE.fullmatch(head.headers.get("Content-Range", "").strip(" \t"))
    if sent is None or media_type.strip().lower().startswith("multipart/byteranges"):
        return None
    first, last, total = int(sent[1]), int(sent[2]), None if sent[3] == "*" else int(sent[3])
    if first > last or (total is not None and last >= total):
        return None
    return ContentRange(first, last, total)


def strong_validator(head: ResponseHead) -> str | None:
    """What If-Range may compare (RFC 9110, section 13.1.5): a strong ETag, or a date where there is no ETag."""
    if "ETag" in head.headers:
        tag: str = head.headers["ETag"]
        return tag if _STRONG_TAG.fullmatch(tag) else None
    date: str = head.headers.get("Last-Modified", "")
    try:
        age = parsedate_to_datetime(head.headers.get("Date", "")) - parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return date if age.total_seconds() >= MIN_DATE_AGE else None
