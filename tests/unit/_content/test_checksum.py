from __future__ import annotations

import hashlib
from itertools import count

import pytest

from urlrequest._content.checksum import check_checksum, compare_digest, new_digest
from urlrequest.errors import ChecksumMismatch

SHA256 = hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (f"sha256:{SHA256}", f"sha256:{SHA256}"),
        (f" SHA256:{SHA256.upper()}\n", f"sha256:{SHA256}"),
        (f"md5:{'0' * 32}", f"md5:{'0' * 32}"),
    ],
    ids=count(),
)
def test_12_4_checksums(given: object, expected: str | None) -> None:
    """Contract 12.4: any algorithm of hashlib, in any case, with spaces round it."""
    assert expected == check_checksum(given)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "abc123",
        ":",
        "sha256",
        "sha256:",
        f"sha256:{SHA256[1:]}",
        f"sha256:{SHA256}0",
        f"sha256:{'g' * 64}",
        "none:00",
    ],
)
def test_12_4_what_is_not_a_checksum(given: str) -> None:
    """Contract 12.4: an unknown algorithm, or a digest of another length or not hexadecimal, is an error."""
    with pytest.raises(ValueError, match=r"^checksum (names|has|is) "):
        check_checksum(given)


@pytest.mark.parametrize("given", [b"sha256:00", 1, True, ["sha256:00"]], ids=count())
def test_12_4_what_is_not_text(given: object) -> None:
    """Contract 12.4: anything but text is a TypeError that names its type."""
    with pytest.raises(TypeError, match=f"^checksum is {type(given).__name__};"):
        check_checksum(given)


def test_12_4_comparing() -> None:
    """Contract 12.4: the right content passes; the error for any other has both digests."""
    digest = new_digest(f"sha256:{SHA256}")
    digest.update(b"abc")

    compare_digest(digest, f"sha256:{SHA256}")
    with pytest.raises(ChecksumMismatch, match=f"the sha256 {SHA256}, not {'0' * 64}"):
        compare_digest(digest, f"sha256:{'0' * 64}")
