"""The command: `urlrequest URL...`, and the words that stand in the place of a URL.

It owns the exit codes, standard output and standard error. Everything here runs on the main thread, which also runs the
callbacks, in `wait()`; the worker threads print only what `_cli.request` does.

Invariants:
    CLI-1  Standard output gets the bytes of the body and nothing else (with --json on a terminal the same JSON,
           indented; with -i and -w what they ask for); all messages go to standard error.
    CLI-2  Any error is one line, without a traceback and without credentials.
    CLI-3  However the command ends, no request runs any more, and no temporary file is left but what --resume needs.
    CLI-4  There is one KeyboardInterrupt at most, however often Ctrl-C is pressed.
"""

from __future__ import annotations

import os
import signal
import sys
from time import monotonic

from .verbose import print_error

TYPE_CHECKING = False  # `typing` is slow to import; so in the other modules that every run loads
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .options import Arguments

__all__ = ["INTERRUPTED", "main", "run"]

ERROR = 3
INTERRUPTED = 130  # as in shells: 128 and the number of SIGINT

MAX_ENDING = 5.0  # seconds for the workers to remove their temporary files, on a busy machine too


def run() -> int:
    """Run the command with the arguments of the process: the console script."""
    return main(sys.argv[1:])


def main(argv: Sequence[str]) -> int:
    """Run the command on the main thread, and return its exit code.

    Args:
        argv: The command line without the program's name.
    """
    _end_on_signals()
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return _interrupt(None)
    except BrokenPipeError:
        # The reader of the output has read enough. At exit the interpreter flushes once more, which would fail.
        from .output import silence_stdout

        silence_stdout()
        return ERROR


def _run(argv: Sequence[str]) -> int:
    if argv and argv[0] in _COMMANDS:
        return _COMMANDS[argv[0]](argv[1:])
    from .fetch import fetch
    from .options import read_arguments

    if os.name != "nt":  # where HTTP_PROXY and http_proxy are the same
        os.environ.pop("HTTP_PROXY", None)  # as curl: a web server sets it for its programs, as its clients say
    with read_arguments(argv) as arguments:
        try:
            return fetch(arguments)
        except KeyboardInterrupt:
            return _interrupt(arguments)


# Commands; each loads what it needs


def _show_demo(argv: Sequence[str]) -> int:
    from .commands import read_command

    read_command("demo", argv)
    from .demo import run_demo
    from .output import NO_OUTPUT

    if sys.stdout is None:
        print_error(NO_OUTPUT)
        return ERROR
    return 0 if run_demo(sys.stdout) else 1


def _serve(argv: Sequence[str]) -> int:
    from .commands import read_command

    given, arguments = read_command("serve", argv)
    from .serve import serve_folder

    return serve_folder(*arguments, port=given.port)


def _migrate(argv: Sequence[str]) -> int:
    from .commands import read_command

    given, arguments = read_command("migrate", argv)
    from .migrate import migrate

    return migrate(arguments, is_writing=given.write)


def _print_completion(argv: Sequence[str]) -> int:
    from .commands import read_command

    _, (shell,) = read_command("completion", argv)
    from .pages import print_completion

    return print_completion(shell)


def _print_manual(argv: Sequence[str]) -> int:
    from .commands import read_command

    read_command("man", argv)
    from .pages import print_manual

    return print_manual()


_COMMANDS = {
    "demo": _show_demo,
    "serve": _serve,
    "migrate": _migrate,
    "completion": _print_completion,
    "man": _print_manual,
}


# Ends


def _end_on_signals() -> None:
    """Make signals that would end the process at once run its `finally` clauses first."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # not if nohup has set another action
            signal.signal(number, _end)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where a shell has started it with &
        signal.signal(signal.SIGINT, _interrupt_once)


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _interrupt_once(_: int, __: object) -> None:
    """End the command at the first Ctrl-C. Another one must not interrupt that end.

    The signal is not ignored by the system, since Python complains of one that comes in the moment of the change.
    """
    signal.signal(signal.SIGINT, _ignore)
    raise KeyboardInterrupt


def _ignore(_: int, __: object) -> None:
    """Do nothing at a signal."""


def _interrupt(arguments: Arguments | None) -> int:
    """End all requests, and give their workers time to remove temporary files."""
    from urlrequest import cancel_all, g_requests, wait_all

    until = monotonic() + MAX_ENDING
    running = list(g_requests)
    cancel_all()
    wait_all(running, timeout=MAX_ENDING)
    for request in running:
        request.join(max(0.0, until - monotonic()))
    print_error(f"interrupted{'' if arguments is None else _describe_kept(arguments)}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python forgets `_ignore` shortly before the process has ended
    return INTERRUPTED


def _describe_kept(arguments: Arguments) -> str:
    from .output import describe_partial

    return "".join(describe_partial(job, arguments) for job in arguments.jobs)
