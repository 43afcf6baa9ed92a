"""The shape of the package: imports point down only, functions stay small, importing is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import urlrequest
from urlrequest.hooks._detect import MODULES as HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urlrequest.testing import Server

PACKAGE = Path(urlrequest.__file__).parent
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}

# Which room a module lives in; `hooks`, `testing` and `_cli` stand for the whole package of that name.
LAYERS = {
    "__main__": "command",
    "_cli": "command",
    "testing": "testing",
    "__init__": "facade",
    "_public": "facade",
    "_client.request": "facade",
    "_delivery.awaiting": "facade",
    "_client.callbacks": "facade",
    "_client.active": "facade",
    "_client.response_attributes": "facade",
    "_client.session": "facade",
    "_client.thread_facade": "facade",
    "_client.call": "facade",
    "_client.exit_and_fork": "facade",
    "_client.shared": "facade",
    "hooks": "hooks",
    "_concurrency.worker_pool": "threads",
    "_delivery.queue": "threads",
    "_delivery.mailbox": "threads",
    "_concurrency.timer": "threads",
    "_concurrency.sync": "vocabulary",
    "_engine.perform": "engine",
    "_engine.prepare": "engine",
    "_engine.plan": "engine",
    "_engine.exchange": "engine",
    "_engine.receive": "engine",
    "_engine.observer": "engine",
    "_engine.options": "vocabulary",
    "_http1.connection": "resources",
    "_net.tls_sessions": "resources",
    "_net.route": "vocabulary",
    "_http1.foreign": "resources",
    "_http1.response_reader": "resources",
    "_http1.interim": "resources",
    "_http1.request_writer": "resources",
    "_http1.tunnel": "resources",
    "_net.stream": "resources",
    "_net.connect": "resources",
    "_net.resolver": "resources",
    "_http.cookies": "resources",
    "_engine.progress": "engine",
    "_net.socks": "resources",
    "_net.tls_in_tls": "resources",
    "_net.cancel_scope": "resources",
    "_engine.pool": "engine",
    "_content.chunk_sink": "resources",
    "_content.file_sink": "resources",
    "_content.multipart": "resources",
    "_content.resumable_file": "resources",
    "_content.sinks": "resources",
    "_content.body": "resources",
    "_net.tls_contexts": "resources",
    "_net.tls_handshake": "resources",
    "_net.tls_settings": "resources",
    "_http.target": "pure",
    "_http.idna": "pure",
    "_http.auth": "pure",
    "_http.fields": "vocabulary",
    "_http.framing": "pure",
    "_http.request_head": "pure",
    "_http.response_head": "pure",
    "_engine.proxies": "engine",
    "_http.ranges": "pure",
    "_http.redirect": "pure",
    "_http.retry": "pure",
    "_content.checksum": "pure",
    "_content.codings": "pure",
    "_content.decoder": "pure",
    "_content.text": "pure",
    "_delivery.lifecycle": "vocabulary",
    "_record": "vocabulary",
    "_concurrency.wakeup": "vocabulary",
    "_delivery.events": "vocabulary",
    "_http.headers": "vocabulary",
    "_defaults": "vocabulary",
    "_version": "vocabulary",
    "_concurrency.deadline": "vocabulary",
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
    ("_http1.connection", "_content.body"),
    ("_http1.connection", "_net.socks"),
    ("_http1.connection", "_http1.response_reader"),
    ("_http1.connection", "_http1.request_writer"),
    ("_http1.connection", "_http1.interim"),
    ("_http1.connection", "_http1.tunnel"),
    ("_http1.response_reader", "_http1.interim"),
    ("_http1.tunnel", "_http1.response_reader"),
    ("_http1.connection", "_net.stream"),
    ("_http1.connection", "_net.tls_contexts"),
    ("_http1.connection", "_net.tls_handshake"),
    ("_http1.connection", "_net.tls_settings"),
    ("_http1.connection", "_net.cancel_scope"),
    ("_delivery.mailbox", "_delivery.queue"),
    ("_content.chunk_sink", "_content.sinks"),
    ("_content.decoder", "_content.codings"),
    ("_cli.output", "_content.resumable_file"),
    ("_cli.output", "_content.file_sink"),
    ("_content.multipart", "_content.body"),
    ("_content.file_sink", "_content.sinks"),
    ("_content.resumable_file", "_content.file_sink"),
    ("_http1.connection", "_net.tls_sessions"),
    ("_engine.pool", "_http1.connection"),
    ("_engine.proxies", "_http.auth"),
    ("_engine.proxies", "_http.target"),
    ("_http.framing", "_http.response_head"),
    ("_http.redirect", "_http.target"),
    ("_http.request_head", "_http.auth"),
    ("_net.socks", "_net.resolver"),
    ("_http1.connection", "_net.connect"),
    ("_net.connect", "_net.resolver"),
    ("_net.connect", "_net.cancel_scope"),
    ("_net.resolver", "_net.cancel_scope"),
    ("_net.tls_handshake", "_net.cancel_scope"),
    ("_net.tls_handshake", "_net.tls_in_tls"),
    ("_net.tls_handshake", "_net.tls_sessions"),
    ("_net.stream", "_net.cancel_scope"),
    ("_http.target", "_http.idna"),
    ("_engine.perform", "_engine.prepare"),
    ("_engine.exchange", "_engine.plan"),
    ("_engine.exchange", "_engine.pool"),
    ("_engine.perform", "_engine.exchange"),
    ("_engine.perform", "_engine.receive"),
    ("_engine.prepare", "_engine.plan"),
    ("_engine.prepare", "_engine.proxies"),
    ("_engine.receive", "_engine.progress"),
    ("_http1.foreign", "_http1.request_writer"),
    ("_http1.foreign", "_net.tls_contexts"),
    ("_engine.perform", "_engine.progress"),
}

# Arrows that only a type checker follows; at run time they do not exist. Within a room there may be any, upwards these.
TYPE_ONLY: set[tuple[str, str]] = {
    ("_net.route", "_net.tls_settings"),
    ("__init__", "testing"),
    ("_delivery.events", "_http.response_head"),
}

# What only https needs.
TLS = [f"urlrequest._net.{module}" for module in ("tls_contexts", "tls_handshake", "tls_in_tls", "tls_sessions")]

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
    "urlrequest._cli.main",
    "urlrequest._content.body",
    "urlrequest._content.chunk_sink",
    "urlrequest._http.auth",
    "urlrequest._http.cookies",
    "urlrequest._content.decoder",
    "urlrequest._content.file_sink",
    "urlrequest._http.idna",
    "urlrequest._content.multipart",
    "urlrequest._content.resumable_file",
    "urlrequest._engine.observer",
    "urlrequest._engine.progress",
    "urlrequest._engine.proxies",
    "urlrequest._http1.foreign",
    "urlrequest._http.redirect",
    "urlrequest._net.socks",
    *TLS,
    "urlrequest.testing",
    *(f"urlrequest.hooks.{module}" for module in HOOKS.values()),
]

MOST_FUNCTION_LINES = 60


class Arrow(NamedTuple):
    source: str
    target: str
    is_type_only: bool
    line: int


def layer_of(module: str) -> str:
    return LAYERS.get(module) or LAYERS.get(module.partition(".")[0], "nowhere")


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
    homeless = [module for module in MODULES if layer_of(module) == "nowhere" and not module.endswith(".__init__")]

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


def test_1_3_plain_http_loads_no_tls(server: Server) -> None:
    """Contract 1.3: a program that makes requests over plain http loads none of the modules that TLS needs."""
    server.respond("/", b"ok")
    loaded = modules_after(f"from urlrequest import UrlRequest; assert UrlRequest('{server.url}').wait(20)")

    assert set() == loaded.intersection(TLS)
    assert 1 == len(server.requests)


def test_1_3_asking_for_codings_is_light() -> None:
    """Contract 1.3: a request that says what it can decode imports no decoder for zstd, which few responses need."""
    loaded = modules_after("from urlrequest._content.codings import accepted_codings; accepted_codings()")

    assert set() == loaded.intersection({"_zstd", "backports.zstd", "zstandard", "urlrequest._content.decoder"})


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
