"""International domain names -> A-labels (RFC 3490, the version that the standard library has). Pure."""

from __future__ import annotations

import unicodedata
from encodings import idna

__all__ = ["encode_name"]

# The label separators of IDNA besides the full stop (RFC 3490, section 3.1).
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")


def encode_name(text: str) -> str:
    """The A-labels of a host.

    Raises:
        ValueError: It is not a valid international name, or could be taken for another one.
    """
    dotted = text.translate(_DOTS)
    # U+2025 becomes two dots. Other delimiters (U+2100 has a slash) are still there in the A-labels.
    if unicodedata.normalize("NFKC", dotted).count(".") != dotted.count("."):
        raise ValueError("the host has a character that stands for a dot")
    try:
        return idna.Codec().encode(dotted)[0].decode("ascii")
    except UnicodeError:
        raise ValueError("the host is not a valid international name") from None
