"""The completion scripts and the manual page, made from the table of options."""

from __future__ import annotations

import sys

from urlrequest import __version__

from .option_table import COMMANDS, OPTIONS, Command, Option
from .options import DESCRIPTION, EXAMPLES, EXIT_CODES
from .verbose import print_error

__all__ = ["SHELLS", "completion", "manual", "print_completion", "print_manual"]

BAD_USAGE = 2  # exit code


def print_completion(shell: str) -> int:
    """Print the script for a shell; return the exit code."""
    if shell not in SHELLS:
        print_error(f"completion takes one of {', '.join(SHELLS)} (see urlrequest completion --help)")
        return BAD_USAGE
    sys.stdout.write(completion(shell))
    return 0


def print_manual() -> int:
    """Print the manual page; return the exit code."""
    sys.stdout.write(manual())
    return 0


def completion(shell: str) -> str:
    """Return the completion script for a shell."""
    return SHELLS[shell]()


def _bash() -> str:
    every = [*OPTIONS, *(option for command in COMMANDS for option in command.options)]
    files = "|".join(name for option in every if option.completes for name in option.names.split())
    values = "|".join(
        name for option in every if option.metavar and not option.completes for name in option.names.split()
    )
    words = " ".join(command.word for command in COMMANDS)
    own = "".join(f"        {command.word}) names='{_names(command.options)}' ;;\n" for command in COMMANDS)
    return f"""# bash completion for urlrequest: source <(urlrequest completion bash)
_urlrequest() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    local names='{_names(OPTIONS)}'
    case $previous in
        {files}) compopt -o default; COMPREPLY=(); return ;;
        {values}) COMPREPLY=(); return ;;
    esac
    case ${{COMP_WORDS[1]}} in
{own}    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$names" -- "$current"))
        return
    fi
    case ${{COMP_WORDS[1]}} in
        serve | migrate) compopt -o default; COMPREPLY=(); return ;;
        completion) COMPREPLY=($(compgen -W "{" ".join(SHELLS)}" -- "$current")); return ;;
    esac
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "{words}" -- "$current"))
    fi
}}
complete -F _urlrequest urlrequest
"""


def _names(options: list[Option]) -> str:
    return " ".join(name for option in options for name in option.names.split())


def _zsh() -> str:
    lines = "".join(f"    {_zsh_argument(option)} \\\n" for option in OPTIONS)
    words = " ".join(f"'{command.word}:{_zsh_text(command.help)}'" for command in COMMANDS)
    own = "".join(
        f"            {command.word}) _arguments {_zsh_command(command)}; return ;;\n" for command in COMMANDS
    )
    return f"""#compdef urlrequest
# zsh completion for urlrequest: source <(urlrequest completion zsh)
_urlrequest_word() {{
    local -a words=({words})
    _describe command words || _urls
}}
_urlrequest() {{
    if ((CURRENT > 2)); then
        case $words[2] in
{own}        esac
    fi
    _arguments -s \\
{lines}    '*:URL:_urlrequest_word'
}}
compdef _urlrequest urlrequest
"""


def _zsh_command(command: Command) -> str:
    """What follows a word, for _arguments, which counts the word itself as the first argument."""
    action = {"serve": "_files -/", "migrate": "_files", "completion": f"({' '.join(SHELLS)})"}.get(command.word, " ")
    options = " ".join(_zsh_argument(option) for option in command.options)
    return f"{options} '*:{_zsh_text(command.argument)}:{action}'"


def _zsh_argument(option: Option) -> str:
    names = option.names.split()
    value = f":{_zsh_text(option.metavar)}:{'_files' if option.completes else ' '}" if option.metavar else ""
    rest = f"[{_zsh_text(option.help)}]{value}"
    is_repeated = option.kind != "value"
    if len(names) == 1:
        return f"'{'*' * is_repeated}{names[0]}{rest}'"
    alike = "*" if is_repeated else f"({' '.join(names)})"
    return f"'{alike}'{{{','.join(names)}}}'{rest}'"


def _zsh_text(text: str) -> str:
    return "".join(f"\\{char}" if char in "[]:\\" else char for char in text).replace("'", "'\\''")


def _fish() -> str:
    lines = ["# fish completion for urlrequest: urlrequest completion fish | source", "complete -c urlrequest -f"]
    is_first = "not __fish_seen_subcommand_from " + " ".join(command.word for command in COMMANDS)
    lines += [
        f"complete -c urlrequest -n '__fish_is_first_token' -a {command.word} -d {_fish_text(command.help)}"
        for command in COMMANDS
    ]
    lines.append("complete -c urlrequest -n '__fish_seen_subcommand_from serve migrate' -F")
    shells = " ".join(SHELLS)
    lines.append(f"complete -c urlrequest -n '__fish_seen_subcommand_from completion' -a '{shells}'")
    lines += [_fish_option(is_first, option) for option in OPTIONS]
    for command in COMMANDS:
        condition = f"__fish_seen_subcommand_from {command.word}"
        lines += [_fish_option(condition, option) for option in command.options]
    return "\n".join(lines) + "\n"


def _fish_option(condition: str, option: Option) -> str:
    names = "".join(f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in option.names.split())
    value = (" -r -F" if option.completes else " -x") if option.metavar else ""
    return f"complete -c urlrequest -n '{condition}'{names}{value} -d {_fish_text(option.help)}"


def _fish_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}


# The manual page


def manual() -> str:
    """Return the manual page, in the language of man(7)."""
    lines = [
        f'.TH URLREQUEST 1 "" "urlrequest {__version__}" "User Commands"',
        ".SH NAME",
        r"urlrequest \- fetch URLs",
        ".SH SYNOPSIS",
        ".B urlrequest",
        r"[\fIoptions\fR] \fIURL\fR...",
    ]
    for command in COMMANDS:
        lines += [".br", rf"\fB{_roff(command.usage)}\fR"]
    lines += [".SH DESCRIPTION", *map(_roff, DESCRIPTION.splitlines()), ".SH COMMANDS"]
    for command in COMMANDS:
        lines += [
            ".TP",
            rf"\fB{command.word}\fR \fI{_roff(command.argument)}\fR",
            *map(_roff, command.details.splitlines()),
        ]
        for option in command.options:
            lines += [".RS", ".TP", _roff_names(option), _roff(_sentence(option.help)), ".RE"]
    group = ""
    for option in OPTIONS:
        if option.group != group:
            group = option.group
            lines.append(f'.SH "OPTIONS: {group.upper()}"')
        lines += [".TP", _roff_names(option), _roff(_sentence(option.help))]
    lines += [".SH EXIT STATUS", ".nf", *map(_roff, EXIT_CODES.splitlines()), ".fi"]
    lines += [".SH EXAMPLES", ".nf", *map(_roff, EXAMPLES.splitlines()), ".fi"]
    return "".join(f"{line}\n" for line in lines if line)


def _roff_names(option: Option) -> str:
    value = rf" \fI{_roff(option.metavar)}\fR" if option.metavar else ""
    return ", ".join(rf"\fB{_roff(name)}\fR{value}" for name in option.names.split())


def _roff(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
