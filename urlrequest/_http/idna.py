"""International domain names -> A-labels (IDNA 2008 with the non-transitional processing of UTS 46). Pure.

The standard library has IDNA 2003 only, with the characters of Unicode 3.2. It maps some names to other ones, which may
belong to somebody else: `straße` to `strasse`. So the package `idna` is used where it is installed. Without it, a name
is encoded if both standards make the same of it, and refused if not.
"""

from __future__ import annotations

import unicodedata

__all__ = ["encode_name"]

# The label separators of IDNA besides the full stop (RFC 3490, section 3.1).
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
# What IDNA 2003 maps to something else, or to nothing: sharp s, final sigma and the two joiners (UTS 46, section 6).
_DEVIATIONS = "\u00df\u03c2\u200c\u200d"
# What IDNA 2003 keeps and UTS 46 ignores: fillers, and two vowels that are not written.
_IGNORED = "\u115f\u1160\u17b4\u17b5\u3164\uffa0"
_AMBIGUOUS = frozenset(_DEVIATIONS + _IGNORED)


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
        import idna  # few systems have it, and few hosts need it
    except ImportError:
        return _encode_by_2003(dotted)
    try:
        mapped = idna.uts46_remap(dotted, std3_rules=False, transitional=False)
        return ".".join(label if label.isascii() else idna.alabel(label).decode() for label in mapped.split("."))
    except (UnicodeError, IndexError):
        raise ValueError("the host is not a valid international name (IDNA 2008)") from None


def _encode_by_2003(dotted: str) -> str:
    """The A-labels of a host of which IDNA 2003 makes the same as UTS 46."""
    from encodings import idna
    from stringprep import in_table_a1  # code points that Unicode 3.2 does not have

    for character in dotted:
        if character in _AMBIGUOUS or in_table_a1(character):
            raise ValueError(_refusal(character))
    try:
        for label in dotted.split("."):
            # Both standards map alike but for some letters, such as those of Cherokee.
            if not label.isascii() and idna.nameprep(label) != _fold(label):
                raise ValueError(_refusal(next(each for each in label if not each.isascii())))
        return idna.Codec().encode(dotted)[0].decode("ascii")
    except UnicodeError:
        raise ValueError("the host is not a valid international name") from None


def _fold(label: str) -> str:
    """A label as UTS 46 maps it, but for characters that it ignores."""
    once = unicodedata.normalize("NFKC", label.casefold())
    return unicodedata.normalize("NFKC", once.casefold())


def _refusal(character: str) -> str:
    return f"the host has U+{ord(character):04X}, which needs the package idna; or give the name as A-label (xn--...)"
