"""Checksums as the user gives them, "sha256:<hex>", and digests to compare with them (contract 12.4). Pure."""

from __future__ import annotations

from urlrequest.errors import ChecksumMismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    import hashlib

__all__ = ["check_checksum", "compare_digest", "new_digest"]


def check_checksum(checksum: object) -> str | None:
    """The checksum given by the user, as "<algorithm>:<hex in lower case>".

    Raises:
        TypeError: It is not text. ValueError: The algorithm is unknown, or the digest is not of its length.
    """
    if checksum is None:
        return None
    if not isinstance(checksum, str):
        raise TypeError(f"checksum is {type(checksum).__name__}; text such as 'sha256:<hex>' is needed")
    name, colon, digest = checksum.strip().lower().partition(":")
    if not colon:
        raise ValueError(f"checksum is {checksum[:40]!r}, without an algorithm; text such as 'sha256:<hex>' is needed")
    try:
        size = new_digest(f"{name}:").digest_size
    except ValueError:
        raise ValueError(f"checksum names the algorithm {name[:40]!r}, which hashlib does not have here") from None
    if len(digest) != 2 * size or not set(digest) <= set("0123456789abcdef"):
        raise ValueError(f"checksum has no digest of {2 * size} hexadecimal digits for {name}")
    return f"{name}:{digest}"


def new_digest(checksum: str) -> hashlib._Hash:
    """An empty digest of a checksum's algorithm.

    Raises:
        ValueError: The algorithm is unknown.
    """
    import hashlib

    return hashlib.new(checksum.partition(":")[0], usedforsecurity=False)


def compare_digest(digest: hashlib._Hash, checksum: str) -> None:
    """Compare what was received with what was wanted.

    Raises:
        ChecksumMismatch: They differ.
    """
    name, _, wanted = checksum.partition(":")
    if digest.hexdigest() != wanted:
        raise ChecksumMismatch(f"the body has the {name} {digest.hexdigest()}, not {wanted}")
