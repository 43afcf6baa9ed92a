"""Source text that names Kivy's module -> the same text with ours, and what has to be changed by hand.

`ast` finds the places, `tokenize` their exact bounds; nothing else of the text is touched, so formatting, comments and
line ends stay.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import urlrequest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Change", "Remark", "changed", "changes_of", "changes_of_kv", "line_after"]

MODULE = "kivy.network.urlrequest"
OURS = "urlrequest"
NAMES = {"UrlRequest", "UrlRequestBase", "UrlRequestUrllib", "g_requests"}  # of Kivy's module, which are here, too
GONE = {"UrlRequestRequests"}  # of Kivy's module
OUR_NAMES = set(urlrequest.__all__)
IMPORT_IT = f"import {OURS} by itself, and use it in the place of Kivy's module"
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

_MODULE = re.compile(r"(?<![\w.])kivy\.network\.urlrequest(?!\w)")
_SPACED_MODULE = re.compile(r"kivy[\s\\]*\.[\s\\]*network[\s\\]*\.[\s\\]*urlrequest")
_DOTTED = re.compile(r"kivy\.network\.urlrequest(?:\.(\w+))?(?:\.\w+)*")
_KV_IMPORT = re.compile(
    rf"(#:[ \t]*import[ \t]+\S+[ \t]+)kivy\.network\.urlrequest(?!\w)(?!\.(?!(?:{'|'.join(sorted(NAMES))})\b))"
)
_TYPE_COMMENT = re.compile(r"#\s*type:.*")
_LINE = re.compile(r"\r\n|\r|\n")


class Change(NamedTuple):
    """A part of the text, and what takes its place."""

    line: int
    start: int
    end: int
    text: str


class Remark(NamedTuple):
    """Something that a person has to look at."""

    line: int
    text: str


class Source:
    """A text, and where its lines begin, as Python counts them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in _LINE.finditer(text))]

    def offset(self, line: int, column: int) -> int:
        """The place of a column that is counted in characters."""
        return self._starts[line - 1] + column

    def offset_of_bytes(self, line: int, column: int) -> int:
        """The place of a column that is counted in bytes of utf-8, as `ast` does."""
        start = self._starts[line - 1]
        return start + len(self.text[start : start + column].encode()[:column].decode("utf-8", "ignore"))

    def bounds(self, node: ast.AST) -> tuple[int, int]:
        """Where a statement or an expression begins and ends."""
        assert isinstance(node, ast.stmt | ast.expr), "others have no place"
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self.offset_of_bytes(node.lineno, node.col_offset), self.offset_of_bytes(end_line, end_column)

    def line_of(self, offset: int) -> int:
        return bisect_right(self._starts, offset)


def changed(text: str, changes: list[Change]) -> str:
    """Return the text with all changes made."""
    for change in sorted(changes, key=lambda change: change.start, reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
    return text


def line_after(text: str, changes: list[Change], line: int) -> int:
    """Return the number that a line has when all changes are made: an import over several lines becomes one line."""
    lost = (_count_lines(text[each.start : each.end]) - _count_lines(each.text) for each in changes if each.line < line)
    return line - sum(lost)


def _count_lines(text: str) -> int:
    return len(_LINE.findall(text))


def changes_of_kv(text: str) -> tuple[list[Change], list[Remark]]:
    """Find the imports of a kv file."""
    source = Source(text)
    changes = list(_kv_changes(source, 0, len(text)))
    return changes, _remaining(source, changes)


def changes_of(text: str, tree: ast.Module) -> tuple[list[Change], list[Remark]]:
    """Find what to change in a Python file, and what only a person can."""
    program = _Program(Source(text), tree)
    for node in program.nodes:
        if isinstance(node, ast.Import):
            program.read_import(node)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            program.read_import_from(node)
        elif isinstance(node, ast.Attribute):
            program.read_attribute(node)
        elif isinstance(node, ast.Call):
            program.read_call(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            program.read_string(node, node.value)
    program.read_comments()
    if any(change.text == OURS for change in program.changes) and program.has_our_name():
        program.remark(1, f"this file gives the name {OURS} to something else: check what its uses mean now")
    return program.changes, sorted([*program.remarks, *_remaining(program.source, program.changes, program.remarks)])


class _Program:
    """A Python file that is read, and what was found in it so far."""

    def __init__(self, source: Source, tree: ast.Module) -> None:
        self.source = source
        self.tokens = list(tokenize.generate_tokens(io.StringIO(source.text, newline="").readline))
        self.nodes = list(ast.walk(tree))
        self.changes: list[Change] = []
        self.remarks: list[Remark] = []
        self._scopes: dict[int, list[ast.AST]] = {}  # by the id of a node: the functions and classes that it is in
        self._note_scopes(tree, [])
        imports = [node for node in self.nodes if isinstance(node, ast.Import)]
        self._plain_imports = [node for node in imports if (MODULE, None) in _bound(node)]
        self._kivy_imports = [
            node
            for node in imports
            if any(name.partition(".")[0] == "kivy" and name != MODULE and not alias for name, alias in _bound(node))
        ]
        texts = {node.value for node in self.nodes if isinstance(node, ast.Constant)}
        self._has_relative_name = ".urlrequest" in texts  # for import_module(".urlrequest", "kivy.network")
        self._whole_package: set[int] = set()  # ids of strings that stay, since they are imported as the package

    def remark(self, line: int, text: str) -> None:
        """Say what a person has to look at."""
        self.remarks.append(Remark(line, text))

    # Scopes

    def _note_scopes(self, node: ast.AST, scopes: list[ast.AST]) -> None:
        self._scopes[id(node)] = scopes
        inside = [*scopes, node] if isinstance(node, SCOPES) else scopes
        for child in ast.iter_child_nodes(node):
            self._note_scopes(child, inside)

    def _is_visible(self, statement: ast.Import, node: ast.AST) -> bool:
        """Whether what an import binds is known at a place: in its own function, or anywhere if in none."""
        mine, others = self._scopes[id(statement)], self._scopes[id(node)]
        if mine and isinstance(mine[-1], ast.ClassDef):  # whose methods do not see it
            return mine == others
        return mine == others[: len(mine)]

    # Statements

    def read_import(self, node: ast.Import) -> None:
        """`import kivy.network.urlrequest`, with and without `as`; others may stand beside it."""
        if any(name == "kivy.network" and alias for name, alias in _bound(node)):
            self.remark(node.lineno, IMPORT_IT)
        if MODULE not in {alias.name for alias in node.names}:
            return
        text = f"kivy, {OURS}" if node in self._plain_imports and self._needs_kivy(node) else OURS
        for start, end in self._module_tokens(node):
            self.changes.append(Change(node.lineno, start, end, text))
        for alias in node.names:
            if alias.name == MODULE and alias.asname is not None:
                self._check_uses(alias.asname)

    def _needs_kivy(self, statement: ast.Import) -> bool:
        """Whether the name `kivy` is used for something else, and no other import binds it."""
        inside = {id(part) for node in self.nodes if _dotted_name(node) == MODULE for part in ast.walk(node)}
        is_used = any(
            isinstance(node, ast.Name) and node.id == "kivy" and id(node) not in inside for node in self.nodes
        )
        return is_used and not any(self._is_visible(other, statement) for other in self._kivy_imports)

    def read_import_from(self, node: ast.ImportFrom) -> None:
        """`from kivy.network.urlrequest import ...`, `from kivy.network import urlrequest`."""
        names = {alias.name for alias in node.names}
        start, end = self.source.bounds(node)
        if node.module == MODULE and names == {"*"}:
            used = {part.id for part in self.nodes if isinstance(part, ast.Name)}
            text = f"from {OURS} import {', '.join(sorted(used & NAMES | {'UrlRequest'}))}"
            self.changes.append(Change(node.lineno, start, end, text))
            for name in sorted(used & GONE):
                self.remark(node.lineno, f"{name} is not in {OURS}")
        elif node.module == MODULE and names <= OUR_NAMES:
            self.changes += [Change(node.lineno, *place, OURS) for place in self._module_tokens(node)]
        elif node.module == MODULE:
            missing = ", ".join(sorted(names - OUR_NAMES))
            known = ", ".join(sorted(names & OUR_NAMES))
            hint = f"; import {known} from {OURS} by itself" if known else ""
            self.remark(node.lineno, f"{missing} is not in {OURS}, so the import stays as it is{hint}")
        elif node.module == "kivy.network" and names == {"urlrequest"} and "#" not in self.source.text[start:end]:
            (alias,) = node.names
            name = f" as {alias.asname}" if alias.asname else ""
            self.changes.append(Change(node.lineno, start, end, f"import {OURS}{name}"))
            self._check_uses(alias.asname or OURS)
        elif (node.module == "kivy.network" and names & {"urlrequest", "*", *NAMES}) or (
            node.module == "kivy" and "network" in names
        ):
            self.remark(node.lineno, IMPORT_IT)

    def _check_uses(self, name: str) -> None:
        """Remark on what a file takes from the module by such a name, and what ours does not have."""
        for node in self.nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
                self._check_name(node)

    def _check_name(self, node: ast.Attribute) -> None:
        if node.attr not in OUR_NAMES and not node.attr.startswith("__"):
            self.remark(node.lineno, f"{node.attr} is not in {OURS}")

    def _module_tokens(self, node: ast.stmt) -> Iterator[tuple[int, int]]:
        """Where the module is named within a statement, whatever blanks and line breaks stand between its parts."""
        start, end = self.source.bounds(node)
        inside = [
            token
            for token in self.tokens
            if token.type in {tokenize.NAME, tokenize.OP} and start <= self.source.offset(*token.start) < end
        ]
        wanted = re.findall(r"\w+|\.", MODULE)
        for first in range(len(inside)):
            if [token.string for token in inside[first : first + len(wanted)]] == wanted:
                last = inside[first + len(wanted) - 1]
                yield self.source.offset(*inside[first].start), self.source.offset(*last.end)

    # Expressions

    def read_attribute(self, node: ast.Attribute) -> None:
        """`kivy.network.urlrequest` where it is used, and what is taken from it."""
        if _dotted_name(node.value) == MODULE:
            self._check_name(node)
        if _dotted_name(node) != MODULE:
            return
        start, end = self.source.bounds(node)
        if not any(self._is_visible(statement, node) for statement in self._plain_imports):
            self.remark(node.lineno, f"{MODULE} is used where it is not imported: {IMPORT_IT}")
        elif _SPACED_MODULE.fullmatch(self.source.text[start:end]):
            self.changes.append(Change(node.lineno, start, end, OURS))
        else:  # with a comment in between, or in an f-string, of which Python before 3.12 does not know the bounds
            self.remark(node.lineno, f"write {OURS} in the place of {MODULE}")

    def read_call(self, node: ast.Call) -> None:
        """`__import__("a.b.c")` returns a; with a fromlist it returns c."""
        is_import = ast.unparse(node.func) in {"__import__", "builtins.__import__"} and bool(node.args)
        has_fromlist = len(node.args) > 3 or "fromlist" in {keyword.arg for keyword in node.keywords}
        if is_import and not has_fromlist and getattr(node.args[0], "value", None) == MODULE:
            self._whole_package.add(id(node.args[0]))
            self.remark(node.lineno, f"this returns the package kivy: import {OURS} by itself, and use that")

    def read_string(self, node: ast.Constant, value: str) -> None:
        """A string that is the dotted name (mock.patch, import_module, an annotation), or kv code."""
        start, end = self.source.bounds(node)
        dotted = _DOTTED.fullmatch(value.strip())
        if id(node) in self._whole_package:
            return
        if dotted and dotted[1] and dotted[1] not in NAMES:
            self.remark(node.lineno, f"{dotted[1]} is a name within {MODULE}; for replies in tests see {OURS}.testing")
        elif dotted:
            for match in _MODULE.finditer(self.source.text, start, end):
                self.changes.append(Change(self.source.line_of(match.start()), match.start(), match.end(), OURS))
        else:
            self.changes += _kv_changes(self.source, start, end)
        if (
            value.endswith("kivy.network.")
            or (value == "kivy.network" and self._has_relative_name)
            or (MODULE in value and not _MODULE.search(self.source.text, start, end))
        ):
            self.remark(node.lineno, f"a text names a part of {MODULE}: if it leads to an import, import {OURS} there")

    def read_comments(self) -> None:
        """Comments for type checkers."""
        for token in self.tokens:
            if token.type == tokenize.COMMENT and _TYPE_COMMENT.match(token.string):
                start, end = self.source.offset(*token.start), self.source.offset(*token.end)
                for match in _MODULE.finditer(self.source.text, start, end):
                    self.changes.append(Change(token.start[0], match.start(), match.end(), OURS))

    def has_our_name(self) -> bool:
        """Whether the file gives our package's name to something of its own."""
        return any(
            (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == OURS)
            or (isinstance(node, ast.arg) and node.arg == OURS)
            or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == OURS)
            or (isinstance(node, ast.Import) and any(alias == OURS and name != MODULE for name, alias in _bound(node)))
            or (
                isinstance(node, ast.ImportFrom)
                and node.module not in {MODULE, "kivy.network", OURS}
                and OURS in {alias.asname or alias.name for alias in node.names}
            )
            for node in self.nodes
        )


def _bound(node: ast.Import) -> list[tuple[str, str | None]]:
    """The modules of an import, and the names that it gives to them."""
    return [(alias.name, alias.asname) for alias in node.names]


# Text


def _kv_changes(source: Source, start: int, end: int) -> Iterator[Change]:
    for match in _KV_IMPORT.finditer(source.text, start, end):
        yield Change(source.line_of(match.end(1)), match.end(1), match.end(), OURS)


def _remaining(source: Source, changes: list[Change], remarks: list[Remark] | None = None) -> list[Remark]:
    """Where the text still names the module: in comments, and in texts for people."""
    told = {remark.line for remark in remarks or []}
    lines = {
        source.line_of(match.start())
        for match in _MODULE.finditer(source.text)
        if not any(change.start <= match.start() < change.end for change in changes)
    }
    return [Remark(line, f"a text or a comment names {MODULE}") for line in sorted(lines - told)]


def _dotted_name(node: ast.AST) -> str:
    """`a.b.c` of an expression that is nothing but names; '' of others."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted_name(node.value)
        return before and f"{before}.{node.attr}"
    return ""
