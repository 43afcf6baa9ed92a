"""prepare_request(): which prepared requests are kept and shared, and which are never; when TLS is prefetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from urlrequest import HTTPConnection, HTTPSConnection, Session
from urlrequest._client.settings import complete
from urlrequest._engine import prepare
from urlrequest._engine.options import PLAIN
from urlrequest._engine.prepare import prepare_redirected, prepare_request
from urlrequest._http.redirect import NextRequest
from urlrequest._http.target import parse_target
from urlrequest._net import tls_contexts
from urlrequest._net.tls_settings import TlsSettings

if TYPE_CHECKING:
    from urlrequest._engine.plan import PreparedRequest

CLASSES = {"http": HTTPConnection, "https": HTTPSConnection}


class OwnConnection(HTTPConnection):
    """Of a class of the user's."""


def prepared_of(
    *, url: str = "http://a.test/", has_progress: bool = False, is_own: bool = False, **options: Any
) -> PreparedRequest:
    def connection_class_for(scheme: str) -> type:
        return OwnConnection if is_own else CLASSES[scheme]

    asked = PLAIN._replace(url=url, **options)
    return prepare_request(asked, has_progress=has_progress, connection_class_for=connection_class_for)


def test_plain_requests_are_prepared_once() -> None:
    """Nothing is worked out twice for a request that asks for nothing but a URL."""
    assert prepared_of() is prepared_of()


@pytest.mark.parametrize(
    ("settings", "is_shared"),
    [
        ({}, True),
        ({"max_requests": 9, "timeout": 9}, True),
        ({"base_url": "http://a.test"}, False),
        ({"headers": {"X": "1"}}, False),
        ({"cookies": "a=b"}, False),
        ({"retries": 1}, False),
        ({"follow_redirects": True}, False),
        ({"trust_env": True}, False),
        ({"user_agent": ""}, False),
        ({"verify": False}, True),  # settings of TLS are for https
    ],
    ids=str,
)
def test_17_9_requests_of_a_session(settings: dict[str, Any], is_shared: bool) -> None:
    """What a session says of its requests keeps them from being shared, and what it does not say does not."""
    with Session(**settings) as session:
        asked = complete(PLAIN._replace(url="http://a.test/"), session)
        prepared = prepare_request(asked, has_progress=False, connection_class_for=lambda scheme: CLASSES[scheme])

    assert is_shared == (prepared is prepared_of())


@pytest.mark.parametrize(
    "difference",
    [
        {"url": "http://a.test/other"},
        {"url": "http://b.test/"},
        {"url": "https://a.test/"},
        {"url": "https://a.test/", "verify": False},
        {"url": "http://user:secret@a.test/"},
        {"has_progress": True},
        {"decode": False},
        {"is_own": True},
        {"chunk_size": 8},
        {"chunk_size": None},
        {"req_body": b""},
        {"req_headers": {}},
        {"method": "GET"},
        {"file_path": "x"},
        {"proxy_host": "proxy.test"},
        {"user_agent": ""},
        {"cookies": ""},
        {"auth": ("user", "secret")},
        {"follow_redirects": False},
        {"retries": 0},
        {"trust_env": False},
        {"params": ""},
        {"json": 1},
        {"files": {}},
        {"progress_interval": 1},
        {"max_size": 10},
        {"resume": True, "file_path": "x"},
        {"base_url": "http://a.test/"},
        {"session_headers": {}},
        {"session_cookies": ""},
    ],
    ids=str,
)
def test_others_have_their_own(difference: dict[str, Any]) -> None:
    """Whatever a request asks for itself, another one does not get, in either order."""
    plain, own = prepared_of(), prepared_of(**difference)

    assert own is not plain
    assert prepared_of() is plain


@pytest.mark.parametrize("url", ["http://user:secret@a.test/", f"http://a.test/{'x' * prepare.MAX_CACHED_PATH}"])
def test_9_3_what_is_not_kept(url: str) -> None:
    """Contract 9.3: no prepared request with a password outlives its request, nor does one that takes much memory."""
    before = prepare._cached_plain.cache_info().currsize
    prepared_of(url=url)

    assert before == prepare._cached_plain.cache_info().currsize


# TLS contexts


@pytest.fixture
def prefetched(monkeypatch: pytest.MonkeyPatch) -> list[TlsSettings]:
    """The settings whose contexts were prefetched."""
    noted: list[TlsSettings] = []
    monkeypatch.setattr(tls_contexts, "prefetch_context", noted.append)
    return noted


@pytest.mark.parametrize("options", [{}, {"retries": 1}], ids=["plain", "other"])
def test_certificates_are_read_while_connecting(prefetched: list[TlsSettings], options: dict[str, Any]) -> None:
    """The context of every https request is prefetched, for a prepared request that was kept as well."""
    for _ in range(2):
        prepared_of(url="https://a.test/", ca_file="ca.pem", **options)

    assert [TlsSettings("ca.pem"), TlsSettings("ca.pem")] == prefetched


def test_redirect_to_https_prefetches(prefetched: list[TlsSettings]) -> None:
    """A redirect from http to https needs a context, too."""
    prepared = prepared_of()
    following = NextRequest(parse_target("https://a.test/"), "GET", keeps_body=True, leaves_origin=True)
    prepare_redirected(prepared, following, PLAIN, HTTPSConnection)

    assert [TlsSettings()] == prefetched


class ForeignConnection:
    """Of a class that knows nothing of ours."""


@pytest.mark.parametrize(("scheme", "connection_class"), [("http", HTTPConnection), ("https", ForeignConnection)])
def test_others_prefetch_nothing(prefetched: list[TlsSettings], scheme: str, connection_class: type) -> None:
    """Plain http needs no certificates, and a class that is not ours waits for its context anyway."""
    asked = PLAIN._replace(url=f"{scheme}://a.test/")
    prepare_request(asked, has_progress=False, connection_class_for=lambda scheme: connection_class)

    assert [] == prefetched
