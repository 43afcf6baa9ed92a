"""The arguments of the words in the place of a URL: their help, and messages about what is wrong."""

from __future__ import annotations

import re

import pytest

from urlrequest._cli.commands import read_command
from urlrequest._cli.option_table import COMMANDS, Command


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(command: Command, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The usage, what it does, each option and an example, within 80 columns; exit code 0."""
    with pytest.raises(SystemExit) as ended:
        read_command(command.word, [option])
    text, told = capsys.readouterr()

    assert (0, "") == (ended.value.code, told)
    assert text.startswith(f"usage: {command.usage}\n\n{command.details}\n\noptions:\n")
    shown = set(re.findall(r"(?<![\w-])--?[a-z]+", text.partition("options:")[2]))
    assert {name for each in command.options for name in each.names.split()} <= shown
    assert re.search(rf"\n\nexamples:\n  .*urlrequest {command.word}", text)
    assert all(len(line) <= 80 for line in text.splitlines())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "-v"], "unknown option -v"),
        (["demo", "x"], "demo takes no argument; a host of that name is reached by http://demo"),
        (["serve", "--prt", "1"], "unknown option --prt; did you mean --port?"),
        (["serve", "--port"], "option --port: a value is needed"),
        (["serve", "--port", "65536"], "option --port: expected a port from 0 to 65535, got '65536'"),
        (["serve", "--port", "http"], "option --port: expected a port from 0 to 65535, got 'http'"),
        (["serve", "a", "b"], "serve takes [FOLDER]; a host of that name is reached by http://serve"),
        (["migrate"], "migrate takes PATH...; a host of that name is reached by http://migrate"),
        (["migrate", "--write"], "migrate takes PATH...; a host of that name is reached by http://migrate"),
        (["migrate", "--writ", "."], "unknown option --writ; did you mean --write?"),
        (["completion"], "completion takes bash|zsh|fish; a host of that name is reached by http://completion"),
        (["man", "ls"], "man takes no argument; a host of that name is reached by http://man"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and one line, which says what is wrong and where the help is."""
    with pytest.raises(SystemExit) as ended:
        read_command(arguments[0], arguments[1:])

    assert 2 == ended.value.code
    assert ("", f"urlrequest: {message} (see urlrequest {arguments[0]} --help)\n") == capsys.readouterr()


def test_options_and_arguments() -> None:
    """Options may stand before and after the arguments."""
    given, arguments = read_command("serve", ["folder", "--port", "0"])
    changing, paths = read_command("migrate", ["a", "--write", "b"])

    assert (["folder"], 0) == (arguments, given.port)
    assert (["a", "b"], True) == (paths, changing.write)
