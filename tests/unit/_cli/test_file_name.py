"""The file name that a server gives: read, and made harmless."""

from __future__ import annotations

import pytest

from urlrequest._cli.file_name import file_name_of


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ('attachment; filename="report.pdf"', "report.pdf"),
        ("attachment; filename=report.pdf; size=3", "report.pdf"),
        (r'attachment; filename="a \"b\" c;d.txt"', "a _b_ c;d.txt"),
        ("attachment; FILENAME*=UTF-8''na%C3%AFve%20plan.txt; filename=\"x\"", "na\u00efve plan.txt"),
        ("attachment; filename*=iso-8859-1'en'%A3.txt", "\u00a3.txt"),
        ("attachment; filename*=utf-8''%ff; filename=good", "good"),
        ('attachment; filename="\u00c3\u00a9.txt"', "\u00e9.txt"),
        ('attachment; filename="\u00e9.txt"', "\u00e9.txt"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\temp\\\\a.txt"', "a.txt"),
        ("attachment; filename*=utf-8''%2e%2e%2fetc%2Fpasswd", "passwd"),
        ("attachment; filename*=utf-8''a%5Cb", "b"),
        ('attachment; filename=".bashrc"', "_bashrc"),
        ('attachment; filename=".."', None),
        ('attachment; filename="/"', None),
        ('attachment; filename=""', None),
        ('attachment; filename="nul.txt"', "_nul.txt"),
        ('attachment; filename="a\x07:b*."', "a__b_"),
        ("attachment", None),
        ("", None),
        (f"attachment; filename={'x' * 300}.bin", f"{'x' * 196}.bin"),
    ],
)
def test_names(field: str, name: str | None) -> None:
    """RFC 6266: filename* wins, a path is cut to its last part, and nothing is hidden or forbidden."""
    assert name == file_name_of(field)
