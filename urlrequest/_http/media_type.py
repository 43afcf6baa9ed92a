"""Media types that a user expects, and whether a response has one of them (contract 12.5). Pure."""

from __future__ import annotations

import re

from urlrequest.errors import UnexpectedContentType

from .fields import TCHARS
from .response_head import excerpt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .response_head import ResponseHead

__all__ = ["check_content_type", "check_media_ranges"]

# What a response without a type may be taken for (RFC 9110, section 8.3).
UNKNOWN_TYPE = "application/octet-stream"


def check_media_ranges(expect_type: object) -> tuple[str, ...]:
    """The types given by the user, one or several, in lower case; the empty tuple: any.

    Raises:
        TypeError: It is neither text nor a list, tuple or set of texts. ValueError: A text is no media type.
    """
    if expect_type is None:
        return ()
    ranges = [expect_type] if isinstance(expect_type, str) else expect_type
    if not isinstance(ranges, list | tuple | set | frozenset) or not all(isinstance(each, str) for each in ranges):
        raise TypeError(f"expect_type is {type(expect_type).__name__}; text such as 'image/*' or a list is needed")
    found = tuple(each.strip(" \t").lower() for each in ranges)
    for each in found:
        if not re.fullmatch(rf"{TCHARS}/{TCHARS}", each) or ("*" in each.removesuffix("/*") and each != "*/*"):
            raise ValueError(f"expect_type has {each[:60]!r}, which is no type such as 'application/zip' or 'image/*'")
    if not found:
        raise ValueError("expect_type names no type")
    return found


def check_content_type(head: ResponseHead, ranges: tuple[str, ...]) -> None:
    """Compare the type of a response with those that are expected.

    Raises:
        UnexpectedContentType: It is none of them.
    """
    said: str | None = head.headers.get("Content-Type")
    media_type = UNKNOWN_TYPE if said is None else said.partition(";")[0].strip(" \t").lower()
    kind = media_type.partition("/")[0]
    if not any(each in {media_type, f"{kind}/*", "*/*"} for each in ranges):
        what = "no Content-Type" if said is None else excerpt(media_type)
        raise UnexpectedContentType(f"the server sent {what} with status {head.status}, not {' or '.join(ranges)}")
