"""Which of the documented differences from Kivy a Python file touches.

Each rule names its row of docs/explanation/differences.md by the row's first cell. The rules look at calls of the
class, at what its callbacks do with the result, and at what a program does beside it. They do not follow values through
a program, so they point at places to look at, and prove nothing.
"""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING, NamedTuple

from urlrequest import UrlRequest
from urlrequest._client.request import KIVYS_OWN

from .kivy_imports import MODULE, NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["RULES", "Finding", "Rule", "findings_in"]

CALLBACKS = ("on_success", "on_redirect", "on_failure")  # those that get a result
_PARAMETERS = [name for name in inspect.signature(UrlRequest).parameters if name != "self"]
_CLASSES = {"UrlRequest", "UrlRequestBase", "UrlRequestUrllib", "UrlRequestRequests"}


class Finding(NamedTuple):
    """A place that a difference concerns."""

    line: int
    text: str
    row: str


class Rule(NamedTuple):
    """One difference.

    Attributes:
        row: The first cell of its row on the page.
        text: What to do.
        find: Returns the lines that it concerns.
        is_told_once: A file has one message, however many places there are.
    """

    row: str
    text: str
    find: Callable[[Program], Iterator[int]]
    is_told_once: bool = False


class Call(NamedTuple):
    """A call of the class, with its arguments by the names of the parameters."""

    line: int
    arguments: dict[str, ast.expr]


class Program:
    """A Python file, and what in it has to do with the class.

    Attributes:
        calls: Calls of the class, and of the file's own classes that derive from it.
        classes: The file's own classes that derive from it.
        functions: Functions and methods by name.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.nodes = list(ast.walk(tree))
        self._names = set(_imported_classes(self.nodes))
        self.classes = [node for node in self.nodes if isinstance(node, ast.ClassDef) and self._is_derived(node)]
        self._names |= {node.name for node in self.classes}
        self.calls = [Call(node.lineno, _arguments(node)) for node in self._class_calls()]
        self.functions = {
            node.name: node for node in self.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }

    def _is_derived(self, node: ast.ClassDef) -> bool:
        return any(self._is_class(base) for base in node.bases)

    def _is_class(self, node: ast.expr) -> bool:
        return ast.unparse(node) in self._names if isinstance(node, ast.Name | ast.Attribute) else False

    def _class_calls(self) -> Iterator[ast.Call]:
        for node in self.nodes:
            if isinstance(node, ast.Call):
                is_super = ast.unparse(node.func) == "super().__init__" and bool(self.classes)
                if is_super or self._is_class(node.func):
                    yield node

    def arguments(self, name: str) -> Iterator[tuple[int, ast.expr]]:
        """The line of each call that has a parameter, and its value."""
        for call in self.calls:
            if name in call.arguments:
                yield call.line, call.arguments[name]

    def calls_of(self, *names: str) -> Iterator[int]:
        """The lines of calls of other functions, by their dotted names or their last parts."""
        for node in self.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                dotted = ast.unparse(node.func)
                if any(dotted == name or dotted.endswith(f".{name}") for name in names):
                    yield node.lineno

    def results(self) -> Iterator[tuple[ast.AST, str]]:
        """The functions that get a result, and the name that it has there."""
        for name in CALLBACKS:
            for _, value in self.arguments(name):
                function: ast.AST | None = value if isinstance(value, ast.Lambda) else None
                if isinstance(value, ast.Name):
                    function = self.functions.get(value.id)
                elif isinstance(value, ast.Attribute):
                    function = self.functions.get(value.attr)
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                    names = [arg.arg for arg in function.args.args if arg.arg not in {"self", "cls"}]
                    if len(names) > 1:
                        yield function, names[1]


def _imported_classes(nodes: list[ast.AST]) -> Iterator[str]:
    """How a file names the class: `UrlRequest`, an alias, `module.UrlRequest`."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module in {MODULE, "urlrequest"}:
            names = sorted(NAMES) if node.names[0].name == "*" else []
            yield from (name for name in names if name in _CLASSES)
            yield from (alias.asname or alias.name for alias in node.names if alias.name in _CLASSES)
        elif isinstance(node, ast.ImportFrom) and node.module == "kivy.network":
            modules = [alias.asname or alias.name for alias in node.names if alias.name == "urlrequest"]
            yield from (f"{module}.{name}" for module in modules for name in _CLASSES)
        elif isinstance(node, ast.Import):
            modules = [alias.asname or alias.name for alias in node.names if alias.name in {MODULE, "urlrequest"}]
            yield from (f"{module}.{name}" for module in modules for name in _CLASSES)


def _arguments(call: ast.Call) -> dict[str, ast.expr]:
    found = {
        name: value
        for name, value in zip(_PARAMETERS, call.args, strict=False)
        if not any(isinstance(value, ast.Starred) for value in call.args)
    }
    return {**found, **{keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}}


def findings_in(tree: ast.Module) -> list[Finding]:
    """Return what a file touches, in the order of its lines."""
    program = Program(tree)
    findings: set[Finding] = set()
    for rule in RULES:
        lines = sorted(set(rule.find(program)))
        more = f" ({len(lines)} places)" if rule.is_told_once and len(lines) > 1 else ""
        for line in lines[:1] if rule.is_told_once else lines:
            findings.add(Finding(line, rule.text + more, rule.row))
    return sorted(findings)


# What the rules look for


def _given(name: str, is_wanted: Callable[[ast.expr], bool] = lambda _: True) -> Callable[[Program], Iterator[int]]:
    """A parameter is given, with such a value."""

    def find(program: Program) -> Iterator[int]:
        return (line for line, value in program.arguments(name) if is_wanted(value))

    return find


def _constant(value: ast.expr) -> object:
    return value.value if isinstance(value, ast.Constant) else None


def _text_that(pattern: str) -> Callable[[ast.expr], bool]:
    """A text of the program itself in which a pattern is found."""

    def is_wanted(value: ast.expr) -> bool:
        text = _constant(value)
        return isinstance(text, str) and re.search(pattern, text) is not None

    return is_wanted


def _is_no_switch(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and not (isinstance(value.value, bool) or value.value is None)


def _result_method(*names: str) -> Callable[[Program], Iterator[int]]:
    """A callback calls a method of its result."""

    def find(program: Program) -> Iterator[int]:
        for function, result in program.results():
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == result:
                    yield node.lineno

    return find


def _with_file(*names: str) -> Callable[[Program], Iterator[int]]:
    """A program that downloads to files calls such functions."""

    def find(program: Program) -> Iterator[int]:
        if any(True for _ in program.arguments("file_path")):
            yield from program.calls_of(*names)

    return find


def _calls(*names: str) -> Callable[[Program], Iterator[int]]:
    """A program that makes requests calls such functions."""

    def find(program: Program) -> Iterator[int]:
        if program.calls or program.classes:
            yield from program.calls_of(*names)

    return find


def _has_method_callback(program: Program) -> Iterator[int]:
    for name in (name for name in _PARAMETERS if name.startswith("on_")):
        for line, value in program.arguments(name):
            if isinstance(value, ast.Attribute):
                yield line


def _waits_in_a_loop(program: Program) -> Iterator[int]:
    for node in program.nodes:
        if isinstance(node, ast.While) and program.calls:
            inside = [*ast.walk(node.test), *(part for statement in node.body for part in ast.walk(statement))]
            if any(isinstance(part, ast.Attribute) and part.attr == "is_finished" for part in inside):
                yield node.lineno


def _overrides(program: Program) -> Iterator[int]:
    for owner in program.classes:
        for node in owner.body:
            if isinstance(node, ast.FunctionDef) and node.name in KIVYS_OWN:
                yield node.lineno


def _names_other_class(program: Program) -> Iterator[int]:
    for node in program.nodes:
        if isinstance(node, ast.ImportFrom) and node.module == MODULE:
            if "UrlRequestRequests" in {alias.name for alias in node.names}:
                yield node.lineno
        elif isinstance(node, ast.Attribute) and node.attr == "UrlRequestRequests":
            yield node.lineno


def _sets_context(program: Program) -> Iterator[int]:
    for node in program.nodes:
        if isinstance(node, ast.Assign) and "ssl._create_default_https_context" in map(ast.unparse, node.targets):
            yield node.lineno


def _repeats_header(program: Program) -> Iterator[int]:
    for node in program.nodes:
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("resp_headers"):
            text = _constant(node.slice)
            if isinstance(text, str) and text.lower() == "set-cookie":
                yield node.lineno


def _unzips(program: Program) -> Iterator[int]:
    if program.calls:
        yield from program.calls_of("gzip.decompress", "zlib.decompress", "GzipFile", "zlib.decompressobj")


RULES = [
    Rule("`wait()`", "one wait() is enough: it returns at once when the request is finished", _waits_in_a_loop),
    Rule(
        "text in another charset than utf-8",
        "the result of text is str, so that it has no decode(); bytes are in request.content",
        _result_method("decode"),
    ),
    Rule(
        "images, audio, archives and other binary types that happen to be valid text",
        "the result of binary types is bytes, so that it has no encode()",
        _result_method("encode"),
    ),
    Rule("content encodings (gzip, deflate)", "the body is decompressed already; remove it", _unzips),
    Rule(
        "`file_path` while the body arrives",
        "the file appears when it is complete; an error page is in the result, not in the file",
        _given("file_path"),
    ),
    Rule(
        "`file_path` while the body arrives",
        "the file does not grow under its name; on_progress has the size",
        _with_file("os.path.getsize", "getsize", "os.stat", ".stat"),
    ),
    Rule(
        "`os.remove(file_path)` in `on_failure` or `on_error`",
        "without a complete body there is no file to remove",
        _with_file("os.remove", "os.unlink", "unlink"),
    ),
    Rule(
        "a bound method as callback",
        "a callback is held until on_finish has run: cancel() when its window closes",
        _has_method_callback,
        is_told_once=True,
    ),
    Rule(
        "`debug=True`",
        "what happens goes to the logger urlrequest, not to Kivy's",
        _given("debug", lambda value: bool(_constant(value))),
    ),
    Rule("repeated headers of a response", "get_all('Set-Cookie') has the values one by one", _repeats_header),
    Rule("a URL without a scheme", "it means http", _given("url", _text_that(r"^(?![\w+.-]+://)."))),
    Rule("the fragment of a URL", "it is not sent", _given("url", _text_that("#"))),
    Rule(
        "user and password in a URL",
        "they are percent-decoded before they are sent",
        _given("url", _text_that("//[^/]*@")),
    ),
    Rule(
        "spaces, non-ASCII text and other characters that no URL may have",
        "they are percent-encoded",
        _given("url", _text_that(r"[^\x21-\x7e]")),
    ),
    Rule('`method="put"`', "it is sent in upper case", _given("method", _text_that("[a-z]"))),
    Rule(
        "a `str` as body",
        "it is sent as utf-8, not as latin-1; pass bytes for another charset",
        _given("req_body", _text_that(r"[^\x00-\x7f]")),
    ),
    Rule("`auth`", "it is used", _given("auth")),
    Rule("`proxy_headers`", "they are sent for http through the proxy, too", _given("proxy_headers")),
    Rule(
        '`verify="ca.pem"`, `verify=0`',
        "it must be True or False; a file of certificates is ca_file=",
        _given("verify", _is_no_switch),
    ),
    Rule(
        "`ssl._create_default_https_context = ssl._create_unverified_context`",
        "it changes nothing: use ca_file=, fingerprint= or verify=False",
        _sets_context,
    ),
    Rule("`socket.setdefaulttimeout()`", "it counts for each step of a request", _calls("socket.setdefaulttimeout")),
    Rule("`UrlRequestRequests`, the implementation by the library requests", "use UrlRequest", _names_other_class),
    Rule(
        "`_fetch_url()`, `get_response()`, `call_request()`, `get_chunks()` and other methods that Kivy's class calls",
        "nothing calls it: override run(), decode_result() or get_connection_for_scheme()",
        _overrides,
    ),
]
