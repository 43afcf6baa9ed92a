"""The table of the command's options. It drives the reading of the command line, --help, completion and the man page.

Where curl has an option of the same meaning, the option has curl's name.
"""

from __future__ import annotations

from urlrequest._record import Record

from . import values
from .payload import read_form_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["COMMANDS", "OPTIONS", "REMOTE_NAME", "Command", "Option"]

REMOTE_NAME = ""  # in the list of outputs: the name follows from the URL


class Option(Record):
    """One option.

    Attributes:
        names: As typed: "-o --output".
        help: One line, for --help, completion and the man page.
        metavar: What its value is; "": it takes none.
        read: Makes the value of the text, or raises ArgumentTypeError.
        dest: The attribute that gets the value; "": follows from the longest name.
        kind: "value", the last one wins; "list", all are kept; "data", all are kept with the option's name; "remote",
            REMOTE_NAME is kept in the list.
        completes: What a shell offers for the value: "file" or "".
        group: The heading that it stands under.
    """

    __slots__ = ("completes", "dest", "group", "help", "kind", "metavar", "names", "read")

    def __init__(
        self,
        names: str,
        help: str,
        metavar: str = "",
        read: Callable[[str], Any] | None = None,
        dest: str = "",
        kind: str = "value",
        completes: str = "",
    ) -> None:
        self.names, self.help, self.metavar, self.read = names, help, metavar, read
        self.dest, self.kind, self.completes, self.group = dest, kind, completes, ""

    @property
    def attribute(self) -> str:
        """The attribute of the parsed arguments that holds the value."""
        return self.dest or self.names.split()[-1].lstrip("-").replace("-", "_")


class Command(Record):
    """A word that stands in the place of the URL.

    Attributes:
        word: As typed.
        argument: What follows the word and its options, for the usage: "[FOLDER]".
        counts: How many arguments it takes, at least and at most.
        help: One line, for --help, completion and the man page.
        details: What it does, for its own --help.
        examples: Command lines, for its own --help.
        options: Its own options; --help is one.
    """

    __slots__ = ("argument", "counts", "details", "examples", "help", "options", "word")

    def __init__(
        self,
        word: str,
        argument: str,
        counts: tuple[int, int],
        help: str,
        details: str,
        examples: str,
        *options: Option,
    ) -> None:
        self.word, self.argument, self.counts, self.help = word, argument, counts, help
        self.details, self.examples = details, examples
        self.options = [*options, Option("-h --help", "show this help")]

    @property
    def usage(self) -> str:
        """Its command line; --help goes without saying."""
        options = "".join(
            f" [{f'{option.names} {option.metavar}'.rstrip()}]" for option in self.options if option.attribute != "help"
        )
        return f"urlrequest {self.word}{options} {self.argument}".rstrip()


ANY_NUMBER = 1_000_000  # of arguments

COMMANDS = [
    Command(
        "demo", "", (0, 0), "show the library at work, on servers of its own",
        """Makes eight requests to a server of its own, and shows which callbacks run, in
which order and on which thread. It needs no network and leaves no files behind.
The exit code is 0 if every scene went as promised, else 1.""",
        "urlrequest demo",
    ),
    Command(
        "serve", "[FOLDER]", (0, 1), "serve the files of a folder on this machine, to try things out",
        """Serves the files of a folder, on this machine only (127.0.0.1), until Ctrl-C.
Without a folder it has pages for trying out; the page / lists them. It writes a
line for each request. It is no server for production.""",
        """urlrequest serve
urlrequest serve --port 8080 Downloads""",
        Option("--port", "listen on this port; without it 8000 or, if that is in use, a free one", "N",
               values.read_port),
    ),
    Command(
        "migrate", "PATH...", (1, ANY_NUMBER), "find, and with --write change, imports of Kivy's UrlRequest",
        """Finds the imports of Kivy's UrlRequest in Python and kv files, and the places
that behave differently with this library. It reads the files, and does not run
them. The exit code is 0, or 3 if a file cannot be read.""",
        """urlrequest migrate main.py
urlrequest migrate --write .""",
        Option("--write", "change the imports in the files; without it they are only named"),
    ),
    Command(
        "completion", "bash|zsh|fish", (1, 1), "print a completion script for a shell",
        """Prints a script that makes the shell complete the options and commands.""",
        """source <(urlrequest completion bash)
urlrequest completion fish | source""",
    ),
    Command(
        "man", "", (0, 0), "print the manual page",
        """Prints the manual page, in the format that man reads.""",
        "urlrequest man | man -l -",
    ),
]  # fmt: skip


def _group(title: str, *options: Option) -> list[Option]:
    for option in options:
        option.group = title
    return list(options)


OPTIONS = [
    *_group(
        "where the body goes",
        Option(
            "-o --output", "save the body; the file appears when it is complete", "FILE", values.read_path, "outputs",
            "list", "file",
        ),
        Option("-O --remote-name", "save it under the last part of the URL's path", dest="outputs", kind="remote"),
        Option("-J --remote-header-name", "with -O: use the server's file name instead, if it sends one"),
        Option("-C --continue-at", "with -o or -O: continue a download that broke off", "-", values.read_continue,
               "resume"),
        Option("--resume", "the same as -C -"),
        Option("-i --include", "write the response headers before the body"),
        Option("-f --fail", "write no error pages"),
        Option("--checksum", "verify the body, for example sha256:9f86d0...", "ALGORITHM:HEX", values.read_checksum),
        Option("--max-size", "fail if the body is larger (suffixes K, M, G)", "BYTES", values.read_size),
        Option("--compressed", "accept a compressed body; it is decoded in memory"),
        Option("-w --write-out", "write this after the body, with values such as %{http_code}", "FORMAT"),
    ),
    *_group(
        "what is sent",
        Option("-X --request", "GET, HEAD with -I, PUT with -T, or POST with a body", "METHOD", values.read_method,
               "method"),
        Option("-I --head", "request and show the headers only"),
        Option("-H --header", "'Name: value' sends a header, 'Name:' leaves one out", "HEADER", values.read_header,
               "headers", "list"),
        Option("-A --user-agent", "the User-Agent header", "TEXT", values.read_text),
        Option("-e --referer", "the Referer header", "URL", values.read_text),
        Option("-r --range", "a part of the body only, for example 0-499", "RANGE", values.read_range),
        Option("-d --data", "a form; @FILE: the text of a file without its line breaks", "TEXT", None, "data", "data"),
        Option("--data-raw", "the same, but @ has no meaning", "TEXT", None, "data", "data"),
        Option("--data-binary", "the same; @FILE: the bytes of a file as they are", "TEXT", None, "data", "data"),
        Option("--data-urlencode", "the same, percent-encoded: [NAME=]TEXT or [NAME]@FILE", "TEXT", None, "data",
               "data"),
        Option("-G --get", "put what -d gives into the URL's query"),
        Option("--json", "JSON, with Content-Type and Accept set; shown indented on a terminal", "TEXT", None, "",
               "list"),
        Option("-F --form", "a form with files: NAME=@FILE[;type=TYPE][;filename=NAME]", "NAME=VALUE",
               read_form_part, "", "list"),
        Option("-T --upload-file", "PUT a file; a URL that ends in / gets its name", "FILE", values.read_path,
               completes="file"),
    ),
    *_group(
        "who asks",
        Option("-u --user", "user name and password; asks for a password that is left out", "USER[:PASSWORD]"),
        Option("--digest", "with -u: Digest authentication"),
        Option("--oauth2-bearer", "a bearer token", "TOKEN", values.read_text),
        Option("-b --cookie", "NAME=VALUE[; ...], or a file of cookies to send", "TEXT|FILE", completes="file"),
        Option("-c --cookie-jar", "save the cookies to this file at the end", "FILE", values.read_path,
               completes="file"),
        Option("--cert", "the client certificate, as PEM", "FILE[:PASSWORD]", values.read_certificate,
               completes="file"),
        Option("--key", "its key, if that is in another file", "FILE", values.read_path, completes="file"),
    ),
    *_group(
        "how",
        Option("-L --location", "follow redirects, up to 20"),
        Option("-4 --ipv4", "connect to IPv4 addresses only"),
        Option("-6 --ipv6", "connect to IPv6 addresses only"),
        Option("-Z --parallel", "request all URLs at the same time"),
        Option("--retry", "try again when the network or the server fails", "N", values.read_count),
        Option("--timeout", "the longest wait for the network in any single step", "SECONDS", values.read_seconds),
        Option("--connect-timeout", "the longest time until the connection is open", "SECONDS", values.read_seconds),
        Option("-m --max-time --deadline", "the longest time for each request", "SECONDS", values.read_seconds,
               "deadline"),
        Option("--limit-rate", "bytes per second at most (suffixes K, M, G)", "RATE", values.read_rate),
        Option("-x --proxy", "[SCHEME://][USER:PASSWORD@]HOST[:PORT], or '' for none", "URL",
               values.read_proxy),
        Option("-k --insecure", "do not check the server's certificate"),
        Option("--cacert --ca-file", "trust the certificates in this file only", "FILE", values.read_path, "ca_file",
               completes="file"),
    ),
    *_group(
        "what is shown",
        Option("-s --silent", "show no progress and no errors"),
        Option("-S --show-error", "with -s: show errors"),
        Option("-v --verbose", "show request and response headers, and timings"),
        Option("-V --version", "show the version"),
        Option("-h --help", "show this help"),
    ),
]  # fmt: skip
