"""Faults 14 to 25, and contract 13: TLS on real sockets with certificates of an own authority."""

from __future__ import annotations

import datetime as dt
import itertools
import shutil
import socket
import ssl
import subprocess
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from faults.rows import Target, assert_ended
from support.certificates import context_of
from support.messages import chunked, reply
from urlrequest._net import tls_contexts
from urlrequest._net.tls_settings import TlsSettings
from urlrequest.errors import InsecureRequestWarning
from urlrequest.testing import Reply, Server, close, close_without_notify, hold, reset, send, trickle

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


def test_fault_20_http_to_a_tls_port(tls_server: Server, recorder: Any) -> None:
    """Fault 20: plain HTTP to a server that speaks TLS is an error."""
    request = recorder.run(tls_server.url.replace("https:", "http:"), timeout=PATIENCE)

    assert "error" == recorder.terminal
    assert isinstance(request.error, (ConnectionError, ssl.SSLError)) or "HTTP/1" in str(request.error)
    assert [] == tls_server.requests


ENDS = [
    ("21-no-length", OK + b"\r\nhello", False),
    ("21-sized", reply(length=20), False),
    ("21-chunked", chunked(b"5\r\nhello\r\n"), False),
    ("21-head", OK, False),
    ("22-sized", reply(), True),
    ("22-chunked", chunked(b"5\r\nhello\r\n0\r\n\r\n"), True),
]


@pytest.mark.parametrize(("row", "octets", "is_complete"), ENDS, ids=[row[0] for row in ENDS])
def test_fault_21_end_without_notice(
    tls_server: Server, recorder: Any, ca_file: str, target: Target, row: str, octets: bytes, is_complete: bool
) -> None:
    """Faults 21 and 22, contract 11.3: a TLS connection that ends without notice (close_notify) is cut off.

    A body that is complete by its own framing needs no notice.
    """
    tls_server.play(send(octets), close_without_notify())
    request = recorder.run(tls_server.url, ca_file=ca_file, file_path=target.path)

    assert_ended(request)
    if is_complete:
        assert "success" == recorder.terminal
        target.assert_replaced(b"hello")
    else:
        assert "error" == recorder.terminal
        assert isinstance(request.error, (ssl.SSLError, ConnectionError)) or "closed" in str(request.error)
        target.assert_untouched()


def test_fault_21_end_with_notice(tls_server: Server, recorder: Any, ca_file: str) -> None:
    """Fault 21: with close_notify the end of the stream is the end of a body without a length."""
    tls_server.play(send(OK + b"\r\nhello"))

    assert "hello" == recorder.run(tls_server.url, ca_file=ca_file).result


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


def test_13_3_encrypted_key_is_refused(
    authority: trustme.CA, listener: socket.socket, recorder: Any, ca_file: str, tmp_path: Path
) -> None:
    """Contract 13.3: a key with a password is an error, never a question on the terminal."""
    certificate = authority.issue_cert("client@example.test")
    key, both = tmp_path / "key.pem", tmp_path / "both.pem"
    certificate.private_key_pem.write_to_path(str(key))
    command = ["openssl", "pkcs8", "-topk8", "-in", str(key), "-passout", "pass:secret"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no openssl command")
    both.write_bytes(done.stdout + certificate.cert_chain_pems[0].bytes())
    request = recorder.run(url_of(listener), ca_file=ca_file, client_cert=str(both))

    assert isinstance(request.error, (ValueError, ssl.SSLError))
    assert b"" == octets_sent_to(listener)


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
