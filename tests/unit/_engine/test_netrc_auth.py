from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from urlrequest import NetrcAuth
from urlrequest._engine.options import PLAIN
from urlrequest._engine.prepare import prepare_request
from urlrequest._http1.public_connection import HTTPConnection

if TYPE_CHECKING:
    from pathlib import Path

needs_new_netrc = pytest.mark.skipif(sys.version_info < (3, 11), reason="netrc of Python 3.10 takes it")

ENTRIES = """# a comment
machine a.test login me password s3cret
machine B.test
    login username
    account x
    password p4ss
machine ::1 user six password six
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A netrc file."""
    path = tmp_path / "netrc"
    path.write_text(ENTRIES)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.test", ("me", "s3cret")),
        ("a.test.", ("me", "s3cret")),
        ("b.test", ("username", "p4ss")),
        ("::1", ("six", "six")),
        ("www.a.test", None),
        ("test", None),
    ],
)
def test_10_11_entries(file: Path, host: str, expected: tuple[str, str] | None) -> None:
    """Contract 10.11: the entry of the host counts, in any spelling; subdomains are other hosts."""
    assert expected == NetrcAuth(file).find_account(host) == NetrcAuth(str(file)).find_account(host)


def test_10_11_default_entry(file: Path) -> None:
    """Contract 10.11: the default entry is for hosts without one of their own."""
    file.write_text(f"{ENTRIES}\ndefault login any password thing\n")

    assert ("any", "thing") == NetrcAuth(file).find_account("other.test")
    assert ("me", "s3cret") == NetrcAuth(file).find_account("a.test")


def test_10_11_file_is_read_each_time(file: Path) -> None:
    """Contract 10.11: a change counts for the next request."""
    auth = NetrcAuth(file)
    assert auth.find_account("c.test") is None
    file.write_text("machine c.test login new password new")

    assert ("new", "new") == auth.find_account("c.test")


def test_10_11_missing_files(tmp_path: Path, home: Path) -> None:
    """Contract 10.11: a file that was named must be there; the home directory may have none."""
    assert NetrcAuth().find_account("a.test") is None
    with pytest.raises(FileNotFoundError, match="nowhere"):
        NetrcAuth(tmp_path / "nowhere").find_account("a.test")


@pytest.mark.skipif(os.name != "posix", reason="no permissions of this kind")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_10_11_permissions(home: Path, mode: int) -> None:
    """Contract 10.11: nobody but its owner may read the file in the home directory; a named one is free."""
    path = home / ".netrc"
    path.write_text(ENTRIES)
    path.chmod(mode)
    with pytest.raises(ValueError, match="too permissive"):
        NetrcAuth().find_account("a.test")

    assert ("me", "s3cret") == NetrcAuth(path).find_account("a.test")
    path.chmod(0o600)
    assert ("me", "s3cret") == NetrcAuth().find_account("a.test")


@pytest.mark.parametrize(
    "text",
    [
        "s3cret",
        "machine a.test login me password x s3cret",
        "machine",
        pytest.param("macdef init\ns3cret", marks=needs_new_netrc),
        "password s3cret machine a.test",
    ],
)
def test_16_3_malformed_files(file: Path, text: str) -> None:
    """Contract 16.3: the error names file and line, and shows no word of the file, as it may be a password."""
    file.write_text(text)
    with pytest.raises(ValueError, match="the netrc file cannot be used: ") as caught:
        NetrcAuth(file).find_account("a.test")

    assert f"{file}, line " in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_16_3_nothing_is_shown(file: Path) -> None:
    """Contract 16.3: the object shows nothing."""
    assert "<NetrcAuth>" == repr(NetrcAuth(file))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.test/", ["Basic bWU6czNjcmV0"]),
        ("http://A.TEST:8080/", ["Basic bWU6czNjcmV0"]),
        ("http://you:x@a.test/", ["Basic eW91Ong="]),
        ("http://c.test/", ["Bearer own"]),
    ],
)
def test_10_11_what_a_request_sends(file: Path, url: str, expected: list[str]) -> None:
    """Contract 10.11, 9.3, 10.4: the URL's credentials win, then the file, then the request's own header."""
    options = PLAIN._replace(url=url, auth=NetrcAuth(file), req_headers={"Authorization": "Bearer own"})
    prepared = prepare_request(options, has_progress=False, connection_class_for=lambda scheme: HTTPConnection)

    assert expected == [value for name, value in prepared.fields if name == "Authorization"]
    assert prepared.responder is None
