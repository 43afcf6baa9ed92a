from __future__ import annotations

import gc
import ssl
import weakref
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from urlrequest._net.tls_settings import TlsSettings, check_tls


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, None, None, None), TlsSettings()),
        ((None, True, None, None), TlsSettings()),
        ((None, False, None, None), TlsSettings(verify=False)),
        (("a.pem", True, None, None), TlsSettings("a.pem")),
        ((b"a.pem", True, Path("c.pem"), None), TlsSettings("a.pem", client_cert="c.pem")),
        ((Path("a.pem"), None, ("c.pem", b"k"), None), TlsSettings("a.pem", client_cert=("c.pem", "k"))),
        ((None, None, ["c.pem", "k"], None), TlsSettings(client_cert=("c.pem", "k"))),
        ((None, None, ("c.pem", "k", "pass"), None), TlsSettings(client_cert=("c.pem", "k", b"pass"))),
        ((None, None, [Path("c.pem"), None, b"pass"], None), TlsSettings(client_cert=("c.pem", None, b"pass"))),
        ((None, None, None, None, f"SHA256: {'AB:' * 31}AB "), TlsSettings(fingerprint="ab" * 32)),
        ((None, False, None, None, f"sha256:{'0f' * 32}"), TlsSettings(fingerprint="0f" * 32, verify=False)),
    ],
    ids=count(),
)
def test_13_2_settings(given: tuple[Any, ...], expected: TlsSettings) -> None:
    """Contract 13.1 to 13.3: paths of any kind; verify=None means True; settings compare by what they say."""
    assert expected == check_tls(*given)
    assert hash(expected) == hash(check_tls(*given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((5, True, None, None), "ca_file is int"),
        ((True, True, None, None), "ca_file is bool"),
        ((["a"], True, None, None), "ca_file is list"),
        ((None, True, 5, None), "client_cert is int"),
        ((None, True, ("a",), None), "client_cert has 1 items"),
        ((None, True, ("a", "b", "c", "d"), None), "client_cert has 4 items"),
        ((None, True, ("a", "b", None), None), "the password of client_cert is NoneType"),
        ((None, True, ("a", "b", 5), None), "the password of client_cert is int"),
        ((None, 0, None, None), "verify is int"),
        ((None, "", None, None), "verify is str.*ca_file"),
        ((None, "ca.pem", None, None), "verify is str; True or False is needed .*ca_file"),
        ((None, Path("ca.pem"), None, None), "verify is .*Path.*ca_file"),
        ((None, True, None, None, b"sha256:00"), "fingerprint is bytes"),
        ((None, True, ("a", None), None), "client_cert is NoneType"),
        ((None, True, None, "context"), "ssl_context is str"),
    ],
    ids=count(),
)
def test_13_wrong_types(given: tuple[Any, ...], message: str) -> None:
    """Contract 13: options of a wrong type are a TypeError that names them."""
    with pytest.raises(TypeError, match=f"^{message}"):
        check_tls(*given)


@pytest.mark.parametrize(
    "fingerprint",
    [
        "",
        "sha256:",
        "00" * 32,
        "sha1:" + "00" * 20,
        "sha256:" + "00" * 31,
        "sha256:" + "0g" * 32,
        "sha512:" + "00" * 64,
    ],
)
def test_13_4_what_is_no_fingerprint(fingerprint: str) -> None:
    """Contract 13.4: only SHA-256 is a fingerprint; anything else is an error, never no check."""
    with pytest.raises(ValueError, match=r"fingerprint is '.*'; \"sha256:\" and 64 hex digits are needed"):
        check_tls(None, True, None, None, fingerprint)


@pytest.mark.parametrize("other", [TlsSettings(), TlsSettings(fingerprint="00" * 32)])
def test_13_3_fingerprints_tell_connections_apart(other: TlsSettings) -> None:
    """Contract 13.3, 13.4: a connection is not shared between requests that pin other certificates, or none."""
    assert TlsSettings(fingerprint="11" * 32) != other


def test_an_ssl_context_is_not_kept_alive() -> None:
    """Settings are kept for the next request, but not with a context of the user's, which may hold a megabyte."""
    context = ssl.create_default_context()
    watch = weakref.ref(context)
    check_tls(None, True, None, context)
    del context
    gc.collect()

    assert watch() is None
    assert check_tls("a.pem", True, None, None) is check_tls("a.pem", True, None, None)
