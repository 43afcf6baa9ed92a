"""The differences from Kivy that a file touches: each rule finds its code, and not what looks like it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from urlrequest._cli.kivy_uses import RULES, findings_in

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "differences.md"
METHODS = next(rule.row for rule in RULES if "`get_response()`" in rule.row)
IMPORT = "from kivy.network.urlrequest import UrlRequest\n"


def rows() -> set[str]:
    """The first cells of the page's tables."""
    found = re.findall(r"^\| (.+?) \|", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return {row for row in found if row != "name" and not row.startswith("Kivy 2.3.1")}


def touched(code: str) -> list[tuple[int, str]]:
    return [(finding.line - 1, finding.row) for finding in findings_in(ast.parse(IMPORT + code))]


def test_rules_name_rows_of_the_page() -> None:
    """Each rule stands for a row that is there."""
    assert {rule.row for rule in RULES} <= rows()


@pytest.mark.parametrize(
    ("code", "row"),
    [
        ("r = UrlRequest(u)\nwhile not r.is_finished:\n    pass", "`wait()`"),
        ("def ok(request, result):\n    result.decode()\nUrlRequest(u, ok)", "text in another charset than utf-8"),
        ("UrlRequest(u, on_success=lambda r, s: s.decode('utf8'))", "text in another charset than utf-8"),
        (
            "class A:\n    def ok(self, r, s):\n        s.encode()\n    def go(self):\n        UrlRequest(u, self.ok)",
            "images, audio, archives and other binary types that happen to be valid text",
        ),
        ("UrlRequest(u)\ngzip.decompress(x)", "content encodings (gzip, deflate)"),
        ("UrlRequest(u, file_path='x')", "`file_path` while the body arrives"),
        (f"UrlRequest(u, {'None, ' * 12} 'x')", "`file_path` while the body arrives"),
        ("UrlRequest(u, file_path=p)\nos.remove(p)", "`os.remove(file_path)` in `on_failure` or `on_error`"),
        ("UrlRequest(u, on_success=self.ok)", "a bound method as callback"),
        ("UrlRequest(u, debug=True)", "`debug=True`"),
        ("UrlRequest(u)\nr.resp_headers['set-cookie']", "repeated headers of a response"),
        ("UrlRequest('example.org/x')", "a URL without a scheme"),
        ("UrlRequest('http://h/#x')", "the fragment of a URL"),
        ("UrlRequest('http://a:b@h/')", "user and password in a URL"),
        ("UrlRequest(url='http://h/a b')", "spaces, non-ASCII text and other characters that no URL may have"),
        ("UrlRequest(u, method='put')", '`method="put"`'),
        ("UrlRequest(u, req_body='\u00e9')", "a `str` as body"),
        ("UrlRequest(u, auth=('a', 'b'))", "`auth`"),
        ("UrlRequest(u, proxy_headers={})", "`proxy_headers`"),
        ("UrlRequest(u, verify='ca.pem')", '`verify="ca.pem"`, `verify=0`'),
        ("UrlRequest(u, verify=0)", '`verify="ca.pem"`, `verify=0`'),
        (
            "ssl._create_default_https_context = ssl._create_unverified_context",
            "`ssl._create_default_https_context = ssl._create_unverified_context`",
        ),
        ("UrlRequest(u)\nsocket.setdefaulttimeout(3)", "`socket.setdefaulttimeout()`"),
        (
            "from kivy.network.urlrequest import UrlRequestRequests",
            "`UrlRequestRequests`, the implementation by the library requests",
        ),
        (
            "class R(UrlRequest):\n    def get_response(self): pass",
            METHODS,
        ),
    ],
)  # fmt: skip
def test_rules_find_their_code(code: str, row: str) -> None:
    """The difference is named for code that touches it."""
    assert row in [row for _, row in touched(code)]


def test_every_rule_is_tried() -> None:
    """The cases above have one for each rule."""
    marks = vars(test_rules_find_their_code)["pytestmark"]

    assert {rule.row for rule in RULES} == {row for _, row in marks[0].args[1]}


@pytest.mark.parametrize(
    "code",
    [
        "UrlRequest('https://h/x')",
        "def ok(request, result):\n    request.content.decode()\nUrlRequest(u, ok)",
        "UrlRequest(u, verify=False)",
        "UrlRequest(u, verify=is_checked)",
        "UrlRequest(u, method='PUT', debug=False)",
        "other(u, file_path='x', auth=1)\nos.remove('x')",
        "x.decode()",
        "class R(Other):\n    def get_response(self): pass",
    ],
)
def test_rules_leave_other_code_alone(code: str) -> None:
    """What only looks alike is not named."""
    assert [] == touched(code)


@pytest.mark.parametrize(
    ("imports", "name"),
    [
        ("from kivy.network.urlrequest import UrlRequest as UR", "UR"),
        ("from kivy.network import urlrequest as ur", "ur.UrlRequest"),
        ("from kivy.network import urlrequest", "urlrequest.UrlRequest"),
        ("import kivy.network.urlrequest", "kivy.network.urlrequest.UrlRequest"),
        ("import kivy.network.urlrequest as k", "k.UrlRequestUrllib"),
        ("from kivy.network.urlrequest import *", "UrlRequest"),
        ("from urlrequest import UrlRequest", "UrlRequest"),
        ("import urlrequest", "urlrequest.UrlRequest"),
        ("from kivy.network.urlrequest import UrlRequest\nclass Mine(UrlRequest): pass", "Mine"),
    ],
)
def test_calls_by_any_name(imports: str, name: str) -> None:
    """However the class is called, its calls are found."""
    assert ["`auth`"] == [finding.row for finding in findings_in(ast.parse(f"{imports}\n{name}(u, auth=x)"))]


def test_bound_methods_are_told_once() -> None:
    """What nearly every program does takes one line."""
    assert 1 == len(touched("UrlRequest(u, self.a)\nUrlRequest(u, self.b)"))
