"""How Sphinx builds the documentation: `sphinx-build -W -n docs OUT`."""

from __future__ import annotations

import builtins
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes

import urlrequest
from urlrequest import errors, hooks, streams, testing

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "urlrequest"
author = "The urlrequest authors"
copyright = "2026, The urlrequest authors"  # noqa: A001 - Sphinx's name
version = release = urlrequest.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
copybutton_prompt_text = ">>> |\\.\\.\\. |\\$ "  # what stands before the code is not copied
copybutton_prompt_is_regexp = True
exclude_patterns = ["_build", "examples"]
default_role = "code"  # docstrings write `wait()`, as Markdown does
smartquotes = False  # '' is the empty text, not a closing quotation mark

html_theme = "furo"
html_title = f"urlrequest {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_search_scorer = str(Path(__file__).parent / "_static" / "search.js")

myst_heading_anchors = 3

autodoc_member_order = "alphabetical"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False

nitpick_ignore_regex = [
    # Names that stand for types in signatures only: pages refer to what is public by its full name.
    (r"py:.*", r"urlrequest\.(\w+\.)?_.*"),
    (r"py:class", r"_?[A-Z]\w*"),
]

PUBLIC_MODULES = (urlrequest, errors, hooks, streams, testing)


def show_public_bases(app: Sphinx, name: str, obj: type, options: Any, bases: list[Any]) -> None:
    """Show the public base classes in place of private ones, which only hold parts of the code."""
    public = [each for base in bases for each in public_bases(base)]
    bases[:] = [base for base in dict.fromkeys(public) if base is not object] or [object]


def public_bases(base: Any) -> list[Any]:
    """Return a base class, or in place of a private one those that it has."""
    is_ours = isinstance(base, type) and base.__module__.startswith("urlrequest.")
    if not is_ours or any(base.__name__ in module.__all__ for module in PUBLIC_MODULES):
        return [base]
    return [each for parent in base.__bases__ for each in public_bases(parent)]


def drop_rule_numbers(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Leave out the numbers of contract rules in docstrings: they are for the maintainers."""
    text = re.sub(r"\s*\(contract\s[^();]*\)", "", "\n".join(lines))
    lines[:] = re.sub(r"\(contract\s[^();]*;\s+", "(", text).split("\n")


def keep_colons(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Make napoleon treat a property's first line as text; it would treat the text before a colon as a type."""
    if what in {"property", "attribute"}:
        lines[:0] = ["..", ""]  # an empty comment, which has no colon


def link_to_python(app: Sphinx, env: Any, node: nodes.Element, content: nodes.TextElement) -> nodes.Element | None:
    """Link names of the standard library to its documentation, without fetching its index: a build needs no network."""
    target = node["reftarget"]
    if node.get("refdomain") != "py":
        return None
    module = page_of(target)
    if module is None:
        return None
    url = f"https://docs.python.org/3/library/{module}.html#{target}"
    return nodes.reference("", "", content, internal=False, refuri=url)


def page_of(name: str) -> str | None:
    """The page of the standard library that describes a name; None: it is of no such page."""
    if isinstance(getattr(builtins, name, None), type):
        return "exceptions" if issubclass(getattr(builtins, name), BaseException) else "stdtypes"
    if name.split(".", maxsplit=1)[0] not in sys.stdlib_module_names:
        return None
    module = name
    while True:
        try:
            import_module(module)
        except ImportError:
            module = module.rpartition(".")[0]
        else:
            return module


def setup(app: Sphinx) -> None:
    """Connect the functions above."""
    app.connect("missing-reference", link_to_python)
    app.connect("autodoc-process-bases", show_public_bases)
    app.connect("autodoc-process-docstring", drop_rule_numbers, priority=300)
    app.connect("autodoc-process-docstring", keep_colons, priority=400)  # before napoleon, at 500
