"""Faults 14 to 25, and contract 13: TLS on real sockets with certificates of an own authority."""

from __future__ import annotations

import datetime as dt
import hashlib
import http.client
import itertools
import os
import shutil
import socket
import ssl
import subprocess
import threading
import warnings
from http.client import RemoteDisconnected
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from faults.rows import Target, assert_ended
from support.certificates import context_of
from support.messages import chunked, reply
from support.programs import program
from urlrequest import HTTPConnection, Session, UrlRequest, defaults
from urlrequest._http1 import connection
from urlrequest._net import tls_contexts, tls_sessions
from urlrequest._net.stream import NetworkStream
from urlrequest._net.tls_settings import TlsSettings
from urlrequest.errors import IncompleteContent, InsecureRequestWarning, ProtocolError
from urlrequest.testing import Reply, Server, close, close_without_notify, hold, receive, reset, send, trickle, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.no_leaks

DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.timezone.utc)
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
IDLE = 0.15  # seconds that a server is silent
PATIENCE = 15.0  # seconds; only a failing test waits that long


def at(host: str, server: Server) -> str:
    return f"https://{host}:{server.port}/"


@pytest.fixture(autouse=True)
def _forget_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is the first with its hosts."""
    monkeypatch.setattr(tls_contexts, "_warned_hosts", set())


def valid(authority: trustme.CA, begin: dt.datetime, end: dt.datetime) -> trustme.LeafCert:
    return authority.issue_cert("localhost", not_before=begin, not_after=end)


BAD_CERTIFICATES: list[tuple[str, Callable[[trustme.CA], trustme.LeafCert], str, str]] = [
    ("14-expired", lambda ca: valid(ca, NOW - 9 * DAY, NOW - DAY), "localhost", "expired"),
    ("14-not-yet", lambda ca: valid(ca, NOW + DAY, NOW + 9 * DAY), "localhost", "not yet valid"),
    ("14-wrong-host", lambda ca: ca.issue_cert("other.test"), "localhost", "Hostname mismatch"),
    ("14-unknown-root", lambda _: trustme.CA().issue_cert("localhost"), "localhost", "issuer"),
    ("15-address-of-a-name", lambda ca: ca.issue_cert("localhost"), "127.0.0.1", "IP address mismatch"),
    ("15-other-address", lambda ca: ca.issue_cert("127.0.0.2"), "127.0.0.1", "IP address mismatch"),
    ("16-common-name-only", lambda ca: ca.issue_cert(common_name="localhost"), "localhost", "Hostname mismatch"),
    ("16-wildcard-for-a-name-of-one-label", lambda ca: ca.issue_cert("*.test"), "localhost", "Hostname mismatch"),
]


@pytest.mark.parametrize(("row", "make", "host", "says"), BAD_CERTIFICATES, ids=[bad[0] for bad in BAD_CERTIFICATES])
def test_fault_14_bad_certificate(
    authority: trustme.CA, ca_file: str, recorder: Any, target: Target, row: str, make: Any, host: str, says: str
) -> None:
    """Contract 13.1, faults 14 to 16: a certificate that is not the host's ends the request before its first octet."""
    with Server(tls=context_of(make(authority))) as server:
        server.respond("/", "secret")
        request = recorder.run(at(host, server), ca_file=ca_file, file_path=target.path)

        assert ("error", ssl.SSLCertVerificationError) == (recorder.terminal, type(request.error))
        assert says in request.error.verify_message
        assert [] == server.requests
    assert_ended(request)
    target.assert_untouched()


def test_fault_14_self_signed(recorder: Any, ca_file: str) -> None:
    """Contract 13.1, fault 14: a certificate that signed itself is not trusted; named as ca_file it is."""
    own = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with own.cert_pem.tempfile() as cert, own.private_key_pem.tempfile() as key:
        context.load_cert_chain(cert, key)
    with Server(tls=context) as server:
        request = recorder.run(server.url, ca_file=ca_file)

        assert ("error", ssl.SSLCertVerificationError) == (recorder.terminal, type(request.error))
        assert "self-signed" in request.error.verify_message.replace("self signed", "self-signed")
        assert [] == server.requests


@pytest.mark.parametrize(
    ("identity", "host"), [("127.0.0.1", "127.0.0.1"), ("localhost", "LocalHost"), ("localhost", "localhost")]
)
def test_fault_15_good_certificate(
    authority: trustme.CA, ca_file: str, recorder: Any, identity: str, host: str
) -> None:
    """Contract 13.1, fault 15: an address by its own entry and a name in any case are what the certificate says."""
    with Server(tls=context_of(authority.issue_cert(identity))) as server:
        server.play(send(reply()))

        assert "hello" == recorder.run(at(host, server), ca_file=ca_file).result


def test_fault_17_an_authority_without_key_identifiers_is_trusted(
    monkeypatch: pytest.MonkeyPatch, ca_file: str
) -> None:
    """Contract 13.1, fault 17: Pythons that are stricter than others by default judge as they do."""
    context = tls_contexts.context_for(TlsSettings(ca_file=ca_file))

    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert ssl.TLSVersion.TLSv1_2 == context.minimum_version
    assert not context.hostname_checks_common_name


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_13_1_old_tls_is_refused(authority: trustme.CA, ca_file: str, recorder: Any, version: str) -> None:
    """Contract 13.1: below TLS 1.2 there is no connection."""
    context = context_of(authority.issue_cert("localhost"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion[version]
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with Server(tls=context) as server:
        request = recorder.run(at("localhost", server), ca_file=ca_file)

        assert "error" == recorder.terminal
        assert isinstance(request.error, ssl.SSLError)
        assert [] == server.requests


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_13_1_new_tls_is_spoken(authority: trustme.CA, ca_file: str, recorder: Any, version: str) -> None:
    """Contract 13.1: TLS 1.2 and 1.3 are both good."""
    context = context_of(authority.issue_cert("localhost"))
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with Server(tls=context) as server:
        server.play(send(reply(b"a" * 100_000)))

        assert "a" * 100_000 == recorder.run(at("localhost", server), ca_file=ca_file, timeout=PATIENCE).result


HANDSHAKES = [
    ("19-stall", (hold(),), TimeoutError, "TLS handshake"),
    ("19-trickle", (trickle(itertools.repeat(b"\x16\x03\x03\x40\x00"), 1, 0.01),), TimeoutError, "TLS handshake"),
    ("20-close", (close(),), (ssl.SSLError, ConnectionError), ""),
    ("20-reset", (reset(),), (ssl.SSLError, ConnectionError), ""),
    ("20-alert", (send(b"\x15\x03\x03\x00\x02\x02\x28"),), ssl.SSLError, ""),
    ("20-plain-http", (send(reply(status="400 Bad Request")),), ssl.SSLError, ""),
    ("20-noise", (send(bytes(range(256))),), ssl.SSLError, ""),
]


@pytest.mark.parametrize(("row", "steps", "error", "says"), HANDSHAKES, ids=[row[0] for row in HANDSHAKES])
def test_fault_19_broken_handshake(
    server: Server, recorder: Any, target: Target, row: str, steps: Any, error: Any, says: str
) -> None:
    """Faults 19 and 20: whatever happens in the handshake ends the request, and no octet of it was sent."""
    server.play(*steps, read_request=False)
    timeout = IDLE if error is TimeoutError else PATIENCE
    request = recorder.run(server.url.replace("http:", "https:"), timeout=timeout, file_path=target.path)

    assert "error" == recorder.terminal
    assert isinstance(request.error, error)
    assert says in str(request.error)
    assert [] == server.requests
    assert_ended(request)
    target.assert_untouched()


@pytest.mark.parametrize(
    ("steps", "error", "says"),
    [
        (
            (send(reply(status="400 Bad Request")),),
            ssl.SSLError,
            "port {} does not speak TLS: perhaps",
        ),
        ((send(b"SSH-2.0-OpenSSH_9.2\r\n"),), ssl.SSLError, "port {} does not speak TLS: perhaps"),
        ((close(),), (ssl.SSLError, ConnectionError), "if port {} does not speak TLS, its URL must begin with http://"),
    ],
    ids=["plain-http", "another-protocol", "close"],
)
def test_fault_20_tls_to_a_plain_port(server: Server, recorder: Any, steps: Any, error: Any, says: str) -> None:
    """Fault 20, contract 16.3: the error names the host, keeps OpenSSL's words, and hints at http."""
    server.play(*steps, read_request=False)
    request = recorder.run(server.url.replace("http:", "https:"), timeout=PATIENCE)

    assert isinstance(request.error, error)
    assert "the TLS handshake with 127.0.0.1 failed: " in str(request.error)
    assert says.format(server.port) in str(request.error)
    assert "wrong version number" in str(request.error) or steps[0].name == "close()"


def test_fault_20_an_alert_of_tls_for_plain_http(server: Server, recorder: Any) -> None:
    """Fault 20, contract 16.3: a server that answers plain HTTP in TLS is known by that."""
    server.play(send(b"\x15\x03\x01\x00\x02\x02\x46"))
    request = recorder.run(server.url, timeout=PATIENCE)

    assert isinstance(request.error, ProtocolError)
    assert f"127.0.0.1:{server.port} does not speak HTTP/1" in str(request.error)
    assert "it speaks TLS: its URL must begin with https://" in str(request.error)


def test_16_3_no_hint_after_a_response(server: Server) -> None:
    """Contract 16.3: a server that has spoken HTTP on the connection before is not suspected of TLS."""
    octets = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    server.play(receive(), send(octets), receive(), close(), read_request=False)
    connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", "/")
    assert b"hello" == connection.getresponse().read()
    connection.request("GET", "/")
    with pytest.raises(ConnectionError) as caught:
        connection.getresponse()
    connection.close()

    assert "TLS" not in str(caught.value)


def test_16_3_what_a_bad_certificate_was_checked_against(
    tls_server: Server, recorder: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Contract 16.1, 16.3: the error of an unknown authority names the host, and the file or variable that decides."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    named = recorder.run(tls_server.url, ca_file=other)
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    found = recorder.run(tls_server.url)

    assert [ssl.SSLCertVerificationError] * 2 == [type(named.error), type(found.error)]
    for request, name in ((named, "ca_file"), (found, "SSL_CERT_FILE")):
        assert "the TLS handshake with 127.0.0.1 failed: [SSL: CERTIFICATE_VERIFY_FAILED]" in str(request.error)
        assert f"trusted are only the certificates in {name} {other}" in str(request.error)
        assert "unable to get local issuer certificate" == request.error.verify_message


def test_fault_20_http_to_a_tls_port(tls_server: Server, recorder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 20, contract 16.3: plain HTTP to a server that speaks TLS is an error that hints at https."""
    monkeypatch.setattr(connection, "TLS_REFUSAL_TIME", 1000.0)  # however slow the machine is
    request = recorder.run(tls_server.url.replace("https:", "http:"), timeout=PATIENCE)

    assert "error" == recorder.terminal
    assert isinstance(request.error, (ConnectionError, ssl.SSLError)) or "HTTP/1" in str(request.error)
    assert f"127.0.0.1:{tls_server.port}" in str(request.error)
    assert "its URL must begin with https://" in str(request.error)
    assert [] == tls_server.requests


ENDS = [
    ("21-no-length", OK + b"\r\nhello", IncompleteContent),
    ("21-no-length-no-body", OK + b"\r\n", IncompleteContent),
    ("21-sized", reply(length=20), IncompleteContent),
    ("21-chunked", chunked(b"5\r\nhello\r\n"), IncompleteContent),
    ("21-within-a-chunk", chunked(b"9\r\nhello"), IncompleteContent),
    ("21-head", OK, ssl.SSLEOFError),
    ("21-nothing", b"", RemoteDisconnected),
    ("22-sized", reply(), None),
    ("22-chunked", chunked(b"5\r\nhello\r\n0\r\n\r\n"), None),
]
IGNORE = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)


def hiding_context(ca_file: str) -> ssl.SSLContext:
    """A context of the user's, with the option that Debian 12's Python sets in all of them: it hides a cut."""
    context = ssl.create_default_context(cafile=ca_file)
    context.options |= IGNORE
    return context


@pytest.fixture(params=["ca_file", "ssl_context"])
def trusting(request: pytest.FixtureRequest, ca_file: str) -> Iterator[dict[str, Any]]:
    """The options of a request to `tls_server`: with a context of the library's, and with one of the user's."""
    if request.param == "ca_file":
        yield {"ca_file": ca_file}
        return
    context = hiding_context(ca_file)
    yield {"ssl_context": context}
    assert context.options & IGNORE == IGNORE  # nothing of the user's is changed (contract 2.4)


@pytest.mark.parametrize(("row", "octets", "error"), ENDS, ids=[row[0] for row in ENDS])
def test_fault_21_end_without_notice(
    tls_server: Server, recorder: Any, trusting: Any, target: Target, row: str, octets: bytes, error: Any
) -> None:
    """Faults 21 and 22, contract 11.3: a TLS connection that ends without notice (close_notify) is cut off.

    That is one type of error on every Python, whatever class it has for it, and with a context of the user's too. A
    body that is complete by its own framing needs no notice.
    """
    tls_server.play(*([send(octets)] if octets else []), close_without_notify())
    request = recorder.run(tls_server.url, file_path=target.path, **trusting)

    assert_ended(request)
    if error is None:
        assert "success" == recorder.terminal
        target.assert_replaced(b"hello")
    else:
        assert ("error", error) == (recorder.terminal, type(request.error))
        assert f"127.0.0.1:{tls_server.port}" in str(request.error)
        target.assert_untouched()


@pytest.mark.parametrize("octets", [OK + b"\r\nhello", reply(length=20), chunked(b"9\r\nhello")])
def test_fault_21_reset(tls_server: Server, recorder: Any, trusting: Any, target: Target, octets: bytes) -> None:
    """Fault 21, contract 11.3: a reset is a cut as well; over TLS not every Python tells one from the other."""
    tls_server.play(send(octets), wait_for("received"), reset())
    request = recorder.run(
        tls_server.url,
        file_path=target.path,
        chunk_size=1,
        on_progress=lambda *_: tls_server.signal("received"),
        **trusting,
    )

    assert ("error", IncompleteContent) == (recorder.terminal, type(request.error))
    assert_ended(request)
    target.assert_untouched()


@pytest.mark.parametrize("octets", [OK + b"\r\nhello", reply(length=20), chunked(b"5\r\nhello\r\n")])
def test_18_1_a_cut_and_http_clients_own_class(
    tls_server: Server, recorder: Any, ca_file: str, target: Target, octets: bytes
) -> None:
    """Contract 18.1, 11.3, fault 21: http.client asks for cuts to be hidden; our contexts report them to it, too."""
    foreign = type("Foreign", (UrlRequest,), {"get_connection_for_scheme": lambda *_: http.client.HTTPSConnection})
    tls_server.play(send(octets), close_without_notify())
    request = recorder.run(tls_server.url, cls=foreign, file_path=target.path, ca_file=ca_file)

    assert ("error", IncompleteContent) == (recorder.terminal, type(request.error))
    target.assert_untouched()


@pytest.mark.parametrize("size", [0, 300_000])
def test_13_3_a_context_that_hides_cuts_serves(tls_server: Server, recorder: Any, ca_file: str, size: int) -> None:
    """Contract 13.3: with such a context everything else is as with another: uploads, long bodies, kept connections."""
    content = bytes(range(256)) * (size // 256)
    context = hiding_context(ca_file)
    tls_server.route("/", lambda request: Reply(body=request.body, headers={"Content-Type": "image/png"}))
    for _ in range(2):
        assert content == recorder.run(tls_server.url, req_body=content, ssl_context=context).result


def test_fault_21_end_with_notice(tls_server: Server, recorder: Any, ca_file: str) -> None:
    """Fault 21: with close_notify the end of the stream is the end of a body without a length."""
    tls_server.play(send(OK + b"\r\nhello"))

    assert "hello" == recorder.run(tls_server.url, ca_file=ca_file).result


@pytest.mark.parametrize("verify", ["ca.pem", "", 0, 1, []])
def test_13_2_verify_is_a_bool(listener: socket.socket, recorder: Any, verify: Any) -> None:
    """Contract 13.2: a path as verify, as other libraries have it, is a TypeError that names ca_file."""
    request = recorder.run(url_of(listener), verify=verify)

    assert ("error", TypeError) == (recorder.terminal, type(request.error))
    assert "ca_file" in str(request.error)
    assert b"" == octets_sent_to(listener)


def fingerprint_of(certificate: trustme.LeafCert) -> str:
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


PINS = [
    ({}, True, "success"),
    ({}, False, "error"),
    ({"verify": False}, True, "success"),
    ({"verify": False}, False, "error"),
    ({"ca_file": None}, True, "error"),  # the chain is checked as well, unless verify=False
    ({"ssl_context": "own", "verify": False, "ca_file": None}, True, "success"),
    ({"ssl_context": "own"}, False, "error"),
]


@pytest.mark.filterwarnings("error::urlrequest.errors.InsecureRequestWarning")
@pytest.mark.parametrize(("more", "is_right", "outcome"), PINS)
def test_13_4_fingerprint(
    authority: trustme.CA, ca_file: str, recorder: Any, more: dict[str, Any], is_right: bool, outcome: str
) -> None:
    """Contract 13.4: with a fingerprint only that certificate is accepted, beside the chain or instead of it.

    Nothing of the request is sent to another server, and there is no warning: the certificate has been checked.
    """
    certificate = authority.issue_cert("127.0.0.1")
    expected = fingerprint_of(certificate if is_right else authority.issue_cert("127.0.0.1"))
    options = {"ca_file": ca_file, **more}
    if "ssl_context" in options:
        options["ssl_context"] = ssl.create_default_context(cafile=ca_file)
    with Server(tls=context_of(certificate)) as server:
        server.respond("/", "hello")
        request = recorder.run(server.url, fingerprint=expected, **options)

        assert outcome == recorder.terminal
        assert (outcome == "success") is bool(server.requests)
    if not is_right:
        assert isinstance(request.error, ssl.SSLCertVerificationError)
        assert f"has the fingerprint {fingerprint_of(certificate)}, not the expected {expected}" in str(request.error)
        assert str(request.error) == request.error.verify_message


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_13_4_a_resumed_session_is_checked(authority: trustme.CA, ca_file: str, recorder: Any, version: Any) -> None:
    """Contract 13.4: the certificate counts that the session was agreed on with; no resumption gets round the check."""
    certificate = authority.issue_cert("127.0.0.1")
    context = context_of(certificate)
    context.minimum_version = context.maximum_version = version
    own = ssl.create_default_context(cafile=ca_file)
    with Server(tls=context) as server:
        server.respond("/", "hello", headers={"Connection": "close"})
        unpinned = recorder.run(server.url, ssl_context=own)
        pinned = recorder.run(server.url, ssl_context=own, fingerprint=fingerprint_of(certificate))
        wrong = recorder.run(server.url, ssl_context=own, fingerprint="sha256:" + "00" * 32)

        assert ("hello", "hello") == (unpinned.result, pinned.result)
        assert isinstance(wrong.error, ssl.SSLCertVerificationError)
    assert context.session_stats()["hits"] >= 1


def test_13_4_fingerprint_of_a_session(authority: trustme.CA, ca_file: str, recorder: Any) -> None:
    """Contract 13.3, 13.4: a session's fingerprint is its requests'; a connection without it serves none of them."""
    certificate = authority.issue_cert("127.0.0.1")
    with Server(tls=context_of(certificate)) as server, Session(ca_file=ca_file) as session:
        server.respond("/", "hello")
        assert "hello" == recorder.run(server.url, session=session).result
        session.fingerprint = "sha256:" + "00" * 32
        assert isinstance(recorder.run(server.url, session=session).error, ssl.SSLCertVerificationError)
        right = recorder.run(server.url, session=session, fingerprint=fingerprint_of(certificate))

        assert "hello" == right.result


def test_13_4_a_class_that_cannot_check(listener: socket.socket, recorder: Any) -> None:
    """Contract 13.4: where a foreign connection class makes the handshake, a fingerprint is an error, never ignored."""
    foreign = type("Foreign", (UrlRequest,), {"get_connection_for_scheme": lambda *_: http.client.HTTPSConnection})
    request = recorder.run(url_of(listener), cls=foreign, fingerprint="sha256:" + "00" * 32)

    assert isinstance(request.error, ValueError)
    assert "fingerprint" in str(request.error)
    assert b"" == octets_sent_to(listener)


def chain_with_an_intermediate(authority: trustme.CA) -> tuple[ssl.SSLContext, list[bytes]]:
    """A server below an intermediate authority; the leaf and the intermediate as PEM."""
    leaf = authority.create_child_ca().issue_cert("127.0.0.1")
    return context_of(leaf), [pem.bytes() for pem in leaf.cert_chain_pems]


@pytest.mark.parametrize("number", [0, 1], ids=["leaf", "intermediate"])
def test_13_1_partial_chains(authority: trustme.CA, recorder: Any, tmp_path: Path, number: int) -> None:
    """Contract 13.1: the server's own certificate, or an intermediate authority, is trusted when ca_file names it."""
    context, pems = chain_with_an_intermediate(authority)
    path = tmp_path / "named.pem"
    path.write_bytes(pems[number])
    with Server(tls=context) as server:
        server.play(send(reply()))

        assert "hello" == recorder.run(server.url, ca_file=path).result


def test_13_1_a_named_leaf_is_for_its_host(authority: trustme.CA, recorder: Any, tmp_path: Path) -> None:
    """Contract 13.1: a certificate that is trusted by name is still checked for the host."""
    leaf = authority.issue_cert("other.test")
    path = tmp_path / "leaf.pem"
    leaf.cert_chain_pems[0].write_to_path(str(path))
    with Server(tls=context_of(leaf)) as server:
        request = recorder.run(server.url, ca_file=path)

    assert isinstance(request.error, ssl.SSLCertVerificationError)


@pytest.mark.parametrize("trusts", [True, None])
def test_13_2_verify(tls_server: Server, recorder: Any, trusts: bool | None) -> None:
    """Contract 13.2: verify=True and verify=None both check."""
    assert isinstance(recorder.run(tls_server.url, verify=trusts).error, ssl.SSLCertVerificationError)


def test_13_2_verify_false_wins_and_warns_once(
    monkeypatch: pytest.MonkeyPatch, tls_server: Server, recorder: Any, ca_file: str
) -> None:
    """Contract 13.2: verify=False checks nothing, whatever ca_file says, and warns once for each host."""
    tls_server.respond("/", "hello")
    other = at("localhost", tls_server)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for url in (tls_server.url, tls_server.url, other, other):
            assert "hello" == recorder.run(url, verify=False, ca_file=ca_file).result

    assert [InsecureRequestWarning] * 2 == [warning.category for warning in caught]
    assert ["127.0.0.1", "localhost"] == [str(warning.message).split()[-4] for warning in caught]


def test_13_2_tls_options_do_nothing_for_http(server: Server, recorder: Any, tmp_path: Path) -> None:
    """Contract 13.2: with http no certificate file is opened, and nothing is warned of."""
    server.play(send(reply()))

    missing = str(tmp_path / "missing.pem")
    assert "hello" == recorder.run(server.url, ca_file=missing, client_cert=missing, verify=False).result


def test_13_1_ca_file_is_the_only_root(
    monkeypatch: pytest.MonkeyPatch, tls_server: Server, recorder: Any, ca_file: str, tmp_path: Path
) -> None:
    """Contract 13.1: with ca_file nothing else is trusted, the environment's file not either."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)

    request = recorder.run(tls_server.url, ca_file=str(other))
    assert isinstance(request.error, ssl.SSLCertVerificationError)


def test_13_1_environment_names_the_roots(
    monkeypatch: pytest.MonkeyPatch, tls_server: Server, recorder: Any, ca_file: str, tmp_path: Path
) -> None:
    """Contract 13.1: SSL_CERT_FILE and SSL_CERT_DIR are taken when no ca_file is given, and only those."""
    tls_server.respond("/", "hello")
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    trusted = recorder.run(tls_server.url)
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    untrusted = recorder.run(tls_server.url)

    assert "hello" == trusted.result
    assert isinstance(untrusted.error, ssl.SSLCertVerificationError)


@pytest.mark.system
def test_13_1_folder_of_roots(
    monkeypatch: pytest.MonkeyPatch, tls_server: Server, recorder: Any, authority: trustme.CA, tmp_path: Path
) -> None:
    """Contract 13.1: SSL_CERT_DIR names a folder whose files are named by the hash of their subjects."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    done = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("no openssl command")
    path.rename(tmp_path / f"{done.stdout.strip()}.0")
    tls_server.play(send(reply()))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))

    assert "hello" == recorder.run(tls_server.url).result


@pytest.mark.system
def test_13_1_folders_of_roots(
    monkeypatch: pytest.MonkeyPatch, tls_server: Server, recorder: Any, authority: trustme.CA, tmp_path: Path
) -> None:
    """Contract 13.1: SSL_CERT_DIR may list folders, of which some are missing; ca_file may be such a folder."""
    empty, hashed = tmp_path / "empty", tmp_path / "hashed"
    empty.mkdir()
    hashed.mkdir()
    authority.cert_pem.write_to_path(str(hashed / "authority.pem"))
    subprocess.run([program("openssl"), "rehash", str(hashed)], check=True)
    tls_server.respond("/", "hello")

    assert "hello" == recorder.run(tls_server.url, ca_file=hashed).result
    assert isinstance(recorder.run(tls_server.url, ca_file=empty).error, ssl.SSLCertVerificationError)
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(map(str, (tmp_path / "missing", empty, hashed))))
    assert "hello" == recorder.run(tls_server.url).result


def test_13_1_a_changed_ca_file_counts(tls_server: Server, recorder: Any, ca_file: str, tmp_path: Path) -> None:
    """Contract 13.1: contexts are made once for each setting, and again when the file has changed."""
    changing = tmp_path / "changing.pem"
    trustme.CA().cert_pem.write_to_path(str(changing))
    before = recorder.run(tls_server.url, ca_file=str(changing))
    shutil.copyfile(ca_file, changing)
    tls_server.play(send(reply()))
    after = recorder.run(tls_server.url, ca_file=str(changing))

    assert isinstance(before.error, ssl.SSLCertVerificationError)
    assert "hello" == after.result


def test_13_1_certificates_are_read_while_the_host_is_looked_up(
    authority: trustme.CA, ca_file: str, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 13.1: neither waits for the other; only the handshake waits for both."""
    meeting = threading.Barrier(2, timeout=10)
    make, look_up = tls_contexts._load_context, socket.getaddrinfo

    def make_meanwhile(settings: TlsSettings) -> ssl.SSLContext:
        meeting.wait()
        return make(settings)

    def look_up_meanwhile(host: str, *rest: Any, **more: Any) -> Any:
        meeting.wait()
        return look_up(host, *rest, **more)

    monkeypatch.setattr(tls_contexts, "_contexts", {})
    monkeypatch.setattr(tls_contexts, "_prefetched", set())
    monkeypatch.setattr(tls_contexts, "_load_context", make_meanwhile)
    monkeypatch.setattr(socket, "getaddrinfo", look_up_meanwhile)
    with Server(tls=context_of(authority.issue_cert("localhost"))) as server:
        server.play(send(reply()))

        assert "hello" == recorder.run(at("localhost", server), ca_file=ca_file).result


def test_13_1_contexts_are_made_once(monkeypatch: pytest.MonkeyPatch, ca_file: str) -> None:
    """Contract 13.1: the same setting has the same context."""
    settings = TlsSettings(ca_file=ca_file)

    assert tls_contexts.context_for(settings) is tls_contexts.context_for(TlsSettings(ca_file=ca_file))
    assert tls_contexts.context_for(settings) is not tls_contexts.context_for(
        TlsSettings(ca_file=ca_file, verify=False)
    )


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that only listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        yield sock


def url_of(listener: socket.socket) -> str:
    return f"https://127.0.0.1:{listener.getsockname()[1]}/"


def octets_sent_to(listener: socket.socket) -> bytes:
    """What came over the one connection that a finished request has made, or not."""
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return b""
    with connection:
        connection.settimeout(10)
        return connection.recv(100)


BAD_FILES = [
    ("missing", None, FileNotFoundError),
    ("no-pem", b"hello", ssl.SSLError),
    ("empty", b"", ssl.SSLError),
    ("torn", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", ssl.SSLError),
]


@pytest.mark.parametrize("option", ["ca_file", "client_cert"])
@pytest.mark.parametrize(("name", "content", "error"), BAD_FILES, ids=[bad[0] for bad in BAD_FILES])
def test_16_1_bad_certificate_file(
    listener: socket.socket, recorder: Any, tmp_path: Path, option: str, name: str, content: bytes | None, error: Any
) -> None:
    """Contract 16.1: a certificate file that cannot be used is an error before anything is sent."""
    path = tmp_path / "bad.pem"
    if content is not None:
        path.write_bytes(content)
    request = recorder.run(url_of(listener), **{option: str(path)})

    assert "error" == recorder.terminal
    assert isinstance(request.error, error)
    assert "bad.pem" in str(request.error)
    assert b"" == octets_sent_to(listener)


def test_fault_25_server_name(
    authority: trustme.CA, recorder: Any, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 25, contract 9.2: an international name is sent as its A-label, and an address is not sent at all."""
    told: list[Any] = []
    context = context_of(authority.issue_cert("xn--bcher-kva.test", "127.0.0.1"))
    context.sni_callback = lambda _, name, __: told.append(name)
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1" if "test" in host else host, *rest, **more)
    )
    with Server(tls=context) as server:
        server.play(send(reply()))
        server.play(send(reply()))
        named = recorder.run(at("B\xfccher.test", server), ca_file=ca_file)
        addressed = recorder.run(at("127.0.0.1", server), ca_file=ca_file)

        assert ("hello", "hello") == (named.result, addressed.result)
        assert ["xn--bcher-kva.test", None] == told
        assert f"xn--bcher-kva.test:{server.port}" == server.requests[0].header("Host")


@pytest.fixture
def demanding(authority: trustme.CA, server_context: ssl.SSLContext) -> ssl.SSLContext:
    """The context of a server that wants to see a certificate of the client."""
    context = context_of(authority.issue_cert("127.0.0.1"))
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    return context


def test_13_3_client_certificate(
    authority: trustme.CA, demanding: ssl.SSLContext, recorder: Any, ca_file: str, tmp_path: Path
) -> None:
    """Contract 13.3: client_cert is one path, or those of the certificate and its key."""
    certificate = authority.issue_cert("client@example.test")
    both, chain, key = tmp_path / "both.pem", tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(both))
    certificate.cert_chain_pems[0].write_to_path(str(chain))
    certificate.private_key_pem.write_to_path(str(key))
    with Server(tls=demanding) as server:
        server.respond("/", "hello", headers={"Connection": "close"})
        for client_cert in (str(both), both, (str(chain), key), [chain, str(key)]):
            assert "hello" == recorder.run(server.url, ca_file=ca_file, client_cert=client_cert).result


def test_13_3_client_certificate_is_demanded(demanding: ssl.SSLContext, recorder: Any, ca_file: str) -> None:
    """Contract 16.1: without the certificate that a server demands the request ends with the system's error."""
    with Server(tls=demanding) as server:
        server.respond("/", "hello")
        request = recorder.run(server.url, ca_file=ca_file)

        assert "error" == recorder.terminal
        assert isinstance(request.error, (ssl.SSLError, ConnectionError))


@pytest.fixture
def encrypted(authority: trustme.CA, tmp_path: Path) -> Path:
    """A client certificate and its key in one file; the key has the pass phrase "secret"."""
    certificate = authority.issue_cert("client@example.test")
    key, both = tmp_path / "key.pem", tmp_path / "both.pem"
    certificate.private_key_pem.write_to_path(str(key))
    command = [program("openssl"), "pkcs8", "-topk8", "-in", str(key), "-passout", "pass:secret"]
    both.write_bytes(
        subprocess.run(command, capture_output=True, check=True).stdout + certificate.cert_chain_pems[0].bytes()
    )
    return both


@pytest.mark.system
@pytest.mark.parametrize("password", [None, "guess"])
def test_13_3_encrypted_key_is_refused(
    listener: socket.socket, recorder: Any, ca_file: str, encrypted: Path, password: str | None
) -> None:
    """Contract 13.3: a key without its pass phrase is an error, never a question on the terminal."""
    client_cert = encrypted if password is None else (encrypted, encrypted, password)
    request = recorder.run(url_of(listener), ca_file=ca_file, client_cert=client_cert)

    assert isinstance(request.error, ValueError if password is None else ssl.SSLError)
    assert "client_cert" in str(request.error)
    assert b"" == octets_sent_to(listener)


@pytest.mark.system
@pytest.mark.parametrize("password", ["secret", b"secret"], ids=["str", "bytes"])
@pytest.mark.parametrize("has_key_path", [True, False])
def test_13_3_encrypted_key_with_its_pass_phrase(
    demanding: ssl.SSLContext, recorder: Any, ca_file: str, encrypted: Path, password: str | bytes, has_key_path: bool
) -> None:
    """Contract 13.3: client_cert may be (certificate, key, password)."""
    client_cert = (encrypted, encrypted if has_key_path else None, password)
    with Server(tls=demanding) as server:
        server.respond("/", "hello")

        assert "hello" == recorder.run(server.url, ca_file=ca_file, client_cert=client_cert).result


def test_13_3_ssl_context(tls_server: Server, recorder: Any, authority: trustme.CA) -> None:
    """Contract 13.3: an ssl_context is taken as it is, instead of all other TLS options."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    tls_server.play(send(reply()))

    assert "hello" == recorder.run(tls_server.url, ssl_context=context, verify=False, ca_file="/missing").result


def test_13_1_connections_in_parallel(tls_server: Server, recorder: Any, ca_file: str) -> None:
    """Contract 13.1: one context serves many workers at once."""
    tls_server.route("/", lambda request: Reply(body=request.header("X") or ""))
    requests = [recorder.get(tls_server.url, ca_file=ca_file, req_headers={"X": number}) for number in range(20)]
    for request in requests:
        assert request.wait(timeout=20)

    assert [str(number) for number in range(20)] == [request.result for request in requests]


@pytest.mark.parametrize("in_memory", [False, True])
def test_fault_131_one_tls_session_serves_many_connections(
    tls_server: Server, recorder: Any, ca_file: str, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    """Fault 131: where CPython loses the memory of each session that is read, the first one is used again."""
    reads: list[Any] = []
    real = NetworkStream.tls_session.fget
    assert real is not None
    monkeypatch.setattr(NetworkStream, "tls_session", property(lambda stream: (reads.append(1), real(stream))[1]))
    monkeypatch.setattr(tls_sessions, "_READING_LEAKS", True)
    monkeypatch.setattr(defaults, "keep_alive", False)
    context = ssl.create_default_context(cafile=ca_file)
    if in_memory:
        context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0x80)
    tls_server.respond("/", "x")
    for _ in range(4):
        assert "x" == recorder.run(tls_server.url, ssl_context=context).result

    assert ([1], 4) == (reads, tls_server.connection_count)
