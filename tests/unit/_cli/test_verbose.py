"""The words of the command: errors, and texts of a server."""

from __future__ import annotations

import pytest

from urlrequest._cli.verbose import describe_error, printable, shown_url, without_secrets


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(111, "connecting to h:1: Connection refused"), "connecting to h:1: Connection refused"),
        (FileNotFoundError(2, "No such file or directory", "ca.pem"), "ca.pem: No such file or directory"),
        (OSError("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"), "wrong version number"),
        (ValueError("see http://u:secret@h/?key=secret"), "see http://***@h/?***"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_errors_in_words(error: Exception, text: str) -> None:
    """An error is told without numbers and noise of the system's, and without credentials."""
    assert text == describe_error(error)


def test_texts_of_a_server_are_harmless() -> None:
    """Control characters and credentials in what a server says are not shown."""
    assert "a\\x1b[2Jb\\x9b\u00e9" == printable("a\x1b[2Jb\x9b\u00e9")
    assert "//***@h/p@q" == without_secrets("//u:p@h/p@q")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("h/a?key=secret#secret", "http://h/a?***"),
        ("http://u:secret@h", "http://h/"),
        ("http://h:port/?secret", "http://h:port/?***"),
        ("/a/b?secret", "/a/b?***"),
    ],
)
def test_urls_in_messages(url: str, text: str) -> None:
    """A URL is told without userinfo, without fragment, and with its query hidden."""
    assert text == shown_url(url)


def test_long_texts_are_read_in_linear_time() -> None:
    """What a server sends is no way to keep the command busy."""
    assert len(without_secrets("/" * 100_000)) == 100_000
    assert without_secrets("//" + "a?" * 50_000).endswith("***")
