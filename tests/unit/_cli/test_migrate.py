"""`migrate` on whole programs, in the shapes that programs have: the bytes that it writes, and what it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from urlrequest._cli.migrate import migrate

if TYPE_CHECKING:
    from pathlib import Path

THE_SAME = ()  # nothing is to be changed
MODULE = b"kivy.network.urlrequest"


class Program(NamedTuple):
    """A program before it is migrated.

    Attributes:
        before: The file.
        edits: What is replaced, and by what; the rest stays byte for byte.
        told: Lines, and how the messages about them begin; those about changed imports are not among them.
    """

    before: bytes
    edits: tuple[tuple[bytes, bytes], ...] = ((MODULE, b"urlrequest"),)
    told: tuple[tuple[int, str], ...] = ()
    name: str = "main.py"


PROGRAMS = {
    "an app with one import": Program(
        b"from kivy.app import App\nfrom kivy.network.urlrequest import UrlRequest\nimport json\n\n\n"
        b"class Weather(App):\n    def build(self):\n        UrlRequest(self.url, lambda *args: None)\n"
    ),
    "line ends of Windows, a byte order mark, no line end at the end": Program(
        b"\xef\xbb\xbfimport os\r\nfrom kivy.network.urlrequest import UrlRequest\r\n\r\nUrlRequest(os.environ['U'])"
    ),
    "line ends of old Macs": Program(b"from kivy.network.urlrequest import UrlRequest\rUrlRequest(u)\r"),
    "mixed line ends": Program(b"import os\r\nimport json\nfrom kivy.network.urlrequest import UrlRequest\r\nx = 1\n"),
    "tabs and blanks at line ends": Program(
        b"if True: \n\tif True:\t\n\t\tfrom kivy.network.urlrequest import UrlRequest \t\n\t\tr = UrlRequest( u )\t\n"
    ),
    "an encoding cookie": Program(
        b"#!/usr/bin/python\n# -*- coding: latin-1 -*-\nname = '\xe9\xfc'; import kivy.network.urlrequest as net\n"
        b"net.UrlRequest('http://h/', on_success=print)  # \xa9\n"
    ),
    "a cookie for an Asian encoding": Program(
        "# vim: set fileencoding=gbk :\ntitle = '天气'\nfrom kivy.network.urlrequest import UrlRequest\n".encode("gbk")
    ),
    "form feeds between the parts": Program(
        b"import os\n\x0c\nfrom kivy.network.urlrequest import UrlRequest\n\x0c\nclass A:\n\x0c    b = UrlRequest\n"
    ),
    "an import within try": Program(
        b"try:\n    from kivy.network.urlrequest import UrlRequest\nexcept ImportError:  # on the server\n"
        b"    UrlRequest = None\nelse:\n    print('found')\n"
    ),
    "imports within functions and methods": Program(
        b"def load(url):\n    from kivy.network.urlrequest import UrlRequest as Request\n    return Request(url)\n\n\n"
        b"class Screen:\n    async def go(self):\n        import kivy.network.urlrequest\n"
        b"        return kivy.network.urlrequest.UrlRequest(self.url)\n"
    ),
    "an import for type checkers": Program(
        b"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from kivy.network.urlrequest import UrlRequest\n\n\n"
        b"def stop(request: 'UrlRequest', other: \"kivy.network.urlrequest.UrlRequest\") -> None: ...\n"
        b"def old(request):  # type: (kivy.network.urlrequest.UrlRequest) -> None\n    request.cancel()\n"
    ),
    "one of the imported names is not ours": Program(
        b"from kivy.network.urlrequest import UrlRequest, UrlRequestRequests\nUrlRequest(u)\n",
        THE_SAME,
        (
            (1, "UrlRequestRequests is not in urlrequest, so the import stays as it is; import UrlRequest from"),
            (1, "use UrlRequest"),
        ),
    ),
    "several names on several lines": Program(
        b"from kivy.network.urlrequest import (\n    UrlRequest,  # the class\n    UrlRequestUrllib, g_requests,\n)\n"
    ),
    "a star": Program(
        b"from kivy.network.urlrequest import *  # noqa: F403\n\nUrlRequest(u); print(len(g_requests))\n",
        ((MODULE, b"urlrequest"), (b"import *", b"import UrlRequest, g_requests")),
    ),
    "the module by its dotted name": Program(
        b"import kivy.network.urlrequest\nfrom kivy.app import App\n\nr = kivy.network.urlrequest.UrlRequest(u)\n"
        b"kivy.network.urlrequest.g_requests.clear()\n"
    ),
    "the dotted name and other modules of Kivy": Program(
        b"import kivy.app, kivy.network.urlrequest, kivy.clock\n\nkivy.app.App()\n"
        b"r = kivy.network.urlrequest.UrlRequest(u)\n"
    ),
    "the dotted name, and the package that came with it": Program(
        b"import kivy.network.urlrequest\nkivy.require('2.0.0')\n\n\ndef load():\n    import kivy.clock\n",
        ((MODULE, b"kivy, urlrequest"),),
    ),
    "the dotted name without its import": Program(
        b"import kivy\n\nr = kivy.network.urlrequest.UrlRequest(u)\n",
        THE_SAME,
        ((3, "kivy.network.urlrequest is used where it is not imported: import urlrequest by itself"),),
    ),
    "the dotted name, imported in another function": Program(
        b"import kivy\ndef a():\n    import kivy.network.urlrequest\ndef b():\n"
        b"    kivy.network.urlrequest.UrlRequest(u)\n",
        ((b"    import kivy.network.urlrequest", b"    import urlrequest"),),
        ((5, "kivy.network.urlrequest is used where it is not imported"),),
    ),
    "a comment within the dotted name": Program(
        b"import kivy.network.urlrequest\nr = (kivy.network  # the package\n    .urlrequest.UrlRequest(u))\n",
        ((MODULE, b"urlrequest"),),
        ((2, "write urlrequest in the place of kivy.network.urlrequest"),),
    ),
    "the module from its package": Program(
        b"from kivy.network import urlrequest\n\n\nclass Api:\n    def get(self, url):\n"
        b"        self.request = urlrequest.UrlRequest(url)\n        return urlrequest.Queue\n",
        ((b"from kivy.network import urlrequest", b"import urlrequest"),),
        ((7, "Queue is not in urlrequest"),),
    ),
    "the package by an alias": Program(
        b"import kivy.network as net\nfrom kivy import network\nnet.urlrequest.UrlRequest(u)\n",
        THE_SAME,
        ((1, "import urlrequest by itself"), (2, "import urlrequest by itself")),
    ),
    "imports by name": Program(
        b"import importlib\nm = importlib.import_module('kivy.network.urlrequest')\n"
        b"n = __import__('kivy.network.urlrequest', fromlist=['UrlRequest'])\n"
        b"k = __import__(\n    'kivy.network.urlrequest')\n"
        b"p = importlib.import_module('.urlrequest', 'kivy.network')\n"
        b"q = importlib.import_module('kivy.network.' + name)\nr = 'kivy.network' '.urlrequest'\n",
        (
            (b"import_module('kivy.network.urlrequest')", b"import_module('urlrequest')"),
            (b"('kivy.network.urlrequest', from", b"('urlrequest', from"),
        ),
        (
            (4, "this returns the package kivy: import urlrequest by itself, and use that"),
            (5, "a text or a comment names kivy.network.urlrequest"),
            (6, "a text names a part of kivy.network.urlrequest: if it leads to an import"),
            (7, "a text names a part of kivy.network.urlrequest: if it leads to an import"),
            (8, "a text names a part of kivy.network.urlrequest: if it leads to an import"),
        ),
    ),
    "patches of a test": Program(
        b"import sys\nfrom unittest import mock\nsys.modules['kivy.network'] = mock.Mock()\n"
        b"sys.modules['kivy.network.urlrequest'] = mock.Mock()\n\n\n"
        b"@mock.patch('kivy.network.urlrequest.UrlRequest')\n"
        b"@mock.patch('kivy.network.urlrequest.UrlRequest.get_response')\n"
        b"def test(patched, m, monkeypatch):\n"
        b"    monkeypatch.setattr('kivy.network.urlrequest.HTTPSConnection', None)\n",
        (
            (b"['kivy.network.urlrequest']", b"['urlrequest']"),
            (b"patch('kivy.network.urlrequest.UrlRequest", b"patch('urlrequest.UrlRequest"),
        ),
        (
            (
                10,
                "HTTPSConnection is a name within kivy.network.urlrequest; for replies in tests see urlrequest.testing",
            ),
        ),
    ),
    "loggers": Program(
        b"import logging\nfor name in ('urllib3', 'kivy.network.urlrequest'):\n    logging.getLogger(name)\n"
        b"logging.getLogger('kivy.network.httpclient')\n",
        ((b"'kivy.network.urlrequest'", b"'urlrequest'"),),
    ),
    "hidden imports for PyInstaller": Program(
        b"a = Analysis(['main.py'], hiddenimports=['kivy.network', 'kivy.network.urlrequest', 'win32timezone'])\n",
        name="main.spec",
    ),
    "kv code in a text": Program(
        b"from kivy.lang import Builder\nBuilder.load_string('''\n"
        b"#:import UrlRequest kivy.network.urlrequest.UrlRequest\n"
        b"#:import Clock kivy.network.urlrequest.Clock\n<Row>:\n    on_release: UrlRequest(self.url)\n''')\n",
        ((b"kivy.network.urlrequest.UrlRequest", b"urlrequest.UrlRequest"),),
        ((4, "a text or a comment names kivy.network.urlrequest"),),
    ),
    "a kv file": Program(b"#:kivy 2.0\r\n#:import R kivy.network.urlrequest.UrlRequest\r\n<A>:\r\n", name="main.kv"),
    "comments and texts for people": Program(
        b'"""Uses kivy.network.urlrequest.\n\n>>> from kivy.network.urlrequest import UrlRequest\n"""\n'
        b"# from kivy.network.urlrequest import UrlRequest\nfrom urlrequest import UrlRequest\n",
        THE_SAME,
        (
            (1, "a text or a comment names kivy.network.urlrequest"),
            (3, "a text or a comment names kivy.network.urlrequest"),
            (5, "a text or a comment names kivy.network.urlrequest"),
        ),
    ),
    "the name is taken": Program(
        b"from urllib import request as urlrequest\nimport kivy.network.urlrequest\n\nurlrequest.urlopen(u)\n",
        ((b"kivy.network.urlrequest", b"urlrequest"),),
        ((1, "this file gives the name urlrequest to something else: check what its uses mean now"),),
    ),
    "an import that does not work in Kivy either": Program(
        b"from kivy.network import UrlRequest\n", THE_SAME, ((1, "import urlrequest by itself"),)
    ),
}


def migrated(program: Program, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[bytes, list[str]]:
    """The file after --write, and the lines about it that are not about what was changed."""
    path = folder / program.name
    path.write_bytes(program.before)
    assert 0 == migrate([str(folder)], is_writing=False)
    assert program.before == path.read_bytes(), "without --write nothing is written"
    reported = capsys.readouterr().out.replace("becomes", "changed to")
    assert 0 == migrate([str(folder)], is_writing=True)
    told = capsys.readouterr().out
    assert [line for line in reported.splitlines() if ":" in line] == [
        line for line in told.splitlines() if ":" in line
    ]
    prefix = f"{path}:"
    lines = [line.removeprefix(prefix) for line in told.splitlines() if line.startswith(prefix)]
    return path.read_bytes(), [line for line in lines if " changed to" not in line]


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_programs(program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each import is changed, or named with its line and what to do; all other bytes stay; twice is as once."""
    after = program.before
    for old, new in program.edits:
        assert old in after
        after = after.replace(old, new)

    found, lines = migrated(program, tmp_path, capsys)
    migrate([str(tmp_path)], is_writing=True)

    assert after == found == (tmp_path / program.name).read_bytes()
    about_imports = [line for line in lines if not line.endswith("]") or any(text in line for _, text in program.told)]
    assert [f"{line}: {text}" for line, text in program.told] == [
        told[: len(f"{line}: {text}")] for told, (line, text) in zip(about_imports, program.told, strict=True)
    ]


def test_bytes_that_could_not_be_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose encoding has several bytes for one text is named, and stays as it is."""
    path = tmp_path / "main.py"
    path.write_bytes(
        b"# coding: iso-2022-jp\nfrom kivy.network.urlrequest import UrlRequest\nx = '\x1b$B$\"\x1b(B\x1b$B$\"\x1b(B'\n"
    )
    before = path.read_bytes()

    assert 3 == migrate([str(tmp_path)], is_writing=True)
    assert re.search(r"its bytes in iso-?2022[-_]jp could not be kept", capsys.readouterr().err)
    assert before == path.read_bytes()


def test_settings_of_buildozer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """buildozer.spec is no Python, and is left out."""
    (tmp_path / "buildozer.spec").write_text("[app]\n# UrlRequest\nrequirements = python3,kivy\n")

    assert 0 == migrate([str(tmp_path)], is_writing=True)
    assert "Nothing here uses Kivy's UrlRequest.\n" == capsys.readouterr().out


@pytest.mark.parametrize(("is_writing", "lines"), [(False, [1, 5, 7]), (True, [1, 3, 5])])
def test_lines_are_those_of_the_file_as_it_is_left(
    is_writing: bool, lines: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An import over several lines becomes one line; where the file is written, what is below has moved up."""
    path = tmp_path / "main.py"
    path.write_text(
        "from kivy.network import (\n    urlrequest as ur,\n)\n\nfrom kivy.network.urlrequest import UrlRequest\n\n"
        "request = ur.UrlRequest(url, file_path='x')\n"
    )
    migrate([str(path)], is_writing=is_writing)
    told = re.findall(rf"^{re.escape(str(path))}:(\d+): ", capsys.readouterr().out, re.MULTILINE)

    assert lines == [int(line) for line in told]
