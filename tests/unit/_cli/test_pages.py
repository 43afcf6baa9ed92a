"""Completion and manual page: they have every option of the table, and the shells read them."""

from __future__ import annotations

import re
import subprocess

import pytest

from support.programs import program
from urlrequest._cli.option_table import COMMANDS, OPTIONS
from urlrequest._cli.pages import SHELLS, completion, manual

NAMES = [name for option in OPTIONS for name in option.names.split()]


def test_table_has_no_name_twice() -> None:
    """Each name stands for one option."""
    assert sorted(set(NAMES)) == sorted(NAMES)


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_completion_has_everything(shell: str) -> None:
    """Every option and every command is offered."""
    script = completion(shell)

    for name in NAMES:
        if shell == "fish":
            assert (f" -l {name[2:]} " if name.startswith("--") else f" -s {name[1:]} ") in script
        else:
            assert name in script
    assert all(command.word in script for command in COMMANDS)
    own = {option.names.split()[0].lstrip("-") for command in COMMANDS for option in command.options}
    assert all(name in script for name in own)


@pytest.mark.system
@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_shells_read_the_completion(shell: str) -> None:
    """The shell itself finds no error in its script."""
    done = subprocess.run([program(shell), "-n"], input=completion(shell).encode(), capture_output=True, check=False)

    assert (0, b"") == (done.returncode, done.stderr)


def complete_in_bash(*words: str) -> list[str]:
    """What bash offers for the last word."""
    script = f"""{completion("bash")}
compopt() {{ :; }}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _urlrequest; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run([program("bash"), "-c", script, "bash", *words], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.system
def test_bash_offers_what_fits() -> None:
    """Options after a hyphen, commands as the first word, shells after `completion`, nothing where a number stands."""
    assert ["--oauth2-bearer"] == complete_in_bash("urlrequest", "--oa")
    assert ["serve"] == complete_in_bash("urlrequest", "se")
    assert ["zsh"] == complete_in_bash("urlrequest", "completion", "z")
    assert [] == complete_in_bash("urlrequest", "--retry", "-")
    assert ["--port"] == complete_in_bash("urlrequest", "serve", "--p")
    assert [] == complete_in_bash("urlrequest", "serve", "--port", "-")


def test_manual_has_everything() -> None:
    """Every option stands in the page, with hyphens that can be searched for."""
    page = manual()

    assert all(rf"\fB{name}\fR".replace("-", r"\-") in page for name in NAMES)
    assert page.startswith(".TH URLREQUEST 1 ")


@pytest.mark.system
def test_manual_is_read_without_a_warning() -> None:
    """Groff formats the page, and warns of nothing."""
    command = [program("groff", "groff-base"), "-man", "-Tascii", "-ww", "-P-c"]

    done = subprocess.run(command, input=manual(), capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    text = re.sub(".\b", "", done.stdout)
    assert "--oauth2-bearer TOKEN" in text
    assert "urlrequest serve [--port N] [FOLDER]" in text
    assert "--port N" in text
