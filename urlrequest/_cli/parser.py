"""The parser of command lines: argparse, with the layout and the messages of this command.

A wrong command line ends the process with exit code 2 and one line, which never repeats a text that may contain a
password.
"""

from __future__ import annotations

import argparse
import re

from urlrequest import __version__

from .option_table import REMOTE_NAME, Option
from .verbose import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

__all__ = ["Parser", "add_option", "refuse_unknown", "usage_error"]

BAD_USAGE = 2  # exit code


class Parser(argparse.ArgumentParser):
    """Reads the arguments of the command, or those of a word such as `serve`.

    Args:
        usage: The command lines that there are.
        description: What it does.
        epilog: What stands at the end of --help.
        help_hint: How the help is asked for.
    """

    def __init__(self, usage: str, description: str, epilog: str, help_hint: str = "--help") -> None:
        super().__init__(
            prog="urlrequest",
            usage=usage,
            description=description,
            epilog=epilog,
            formatter_class=_layout,
            allow_abbrev=False,
            add_help=False,
        )
        self._help_hint = help_hint

    def error(self, message: str) -> NoReturn:  # argparse calls it
        """End the process. argparse's messages may repeat values; the replacements do not."""
        message = re.sub(r"^argument ", "option ", message)
        message = re.sub(r"expected one argument$", "a value is needed", message)
        message = re.sub(r"ignored explicit argument .*", "it takes no value", message, flags=re.DOTALL)
        message = re.sub(r"not allowed with argument (.*)$", r"it cannot be combined with \1", message)
        usage_error(message, self._help_hint)


class _AppendNamed(argparse.Action):
    """Append the value with the option that it was given for: the options of the -d family mean different things."""

    def __call__(self, _: Any, namespace: Any, values: Any, __: str | None = None) -> None:
        found = getattr(namespace, self.dest) or []
        setattr(namespace, self.dest, [*found, (self.option_strings[0], values)])


def usage_error(message: str, help_hint: str = "--help") -> NoReturn:
    """End the process because the command line is wrong."""
    import sys  # for errors only

    if sys.stderr is not None:
        sys.stderr.write(f"urlrequest: {printable(message)} (see {help_hint})\n")
    raise SystemExit(BAD_USAGE)


def refuse_unknown(text: str, options: list[Option], help_hint: str = "--help") -> NoReturn:
    """Name an option that is unknown, without what may be its value, and one that may be meant."""
    from difflib import get_close_matches  # for errors only

    name = text.partition("=")[0] if text.startswith("--") else text[:2]
    longs = [name for option in options for name in option.names.split() if name.startswith("--")]
    near = get_close_matches(name, longs, 1, 0.75) if name.startswith("--") else []
    usage_error(f"unknown option {name}" + (f"; did you mean {near[0]}?" if near else ""), help_hint)


def add_option(group: Any, option: Option) -> None:
    """Add an option of the table to a parser, or to a group of one."""
    names, settings = option.names.split(), {"help": option.help.replace("%", "%%"), "dest": option.attribute}
    if option.attribute == "help":
        group.add_argument(*names, action="help", help=settings["help"])
    elif option.attribute == "version":
        group.add_argument(*names, action="version", version=f"urlrequest {__version__}", help=settings["help"])
    elif option.kind == "remote":
        group.add_argument(*names, action="append_const", const=REMOTE_NAME, **settings)
    elif not option.metavar:
        group.add_argument(*names, action="store_true", **settings)
    else:
        actions: dict[str, Any] = {"value": "store", "list": "append", "data": _AppendNamed}
        group.add_argument(
            *names, action=actions[option.kind], metavar=option.metavar.replace("%", "%%"), type=option.read, **settings
        )


def _layout(prog: str) -> argparse.HelpFormatter:
    # With a width of its own the formatter does not import what finds one.
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=30, width=80)
