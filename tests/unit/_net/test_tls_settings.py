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
        ((None, 0, None, None), TlsSettings(verify=False)),
        (("a.pem", True, None, None), TlsSettings("a.pem")),
        ((b"a.pem", True, Path("c.pem"), None), TlsSettings("a.pem", client_cert="c.pem")),
        ((Path("a.pem"), None, ("c.pem", b"k"), None), TlsSettings("a.pem", client_cert=("c.pem", "k"))),
        ((None, None, ["c.pem", "k"], None), TlsSettings(client_cert=("c.pem", "k"))),
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
        ((None, True, ("a", "b", "c"), None), "client_cert has 3 items"),
        ((None, True, ("a", None), None), "client_cert is NoneType"),
        ((None, True, None, "context"), "ssl_context is str"),
    ],
    ids=count(),
)
def test_13_wrong_types(given: tuple[Any, ...], message: str) -> None:
    """Contract 13: options of a wrong type are a TypeError that names them."""
    with pytest.raises(TypeError, match=f"^{message}"):
        check_tls(*given)


def test_an_ssl_context_is_not_kept_alive() -> None:
    """Settings are kept for the next request, but not with a context of the user's, which may hold a megabyte."""
    context = ssl.create_default_context()
    watch = weakref.ref(context)
    check_tls(None, True, None, context)
    del context
    gc.collect()

    assert watch() is None
    assert check_tls("a.pem", True, None, None) is check_tls("a.pem", True, None, None)
