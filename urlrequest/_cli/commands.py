"""The arguments of the words that stand in the place of a URL: `serve`, `migrate` and the others."""

from __future__ import annotations

from .option_table import COMMANDS
from .parser import Parser, add_option, refuse_unknown, usage_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["read_command"]


def read_command(word: str, argv: Sequence[str]) -> tuple[Any, list[str]]:
    """Read what follows a word: its options, and its arguments.

    Raises:
        SystemExit: The command line is wrong (2), or asked for help, which was printed (0).
    """
    command = next(command for command in COMMANDS if command.word == word)
    help_hint = f"urlrequest {word} --help"
    examples = "".join(f"  {line}\n" for line in command.examples.splitlines())
    parser = Parser(command.usage, command.details, f"examples:\n{examples}", help_hint)
    for option in command.options:
        add_option(parser, option)
    given, rest = parser.parse_known_args(argv)
    unknown = next((text for text in rest if text.startswith("-")), None)
    if unknown is not None:
        refuse_unknown(unknown, command.options, help_hint)
    least, most = command.counts
    if not least <= len(rest) <= most:
        takes = f"takes {command.argument}" if most else "takes no argument"
        usage_error(f"{word} {takes}; a host of that name is reached by http://{word}", help_hint)
    return given, rest
