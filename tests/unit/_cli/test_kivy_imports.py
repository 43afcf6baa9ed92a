"""Imports of Kivy's UrlRequest, in the shapes that programs have: what becomes of them, and what else stays."""

from __future__ import annotations

import ast

import pytest

from urlrequest._cli.kivy_imports import changed, changes_of, changes_of_kv


def migrated(text: str) -> str:
    """The text with all changes made; it is Python before and after."""
    changes, _ = changes_of(text, ast.parse(text))
    result = changed(text, changes)
    ast.parse(result)
    return result


def remarks(text: str) -> list[tuple[int, str]]:
    return [(remark.line, remark.text) for remark in changes_of(text, ast.parse(text))[1]]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from kivy.network.urlrequest import UrlRequest", "from urlrequest import UrlRequest"),
        (
            "from  kivy.network.urlrequest  import UrlRequest as UR  # noqa: E402",
            "from  urlrequest  import UrlRequest as UR  # noqa: E402",
        ),
        (
            "from kivy.network.urlrequest import (\n    UrlRequest,  # one\n    UrlRequestUrllib,\n)\n",
            "from urlrequest import (\n    UrlRequest,  # one\n    UrlRequestUrllib,\n)\n",
        ),
        ("from kivy.network.urlrequest \\\n    import UrlRequest\n", "from urlrequest \\\n    import UrlRequest\n"),
        ("from kivy . network.urlrequest import UrlRequest", "from urlrequest import UrlRequest"),
        ("a; from kivy.network.urlrequest import UrlRequest; b", "a; from urlrequest import UrlRequest; b"),
        ("import kivy.network.urlrequest as ur", "import urlrequest as ur"),
        ("import os, kivy.network.urlrequest as ur, sys", "import os, urlrequest as ur, sys"),
        (
            "import kivy.network.urlrequest\nr = kivy.network.urlrequest.UrlRequest(u)\n",
            "import urlrequest\nr = urlrequest.UrlRequest(u)\n",
        ),
        (
            "import kivy.network.urlrequest\nkivy.require('2.0.0')\nr = kivy.network.urlrequest.UrlRequest(u)\n",
            "import kivy, urlrequest\nkivy.require('2.0.0')\nr = urlrequest.UrlRequest(u)\n",
        ),
        (
            "import kivy\nimport kivy.network.urlrequest\nkivy.require('2.0.0')\n",
            "import kivy\nimport urlrequest\nkivy.require('2.0.0')\n",
        ),
        ("from kivy.network import urlrequest", "import urlrequest"),
        ("from kivy.network import urlrequest as ur  # why", "import urlrequest as ur  # why"),
        ("from kivy.network import (\n    urlrequest,\n)\n", "import urlrequest\n"),
        ("from kivy.network.urlrequest import *\nUrlRequest(u)", "from urlrequest import UrlRequest\nUrlRequest(u)"),
        (
            "from kivy.network.urlrequest import *\ng_requests\n",
            "from urlrequest import UrlRequest, g_requests\ng_requests\n",
        ),
        (
            "try:\n\tfrom kivy.network.urlrequest import UrlRequest\nexcept ImportError:\n\tUrlRequest = None\n",
            "try:\n\tfrom urlrequest import UrlRequest\nexcept ImportError:\n\tUrlRequest = None\n",
        ),
        (
            "if platform == 'android':\r\n    from kivy.network.urlrequest import UrlRequest\r\n",
            "if platform == 'android':\r\n    from urlrequest import UrlRequest\r\n",
        ),
        (
            "class App:\n    def go(self):\n        from kivy.network.urlrequest import UrlRequest\n",
            "class App:\n    def go(self):\n        from urlrequest import UrlRequest\n",
        ),
        ("# type: (kivy.network.urlrequest.UrlRequest) -> None", "# type: (urlrequest.UrlRequest) -> None"),
        ("x = None  # type: kivy.network.urlrequest.UrlRequest\n", "x = None  # type: urlrequest.UrlRequest\n"),
        ("def f(r: 'kivy.network.urlrequest.UrlRequest'): ...\n", "def f(r: 'urlrequest.UrlRequest'): ...\n"),
        ("mock.patch('kivy.network.urlrequest.UrlRequest')", "mock.patch('urlrequest.UrlRequest')"),
        ('import_module("kivy.network.urlrequest")', 'import_module("urlrequest")'),
        ("hiddenimports=['kivy.network.urlrequest', 'x']", "hiddenimports=['urlrequest', 'x']"),
        (
            'KV = """\n#:import UrlRequest kivy.network.urlrequest.UrlRequest\n<Row>:\n    text: "a"\n"""\n',
            'KV = """\n#:import UrlRequest urlrequest.UrlRequest\n<Row>:\n    text: "a"\n"""\n',
        ),
        ("KV = '#: import ur kivy.network.urlrequest\\n'\n", "KV = '#: import ur urlrequest\\n'\n"),
        ("'\u00e9\U0001f600'; import kivy.network.urlrequest as u", "'\u00e9\U0001f600'; import urlrequest as u"),
        (
            "import kivy.network.urlrequest\ns = '\u00e9'; r = kivy.network.urlrequest.UrlRequest\n",
            "import urlrequest\ns = '\u00e9'; r = urlrequest.UrlRequest\n",
        ),
        ("x = 1\x0c\nfrom kivy.network.urlrequest import UrlRequest", "x = 1\x0c\nfrom urlrequest import UrlRequest"),
    ],
)  # fmt: skip
def test_imports(before: str, after: str) -> None:
    """The module's name changes, and nothing else."""
    assert after == migrated(before)
    assert after == migrated(after), "a second run changes nothing"


@pytest.mark.parametrize(
    "text",
    [
        "from kivy.network.urlrequest2 import x",
        "from mykivy.network.urlrequest import x",
        "from .kivy.network.urlrequest import UrlRequest",
        "import kivy.network",
        "from urlrequest import UrlRequest",
        "x.kivy.network.urlrequest.UrlRequest",
        "print('kivy.network.urlrequest is used here')",
        "# from kivy.network.urlrequest import UrlRequest",
        '"""We use kivy.network.urlrequest.UrlRequest here."""',
        "from kivy.network.urlrequest import UrlRequestRequests",
        "from kivy import network",
    ],
)
def test_what_stays(text: str) -> None:
    """Other modules, texts for people and what cannot be changed stay as they are."""
    assert text == migrated(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "\nfrom kivy.network.urlrequest import UrlRequestRequests",
            [(2, "UrlRequestRequests is not in urlrequest, so")],
        ),
        ("x = 1\n# see kivy.network.urlrequest\n", [(2, "a text or a comment names kivy.network.urlrequest")]),
        ("from kivy import network", [(1, "import urlrequest by itself")]),
        (
            "import kivy.network.urlrequest\nurlrequest = 1",
            [(1, "this file gives the name urlrequest")],
        ),
        ("from kivy.network.urlrequest import UrlRequest", []),
    ],
)
def test_what_only_a_person_can_do(text: str, told: list[tuple[int, str]]) -> None:
    """What cannot be changed is named, with its line."""
    found = remarks(text)

    assert [line for line, _ in told] == [line for line, _ in found]
    assert all(text.startswith(start) for (_, start), (_, text) in zip(told, found, strict=True))


def test_kv_files() -> None:
    """A kv file names the module in its imports."""
    text = "#:kivy 2.0\n#:import UrlRequest kivy.network.urlrequest.UrlRequest\n<A>:\n    # kivy.network.urlrequest\n"
    changes, found = changes_of_kv(text)

    assert "#:import UrlRequest urlrequest.UrlRequest\n" in changed(text, changes)
    assert [(2, 4)] == [(changes[0].line, found[0].line)]
