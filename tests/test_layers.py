"""The shape of the package: imports point down only, functions stay small, importing is cheap."""

from __future__ import annotations

import ast
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import urlrequest
from support.children import output_of, run_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urlrequest.testing import Server

ROOT = Path(__file__).parent.parent
PACKAGE = Path(urlrequest.__file__).parent
MODULES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}

PAGE = ROOT / "docs" / "development" / "architecture.md"
PICTURE = ROOT / "docs" / "pictures" / "wings.svg"

HOOK_MODULES = {path.stem for path in (PACKAGE / "hooks").glob("_*.py")} - {"__init__", "_classes", "_detect"}

# What only https needs.
_TLS = "tls_contexts tls_errors tls_handshake tls_in_memory tls_sessions tls_settings tls_socket"
TLS = [f"urlrequest._net.{module}" for module in _TLS.split()]

# What takes long to load, and no plain request needs: most of it comes with `http.client`.
SLOW = {"calendar", "datetime", "email.parser", "http.client", "ipaddress", "random", "string", "urllib.parse"}
LOCKS = {"Lock", "RLock", "Condition"}  # those of `threading`
MOST_MODULES = 40  # of the library that are loaded with its first name

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
    "urlrequest._client.cookie_store",
    "urlrequest._content.body",
    "urlrequest._content.checksum",
    "urlrequest._content.chunk_sink",
    "urlrequest._http.auth",
    "urlrequest._http.challenges",
    "urlrequest._http.cookie",
    "urlrequest._http.cookie_file",
    "urlrequest._http.foreign_cookie_jar",
    "urlrequest._http.cookies",
    "urlrequest._http.digest",
    "urlrequest._content.decoder",
    "urlrequest._delivery.awaiting",
    "urlrequest._delivery.waiting",
    "urlrequest._content.file_sink",
    "urlrequest._content.form",
    "urlrequest._http.idna",
    "urlrequest._content.multipart",
    "urlrequest._content.resumable_file",
    "urlrequest._engine.authentication",
    "urlrequest._engine.netrc_auth",
    "urlrequest._engine.observer",
    "urlrequest._engine.progress",
    "urlrequest._engine.proxies",
    "urlrequest._http1.foreign",
    "urlrequest._http1.interim",
    "urlrequest._http1.request_writer",
    "urlrequest._http1.tunnel",
    "urlrequest._http.redirect",
    "urlrequest._net.low_speed",
    "urlrequest._net.socks",
    *TLS,
    "urlrequest.streams",
    "urlrequest.testing",
    *(f"urlrequest.hooks.{module}" for module in sorted(HOOK_MODULES)),
]

MOST_FUNCTION_LINES = 60


class Arrow(NamedTuple):
    """One name that a module imports from another module of the package."""

    source: str
    line: int
    target: str
    name: str  # the full name, from the package's root on


class House(NamedTuple):
    """What the architecture page says.

    Attributes:
        allowed: Wing -> the wings, modules and names that it may import.
        rooms: Wing -> its modules, each may import only those behind it.
    """

    allowed: dict[str, list[str]]
    rooms: dict[str, list[str]]


def read_house() -> House:
    """Read the import table and the wings' tables of modules."""
    text = PAGE.read_text(encoding="utf-8")
    allowed, rooms = {}, {}
    for row in table_rows(section(text, "## Who may import whom")):
        allowed[row[0].strip("`")] = re.findall(r"`([\w.]+)`", row[1])
    for heading in re.findall(r"^### (.*)$", text, flags=re.MULTILINE):
        modules = [row[0].strip("`") for row in table_rows(section(text, f"### {heading}"))]
        if heading.startswith("`"):
            rooms[heading.strip("`")] = modules
        else:  # modules that are a wing each
            rooms.update({module: [module] for module in modules})
    return House(allowed, rooms)


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one."""
    return re.split(r"^#+ ", text.partition(f"\n{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def table_rows(text: str) -> list[list[str]]:
    """The cells of the rows below the line of dashes."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


HOUSE = read_house()


def wing_of(module: str) -> str:
    """The wing of a module: its folder, or itself where it lies in none."""
    return module.partition(".")[0]


def imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All import statements below a node: at the top, within functions, and for type checkers."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from imports(child)


def absolute(module: str, statement: ast.ImportFrom) -> str:
    """The dotted name that an import-from starts at, from the package's root on."""
    if not statement.level:
        return statement.module or ""
    parts = ["urlrequest", *module.split(".")]
    return ".".join([*parts[: len(parts) - statement.level], *filter(None, [statement.module])])


def targets(module: str, statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """The modules of this package that a statement imports, and the name that it takes from each."""
    if isinstance(statement, ast.Import):
        names = [alias.name for alias in statement.names]
    else:
        start = absolute(module, statement)
        names = [f"{start}.{alias.name}" for alias in statement.names]
    for full_name in names:
        package, _, name = full_name.partition(".")
        if package != "urlrequest":
            continue
        # `from .errors import InvalidURL` names something within a module: drop parts until a module is left.
        parts = name.split(".")
        while parts and ".".join(parts) not in MODULES and ".".join([*parts, "__init__"]) not in MODULES:
            parts.pop()
        target = ".".join(parts)
        yield (target if target in MODULES else f"{target}.__init__".lstrip(".")), name


def arrows() -> Iterator[Arrow]:
    for module, path in sorted(MODULES.items()):
        for statement in imports(ast.parse(path.read_text(encoding="utf-8"))):
            for target, name in targets(module, statement):
                yield Arrow(module, statement.lineno, target, name)


def is_allowed(arrow: Arrow, house: House = HOUSE) -> bool:
    """Whether the page allows an import: of a module further down in the wing, or of another wing by the table."""
    source, target = wing_of(arrow.source), wing_of(arrow.target)
    if source != target:
        return not {target, arrow.target, arrow.name}.isdisjoint(house.allowed.get(source, []))
    order = [f"{source}.{module}" if module != source else module for module in house.rooms.get(source, [])]
    if arrow.source not in order or arrow.target not in order:
        return False
    return order.index(arrow.source) < order.index(arrow.target)


def test_every_module_stands_on_the_page() -> None:
    """The architecture page lists each module of the package once, and none that is gone."""
    told = sorted(
        module if module == wing else f"{wing}.{module}" for wing, modules in HOUSE.rooms.items() for module in modules
    )
    faces = {f"{wing}.__init__" for wing in HOUSE.rooms if wing.startswith("_")}

    assert sorted(MODULES.keys() - faces) == told
    assert HOUSE.allowed.keys() == HOUSE.rooms.keys()


def test_imports_point_down() -> None:
    """Every import is one that the page allows, those within functions and for type checkers included."""
    wrong = [f"{arrow.source}:{arrow.line} imports {arrow.name}" for arrow in arrows() if not is_allowed(arrow)]

    assert [] == wrong


def test_there_is_no_circle() -> None:
    """No module needs itself by way of others, whatever the page says."""
    above: dict[str, set[str]] = {module: set() for module in MODULES}
    for arrow in arrows():
        above[arrow.source].add(arrow.target)

    assert len(MODULES) == len(list(TopologicalSorter(above).static_order()))


def test_the_table_allows_nothing_that_no_module_needs() -> None:
    """A permission that no import uses any more leaves the table."""
    used = {
        (wing_of(arrow.source), part)
        for arrow in arrows()
        for part in (wing_of(arrow.target), arrow.target, arrow.name)
    }
    unused = [
        (wing, entry) for wing, entries in HOUSE.allowed.items() for entry in entries if (wing, entry) not in used
    ]

    assert [] == unused


@pytest.mark.parametrize(
    ("arrow", "may"),
    [
        (Arrow("_http.target", 1, "_net.stream", "_net.stream.NetworkStream"), False),
        (Arrow("_http.target", 1, "errors", "errors.InvalidURL"), True),
        (Arrow("hooks._tk", 1, "_delivery.queue", "_delivery.queue.DispatchQueue"), True),
        (Arrow("hooks._tk", 1, "_delivery.mailbox", "_delivery.mailbox.Mailbox"), False),
        (Arrow("_net.stream", 1, "_net.cancel_scope", "_net.cancel_scope.READ"), True),
        (Arrow("_net.cancel_scope", 1, "_net.stream", "_net.stream.NetworkStream"), False),
        (Arrow("_net.stream", 1, "_net.stream", "_net.stream.NetworkStream"), False),
    ],
)
def test_the_rule_tells_down_from_up(arrow: Arrow, may: bool) -> None:
    """An arrow that goes up, sideways within a wing, or past a table's named module, is not allowed."""
    assert may == is_allowed(arrow)


# Modules without a unit test of their own, by the place that tests them.
TESTED_ELSEWHERE = {
    "tests/behaviour/test_cli*.py": {
        "__main__",
        *(f"_cli.{module}" for module in ("main", "fetch", "transfer", "request", "output", "option_table")),
        *(f"_cli.{module}" for module in ("options", "payload", "values", "write_out", "serve")),
        "_cli.parser",
    },
    "tests/behaviour/test_demo.py": {"_cli.demo"},
    "tests/behaviour/test_mock_network.py": {"_pytest_plugin", "testing._mock"},
    "tests/behaviour/test_testing_server.py": {
        module for module in MODULES if module.startswith("testing.") and module != "testing._mock"
    },
    "tests/behaviour/test_subclassing.py": {"_client.connection_choice"},
    "tests/hooks, on the real loops": {f"hooks.{module}" for module in HOOK_MODULES - {"_base", "_frames", "_late"}},
    "tests/unit/test_public.py": {"__init__", "hooks.__init__"},
    "tests/unit/_http1/test_connection.py": {"_http1.public_connection"},
    "type checkers": {"_client.argument_types", "_engine.observer"},
    "the tests of what uses them": {"errors", "_protocol_errors", "_base_error", "_defaults", "_version"},
}


def module_of(test: Path) -> str:
    """The module that a unit test is for; where a module's name begins with an underscore, the test's name has none."""
    *wing, name = test.relative_to(ROOT / "tests" / "unit").with_suffix("").parts
    bare = name.removeprefix("test_")
    plain, private = ".".join([*wing, bare]), ".".join([*wing, f"_{bare}"])
    return private if private in MODULES else plain


def test_unit_tests_mirror_the_package() -> None:
    """`tests/unit/_wing/test_module.py` tests `_wing/module.py`; of the others the table above says what tests them."""
    tested = {module_of(path) for path in (ROOT / "tests" / "unit").rglob("test_*.py")}
    elsewhere = set().union(*TESTED_ELSEWHERE.values())
    faces = {f"{wing}.__init__" for wing in HOUSE.rooms if wing.startswith("_")}

    assert set() == tested - MODULES.keys(), "a unit test without its module"
    assert set() == MODULES.keys() - faces - tested - elsewhere, "a module without a unit test"
    assert set() == elsewhere & (tested | faces), "a module in the table that has a unit test"


def test_asserts_carry_no_behaviour() -> None:
    """With `python -O` there are none: each only looks, by `isinstance()` or whether a lock is held."""
    calls = {
        ast.unparse(node)
        for path in MODULES.values()
        for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(statement, ast.Assert)
        for node in ast.walk(statement.test)
        if isinstance(node, ast.Call | ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom)
    }

    assert {"_lock.locked()"} <= calls, "there are some to look at"
    assert set() == {call for call in calls if not re.fullmatch(r"isinstance\(.*\)|(self\.)?_lock\.locked\(\)", call)}


def test_with_statements_take_locks_that_ctrl_c_does_not_leave_taken() -> None:
    """A `with` statement takes a ScopedLock: CPython 3.14 may be interrupted between a plain lock and its release."""
    found = {
        f"{module}: {name}"
        for module, path in MODULES.items()
        if not module.startswith("testing")
        for name in _plain_locks_of_with_statements(ast.parse(path.read_text(encoding="utf-8")))
    }

    assert set() == found


def _plain_locks_of_with_statements(tree: ast.Module) -> set[str]:
    plain: set[str] = set()
    taken: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
            if _last_name(node.value.func) in LOCKS:
                plain.update(map(_last_name, node.targets if isinstance(node, ast.Assign) else [node.target]))
        elif isinstance(node, ast.With):
            taken.update(_last_name(item.context_expr) for item in node.items)
    return plain & taken


def _last_name(node: ast.expr) -> str:
    """Of `a.b` it is b; "" for what has no name."""
    return getattr(node, "attr", "") or getattr(node, "id", "")


def test_faces_of_private_wings_hold_a_docstring_only() -> None:
    """Loading a module loads nothing of its wing that it does not import itself."""
    for module, path in MODULES.items():
        if re.fullmatch(r"_\w+\.__init__", module):
            (docstring,) = ast.parse(path.read_text(encoding="utf-8")).body
            assert isinstance(docstring, ast.Expr), module


def test_the_picture_shows_every_wing() -> None:
    """The drawing of the wings has a box for each of them, and for nothing that is gone."""
    drawn = {
        name
        for text in re.findall(r"monospace\">([^<]+)<", PICTURE.read_text(encoding="utf-8"))
        for name in text.split()
    }

    assert HOUSE.allowed.keys() == drawn


def test_public_parts_import_nothing_from_outside() -> None:
    """Third-party packages are imported within functions, never when a module is (contract 1.3)."""
    outside = [
        f"{module}:{statement.lineno} imports {name}"
        for module, path in sorted(MODULES.items())
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(statement, (ast.Import, ast.ImportFrom))
        for name in top_names(statement)
        if name not in sys.stdlib_module_names and name != "urlrequest"
        if (module, name) != ("_pytest_plugin", "pytest")  # which imports it
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


def modules_after(statement: str, before: str = "http.client") -> set[str]:
    """What a fresh interpreter has loaded after a statement, and not after another module; `http.client` needs ssl."""
    script = f"import sys; import {before}; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    return set(output_of(script).split())


def test_1_3_import_is_light() -> None:
    """Contract 1.3: a program that has imported the package has paid for nothing until it uses it."""
    assert {"urlrequest", "urlrequest._version"} == modules_after("import __future__, urlrequest") - {"__future__"}


@pytest.mark.parametrize("statement", ["from urlrequest import UrlRequest, Session", "import urlrequest.hooks"])
def test_1_3_names_are_light(statement: str) -> None:
    """Contract 1.3 and 8.4: naming what is public brings no toolkit, and nothing that only few requests need."""
    assert set() == modules_after(statement).intersection(HEAVY)


def test_1_3_the_first_name_loads_little() -> None:
    """Contract 1.3: the first name of the library costs few modules, and none that takes long to load."""
    loaded = modules_after("from urlrequest import UrlRequest", before="sys")
    ours = {name for name in loaded if name.startswith("urlrequest")}

    assert set() == loaded.intersection(SLOW | {"ssl", "re", *TLS})
    assert len(ours) <= MOST_MODULES


def test_1_3_plain_requests_load_no_http_client(server: Server) -> None:
    """Contract 1.3: `http.client` and what it brings are loaded for those who use them, and for errors that are its."""
    server.respond("/", "{}", headers={"Content-Type": "application/json"})
    loaded = modules_after(
        f"from urlrequest import UrlRequest; assert UrlRequest('{server.url}').wait(20)", before="sys"
    )

    assert set() == loaded.intersection(SLOW)
    assert 1 == len(server.requests)


def test_1_3_plain_http_loads_no_tls(server: Server) -> None:
    """Contract 1.3: a program that makes requests over plain http loads none of the modules that TLS needs."""
    server.respond("/", b"ok")
    loaded = modules_after(f"from urlrequest import UrlRequest; assert UrlRequest('{server.url}').wait(20)")

    assert set() == loaded.intersection(TLS)
    assert 1 == len(server.requests)


def test_command_is_light(server: Server) -> None:
    """The command loads nothing that a plain download does not need: it starts as fast as the library does."""
    server.respond("/", b"")
    loaded = modules_after(f"from urlrequest._cli.main import main; assert 0 == main(['{server.url}'])")

    heavy = {"difflib", "dataclasses", "inspect", "json", "shutil", "tempfile", "typing", "urllib.request", "hashlib"}
    wings = {"urlrequest._http.cookie", "urlrequest._content.file_sink", *TLS}
    words = {f"urlrequest._cli.{name}" for name in ("commands", "demo", "serve", "migrate")}
    assert set() == loaded.intersection(heavy | SLOW | wings | words)


def test_1_3_sessions_load_no_cookiejar() -> None:
    """Contract 1.3: a session has cookies without what the standard library's jar brings along, and without files."""
    loaded = modules_after("from urlrequest import Session; Session(cookies={'a': 'b'}).close()")

    files = {"hashlib", "json", "urlrequest._content.file_sink", "urlrequest._http.cookie_file"}
    assert set() == loaded.intersection(
        {"http.cookiejar", "urllib.request", "urlrequest._http.foreign_cookie_jar", *files}
    )


def test_1_3_asking_for_codings_is_light() -> None:
    """Contract 1.3: a request that says what it can decode imports no decoder for zstd, which few responses need."""
    loaded = modules_after("from urlrequest._content.known_encodings import accepted_codings; accepted_codings()")

    decoders = {"_zstd", "backports", "backports.zstd", "zstandard", "urlrequest._content.decoder"}
    assert set() == loaded.intersection(decoders | {"importlib.util", "pkgutil", "typing"})


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
    done = run_python(script)

    assert ("8 1\n", "") == (done.stdout, done.stderr)
