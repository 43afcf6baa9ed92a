"""The shape of the package: imports point down only, files and functions stay small, importing is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import urlrequest
from urlrequest.hooks._detect import PLACES

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(urlrequest.__file__).parent
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}

# Which room a module lives in; `hooks` stands for the whole package of that name, `_cli*` for all of that beginning.
LAYERS = {
    "__main__": "command",
    "_cli": "command",
    "_demo": "command",
    "testing": "testing",
    "__init__": "facade",
    "_public": "facade",
    "_request": "facade",
    "_awaiting": "facade",
    "_callbacks": "facade",
    "_live": "facade",
    "_published": "facade",
    "_session": "facade",
    "_thread_like": "facade",
    "_witnessed": "facade",
    "hooks": "hooks",
    "_workers": "threads",
    "_dispatch": "threads",
    "_mailbox": "threads",
    "_timekeeper": "threads",
    "_transfer": "engine",
    "_plan": "engine",
    "_options": "vocabulary",
    "_connection": "resources",
    "_resumption": "resources",
    "_route": "resources",
    "_response": "resources",
    "_sending": "resources",
    "_stream": "resources",
    "_dial": "resources",
    "_resolve": "resources",
    "_cookies": "resources",
    "_progress": "engine",
    "_socks": "resources",
    "_tls_over_tls": "resources",
    "_waiter": "resources",
    "_pool": "resources",
    "_chunks": "resources",
    "_multipart": "resources",
    "_part": "resources",
    "_sink": "resources",
    "_body": "resources",
    "_tls": "resources",
    "_target": "pure",
    "_international": "pure",
    "_message": "pure",
    "_head": "pure",
    "_proxy": "pure",
    "_ranges": "pure",
    "_redirect": "pure",
    "_retry": "pure",
    "_checksum": "pure",
    "_coding": "pure",
    "_decoder": "pure",
    "_text": "pure",
    "_lifecycle": "vocabulary",
    "_record": "vocabulary",
    "_alarm": "vocabulary",
    "_events": "vocabulary",
    "_headers": "vocabulary",
    "_defaults": "vocabulary",
    "_version": "vocabulary",
    "_deadline": "vocabulary",
    "_log": "vocabulary",
    "errors": "vocabulary",
}

# Which rooms a room may import from. Its own room only where it is named: see ARROWS for the others.
DOWN = {
    "command": {"command", "testing", "facade", "hooks", "engine", "pure", "vocabulary"},
    "testing": {"testing"},
    "facade": {"facade", "hooks", "threads", "engine", "resources", "pure", "vocabulary"},
    "hooks": {"hooks", "threads", "vocabulary"},
    "threads": {"vocabulary"},
    "engine": {"resources", "pure", "vocabulary"},
    "resources": {"pure", "vocabulary"},
    "pure": {"vocabulary"},
    "vocabulary": {"vocabulary"},
}

# The arrows within a room, each by name.
ARROWS: set[tuple[str, str]] = {
    ("_connection", "_body"),
    ("_connection", "_socks"),
    ("_connection", "_response"),
    ("_connection", "_sending"),
    ("_route", "_sending"),
    ("_sending", "_response"),
    ("_connection", "_stream"),
    ("_connection", "_tls"),
    ("_connection", "_waiter"),
    ("_mailbox", "_dispatch"),
    ("_chunks", "_sink"),
    ("_decoder", "_coding"),
    ("_cli_output", "_part"),
    ("_cli_output", "_sink"),
    ("_multipart", "_body"),
    ("_part", "_sink"),
    ("_connection", "_resumption"),
    ("_pool", "_connection"),
    ("_pool", "_route"),
    ("_pool", "_tls"),
    ("_proxy", "_message"),
    ("_proxy", "_target"),
    ("_redirect", "_target"),
    ("_socks", "_resolve"),
    ("_route", "_connection"),
    ("_route", "_response"),
    ("_route", "_tls"),
    ("_connection", "_dial"),
    ("_dial", "_resolve"),
    ("_dial", "_waiter"),
    ("_stream", "_resumption"),
    ("_stream", "_tls_over_tls"),
    ("_stream", "_waiter"),
    ("_target", "_international"),
    ("_transfer", "_plan"),
    ("_transfer", "_progress"),
}

# Arrows that only a type checker follows; at run time they do not exist. Within a room there may be any, upwards these.
TYPE_ONLY: set[tuple[str, str]] = {
    ("__init__", "testing"),
    ("_cli_verbose", "_plan"),
    ("_events", "_head"),
    ("_message", "_body"),
    ("_proxy", "_tls"),
    ("_retry", "_body"),
}

# What importing the package must not bring along (contract 1.3).
HEAVY = [
    "asyncio",
    "certifi",
    "encodings.idna",
    "hashlib",
    "json",
    "logging",
    "secrets",
    "http.cookiejar",
    "urllib.request",
    "trio",
    "tkinter",
    "kivy",
    "PySide6",
    "PyQt6",
    "PySide2",
    "PyQt5",
    "gi",
    "wx",
    "pygame",
    "urlrequest._cli",
    "urlrequest._body",
    "urlrequest._chunks",
    "urlrequest._cookies",
    "urlrequest._decoder",
    "urlrequest._international",
    "urlrequest._multipart",
    "urlrequest._part",
    "urlrequest._proxy",
    "urlrequest._redirect",
    "urlrequest._socks",
    "urlrequest.testing",
    *(f"urlrequest.hooks.{place}" for place in PLACES.values()),
]

MOST_LINES = 350
LONGER = {"_request": 450}  # a third of it is the documented signature (contract 2.1)
MOST_FUNCTION_LINES = 60


class Arrow(NamedTuple):
    source: str
    target: str
    is_type_only: bool
    line: int


def layer_of(module: str) -> str:
    name = module.partition(".")[0]
    if name.startswith("_cli"):
        name = "_cli"
    return LAYERS.get(name, "nowhere")


def imports(node: ast.AST, *, is_type_only: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """The import statements below a node, and whether only a type checker follows them."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield node, is_type_only
        return
    hidden = node.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" else []
    for child in ast.iter_child_nodes(node):
        yield from imports(child, is_type_only=is_type_only or child in hidden)


def absolute(module: str, statement: ast.ImportFrom) -> str:
    """The dotted name that an import-from starts at, from the package's root on."""
    if not statement.level:
        return statement.module or ""
    parts = ["urlrequest", *module.split(".")]
    return ".".join([*parts[: len(parts) - statement.level], *filter(None, [statement.module])])


def targets(module: str, statement: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """The modules of this package that a statement imports."""
    if isinstance(statement, ast.Import):
        names = [alias.name for alias in statement.names]
    else:
        start = absolute(module, statement)
        names = [f"{start}.{alias.name}" for alias in statement.names]
    for name in names:
        package, _, rest = name.partition(".")
        if package != "urlrequest":
            continue
        # `from .errors import InvalidURL` names something within a module: drop parts until a module is left.
        parts = rest.split(".")
        while parts and ".".join(parts) not in MODULES and ".".join([*parts, "__init__"]) not in MODULES:
            parts.pop()
        yield ".".join(parts) or "__init__"


def arrows() -> Iterator[Arrow]:
    for module, path in sorted(MODULES.items()):
        for statement, is_type_only in imports(ast.parse(path.read_text(encoding="utf-8"))):
            for target in targets(module, statement):
                yield Arrow(module, target, is_type_only, statement.lineno)


def is_down(arrow: Arrow) -> bool:
    source, target = layer_of(arrow.source), layer_of(arrow.target)
    pair = (arrow.source, arrow.target)
    if target in DOWN.get(source, set()) or pair in ARROWS:
        return True
    return arrow.is_type_only and (source == target or pair in TYPE_ONLY)


def test_every_module_has_a_room() -> None:
    """Each module of the package stands in the table of layers."""
    homeless = [
        module for module in MODULES if not module.startswith("_cli") and module.partition(".")[0] not in LAYERS
    ]

    assert [] == homeless


def test_imports_point_down() -> None:
    """No module imports from a room above its own, lazily neither."""
    wrong = [f"{arrow.source}:{arrow.line} imports {arrow.target}" for arrow in arrows() if not is_down(arrow)]

    assert [] == wrong


def test_arrows_within_a_room_make_no_ring() -> None:
    """Modules of one room that import each other lie in an order, too."""
    above: dict[str, set[str]] = {}
    for source, target in ARROWS:
        above.setdefault(source, set()).add(target)

    assert len(list(TopologicalSorter(above).static_order())) == len({module for arrow in ARROWS for module in arrow})


def test_tables_hold_no_arrow_that_is_gone() -> None:
    """An exception that nothing needs any more leaves the tables."""
    drawn = {(arrow.source, arrow.target) for arrow in arrows()}

    assert set() == (ARROWS | TYPE_ONLY) - drawn


def test_public_parts_import_nothing_from_outside() -> None:
    """Third-party packages are imported within functions, never when a module is (contract 1.3)."""
    outside = [
        f"{module}:{statement.lineno} imports {name}"
        for module, path in sorted(MODULES.items())
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(statement, (ast.Import, ast.ImportFrom))
        for name in top_names(statement)
        if name not in sys.stdlib_module_names and name != "urlrequest"
    ]

    assert [] == outside


def top_names(statement: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name.partition(".")[0] for alias in statement.names]
    return [] if statement.level else [(statement.module or "").partition(".")[0]]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_files_stay_small(module: str) -> None:
    """A file is read in one go; one that grows is split by owner of state."""
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")

    assert lines < LONGER.get(module, MOST_LINES)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_functions_stay_small(module: str) -> None:
    """A function makes one decision; its docstring and its signature do not count."""
    long = [
        f"{node.name}: {lines} lines"
        for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if (lines := body_lines(node)) >= MOST_FUNCTION_LINES
    ]

    assert [] == long


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first, *rest = function.body
    if ast.get_docstring(function) is not None:
        if not rest:
            return 0
        first = rest[0]
    return (function.end_lineno or first.lineno) - first.lineno + 1


def modules_after(statement: str) -> set[str]:
    """What a fresh interpreter has loaded after a statement, and not after `http.client`, which needs ssl."""
    script = (
        f"import sys; import http.client; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    )
    # Within the folder that the package is in, it is this package that gets imported, installed or not.
    command = [sys.executable, "-c", script]
    return set(subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True).stdout.split())


def test_1_3_import_is_light() -> None:
    """Contract 1.3: a program that has imported the package has paid for nothing until it uses it."""
    assert {"urlrequest", "urlrequest._version"} == modules_after("import __future__, urlrequest") - {"__future__"}


@pytest.mark.parametrize("statement", ["from urlrequest import UrlRequest, Session", "import urlrequest.hooks"])
def test_1_3_names_are_light(statement: str) -> None:
    """Contract 1.3 and 8.4: naming what is public brings no toolkit, and nothing that only few requests need."""
    assert set() == modules_after(statement).intersection(HEAVY)


def test_1_3_asking_for_codings_is_light() -> None:
    """Contract 1.3: a request that says what it can decode imports no decoder for zstd, which few responses need."""
    loaded = modules_after("from urlrequest._coding import accepted_codings; accepted_codings()")

    assert set() == loaded.intersection({"_zstd", "backports.zstd", "zstandard", "urlrequest._decoder"})


def test_1_4_all_names_can_be_had() -> None:
    """Contract 1.4: each public name is there, is listed, and stays the same object."""
    assert set(urlrequest.__all__) <= set(dir(urlrequest))
    for name in urlrequest.__all__:
        assert getattr(urlrequest, name) is getattr(urlrequest, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        urlrequest.nothing  # noqa: B018


def test_1_4_names_may_be_asked_for_at_once() -> None:
    """Contract 1.4: threads that use the package first, all at once, get the same objects."""
    script = """
import threading, urlrequest
start, found = threading.Barrier(8), []
def ask(name):
    start.wait()
    found.append((getattr(urlrequest, name), urlrequest.UrlRequest))
threads = [threading.Thread(target=ask, args=(name,)) for name in urlrequest.__all__[:8]]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(found), len({id(request) for _, request in found}))
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)

    assert ("8 1\n", "") == (done.stdout, done.stderr)
