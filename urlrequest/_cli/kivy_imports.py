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

__all__ = ["Change", "Remark", "changed", "changes_of", "changes_of_kv"]

MODULE = "kivy.network.urlrequest"
OURS = "urlrequest"
NAMES = {"UrlRequest", "UrlRequestBase", "UrlRequestUrllib", "g_requests"}  # of Kivy's module, which are here, too

_MODULE = re.compile(r"(?<![\w.])kivy\.network\.urlrequest(?!\w)")
_DOTTED = re.compile(r"kivy\.network\.urlrequest(\.\w+)*")
_KV_IMPORT = re.compile(r"(#:[ \t]*import[ \t]+\S+[ \t]+)kivy\.network\.urlrequest(?!\w)")
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


def changes_of_kv(text: str) -> tuple[list[Change], list[Remark]]:
    """Find the imports of a kv file."""
    source = Source(text)
    changes = list(_kv_changes(source, 0, len(text)))
    return changes, _remaining(source, changes)


def changes_of(text: str, tree: ast.Module) -> tuple[list[Change], list[Remark]]:
    """Find what to change in a Python file, and what only a person can."""
    source = Source(text)
    tokens = list(tokenize.generate_tokens(io.StringIO(text, newline="").readline))
    changes: list[Change] = []
    remarks: list[Remark] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            changes += _import_changes(source, tokens, node, tree)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            _read_import_from(source, tokens, node, tree, changes, remarks)
        elif isinstance(node, ast.Attribute) and _dotted_name(node) == MODULE:
            start, end = source.bounds(node)
            changes.append(Change(node.lineno, start, end, OURS))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            changes += _string_changes(source, node, node.value)
    changes += _comment_changes(source, tokens)
    if any(change.text == OURS for change in changes) and _binds_our_name(tree):
        remarks.append(Remark(1, f"this file gives the name {OURS} to something else: check what its uses mean now"))
    return changes, sorted([*remarks, *_remaining(source, changes, remarks)])


# Statements


def _import_changes(
    source: Source, tokens: list[tokenize.TokenInfo], node: ast.Import, tree: ast.Module
) -> Iterator[Change]:
    """`import kivy.network.urlrequest`, with and without `as`; others may stand beside it."""
    if MODULE not in {alias.name for alias in node.names}:
        return
    binds_kivy = any(alias.name == MODULE and alias.asname is None for alias in node.names)
    text = f"kivy, {OURS}" if binds_kivy and _needs_kivy(tree, node) else OURS
    for start, end in _module_tokens(source, tokens, node):
        yield Change(node.lineno, start, end, text)


def _needs_kivy(tree: ast.Module, statement: ast.Import) -> bool:
    """Whether the name `kivy` is used for something else, and nothing else imports it."""
    inside = {id(part) for node in ast.walk(tree) if _dotted_name(node) == MODULE for part in ast.walk(node)}
    is_used = any(
        isinstance(node, ast.Name) and node.id == "kivy" and id(node) not in inside for node in ast.walk(tree)
    )
    is_imported = any(
        alias.asname is None and alias.name.partition(".")[0] == "kivy" and alias.name != MODULE
        for node in ast.walk(tree)
        if isinstance(node, ast.Import) and node is not statement
        for alias in node.names
    )
    return is_used and not is_imported


def _read_import_from(
    source: Source,
    tokens: list[tokenize.TokenInfo],
    node: ast.ImportFrom,
    tree: ast.Module,
    changes: list[Change],
    remarks: list[Remark],
) -> None:
    names = {alias.name for alias in node.names}
    if node.module == MODULE and names == {"*"}:
        used = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)} & NAMES
        start, end = source.bounds(node)
        text = f"from {OURS} import {', '.join(sorted(used | {'UrlRequest'}))}"
        changes.append(Change(node.lineno, start, end, text))
    elif node.module == MODULE and names <= set(urlrequest.__all__):
        changes += [Change(node.lineno, *place, OURS) for place in _module_tokens(source, tokens, node)]
    elif node.module == MODULE:
        missing = ", ".join(sorted(names - set(urlrequest.__all__)))
        remarks.append(Remark(node.lineno, f"{missing} is not here; the import stays as it is"))
    elif node.module == "kivy.network" and names == {"urlrequest"}:
        (alias,) = node.names
        start, end = source.bounds(node)
        name = f" as {alias.asname}" if alias.asname else ""
        changes.append(Change(node.lineno, start, end, f"import {OURS}{name}"))
    elif (node.module == "kivy.network" and "urlrequest" in names) or (node.module == "kivy" and "network" in names):
        remarks.append(Remark(node.lineno, f"import {OURS} by itself, and use it in the place of Kivy's module"))


def _module_tokens(source: Source, tokens: list[tokenize.TokenInfo], node: ast.stmt) -> Iterator[tuple[int, int]]:
    """Where the module is named within a statement, whatever blanks and line breaks stand between its parts."""
    start, end = source.bounds(node)
    inside = [
        token
        for token in tokens
        if token.type in {tokenize.NAME, tokenize.OP} and start <= source.offset(*token.start) < end
    ]
    wanted = re.findall(r"\w+|\.", MODULE)
    for first in range(len(inside)):
        if [token.string for token in inside[first : first + len(wanted)]] == wanted:
            last = inside[first + len(wanted) - 1]
            yield source.offset(*inside[first].start), source.offset(*last.end)


# Text


def _string_changes(source: Source, node: ast.Constant, value: str) -> Iterator[Change]:
    """A string that is the dotted name (mock.patch, import_module, an annotation), or kv code."""
    start, end = source.bounds(node)
    if _DOTTED.fullmatch(value.strip()):
        for match in _MODULE.finditer(source.text, start, end):
            yield Change(source.line_of(match.start()), match.start(), match.end(), OURS)
    else:
        yield from _kv_changes(source, start, end)


def _kv_changes(source: Source, start: int, end: int) -> Iterator[Change]:
    for match in _KV_IMPORT.finditer(source.text, start, end):
        yield Change(source.line_of(match.end(1)), match.end(1), match.end(), OURS)


def _comment_changes(source: Source, tokens: list[tokenize.TokenInfo]) -> Iterator[Change]:
    """Comments for type checkers."""
    for token in tokens:
        if token.type == tokenize.COMMENT and _TYPE_COMMENT.match(token.string):
            start, end = source.offset(*token.start), source.offset(*token.end)
            for match in _MODULE.finditer(source.text, start, end):
                yield Change(token.start[0], match.start(), match.end(), OURS)


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


def _binds_our_name(tree: ast.Module) -> bool:
    """Whether the file gives our package's name to something of its own."""
    return any(
        (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == OURS)
        or (isinstance(node, ast.arg) and node.arg == OURS)
        or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == OURS)
        for node in ast.walk(tree)
    )
