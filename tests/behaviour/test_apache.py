"""Contract 13.1, 13.3 and 17.10: a real Apache that asks for the client's certificate, and says how long it waits."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.clients import get
from support.programs import apache
from urlrequest import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme

pytestmark = pytest.mark.system

CONFIGURATION = """
SSLEngine on
SSLCertificateFile {folder}/server.pem
SSLCACertificateFile {folder}/authority.pem
SSLProtocol {protocol}
SSLSessionTickets off
<Directory {site}>
    Require all granted
</Directory>
<Location /members>
    SSLVerifyClient require
</Location>
<Location /guests>
    SSLVerifyClient optional
</Location>
"""
PAGE = "page " * 40_000  # more than one record of TLS


@pytest.fixture(scope="module", params=["TLSv1.2", "TLSv1.3"])
def url(request: pytest.FixtureRequest, authority: trustme.CA) -> Iterator[str]:
    """Apache with pages for everybody, for guests, and for members, who need a certificate."""
    # Not in pytest's folder, which only this user may read: of root's Apache the workers are another one.
    with tempfile.TemporaryDirectory(prefix="apache-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        pages = folder / "site"
        for part in ("all", "guests", "members"):
            (pages / part).mkdir(parents=True)
            (pages / part / "page").write_text(PAGE)
        authority.cert_pem.write_to_path(str(folder / "authority.pem"))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        configuration = CONFIGURATION.format(site=pages, folder=folder, protocol=request.param)
        with apache(folder, pages, configuration, ["ssl"]) as url:
            yield url.replace("http:", "https:")


@pytest.fixture
def client_cert(authority: trustme.CA, tmp_path: Path) -> str:
    """A certificate and its key."""
    path = tmp_path / "client.pem"
    authority.issue_cert("client@example.test").private_key_and_cert_chain_pem.write_to_path(str(path))
    return str(path)


def options(client_cert: str | None, ca_file: str, *, is_own: bool) -> dict[str, Any]:
    """The options of a session: with a context of the library's, or one of the user's that hides cuts."""
    if not is_own:
        return {"ca_file": ca_file, "client_cert": client_cert}
    context = ssl.create_default_context(cafile=ca_file)
    context.post_handshake_auth = True
    context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    if client_cert is not None:
        context.load_cert_chain(client_cert)
    return {"ssl_context": context}


@pytest.mark.parametrize("is_own", [False, True], ids=["ca_file", "ssl_context"])
def test_13_3_a_certificate_is_asked_for_in_mid_connection(
    url: str, ca_file: str, client_cert: str, is_own: bool
) -> None:
    """Contract 13.3: Apache asks once it knows the path (TLS 1.3: post-handshake, 1.2: a new handshake), and gets it.

    That holds for a connection that has served before, and for a body that is sent meanwhile.
    """
    with Session(timeout=20, **options(client_cert, ca_file, is_own=is_own)) as session:
        for path in ("all", "members", "guests", "members"):
            assert (200, PAGE) == page_of(session, f"{url}/{path}/page")
        posted = get(session, f"{url}/members/page", req_body=b"x" * 50_000)

    assert posted.resp_status in {200, 405}  # a page cannot be posted to, but Apache has let it through


@pytest.mark.parametrize("is_own", [False, True], ids=["ca_file", "ssl_context"])
def test_13_3_without_a_certificate(url: str, ca_file: str, is_own: bool) -> None:
    """Contract 13.1, 13.3: who has no certificate gets what needs none, and an error for the rest."""
    with Session(timeout=20, **options(None, ca_file, is_own=is_own)) as session:
        assert (200, PAGE) == page_of(session, f"{url}/guests/page")
        refused = get(session, f"{url}/members/page", on_error=print, on_failure=print)

    assert refused.resp_status == 403 or isinstance(refused.error, OSError)


def page_of(session: Session, url: str) -> tuple[int | None, Any]:
    request = get(session, url)
    assert request.error is None, request.error
    return request.resp_status, request.text


def test_17_10_idle_time_is_learnt() -> None:
    """Contract 17.10: Apache says how long it keeps a connection, as it is asked to keep it; so it is closed before."""
    with tempfile.TemporaryDirectory(prefix="apache-") as name:
        folder, pages = Path(name), Path(name, "site")
        folder.chmod(0o755)
        pages.mkdir()
        (pages / "page").write_text(PAGE)
        lines = f"KeepAliveTimeout 3\n<Directory {pages}>\nRequire all granted\n</Directory>"
        with apache(folder, pages, lines) as url, Session(url, timeout=20) as session:
            request = get(session, "/page")
            ((connection,),) = session._urlrequest_shared.pool._idle.values()

    assert "timeout=3" in request.resp_headers["Keep-Alive"]
    assert 2.0 == pytest.approx(connection.idle_until - connection.idle_since)
