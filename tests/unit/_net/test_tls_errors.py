from __future__ import annotations

import errno
import ssl
from http.client import RemoteDisconnected
from itertools import count
from typing import Any

import pytest

from urlrequest._net.tls_errors import (
    add_text,
    certificate_unaccepted,
    cut_error,
    handshake_error,
    is_cut,
    receive_error,
    unreadable,
    unusable,
)


def openssl(reason: str, text: str = "text") -> ssl.SSLError:
    """An error as OpenSSL reports it."""
    error = ssl.SSLError(ssl.SSL_ERROR_SSL, f"[SSL: {reason}] {text} (_ssl.c:1006)")
    error.reason = reason
    return error


def unverified(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(ssl.SSL_ERROR_SSL, "certificate verify failed")
    error.verify_code, error.verify_message = code, "why"
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ssl.SSLEOFError(8, "EOF occurred"), True),
        (openssl("UNEXPECTED_EOF_WHILE_READING"), True),  # Python 3.11.2
        (ConnectionResetError(errno.ECONNRESET, "reset"), True),  # Python 3.13
        (BrokenPipeError(errno.EPIPE, "pipe"), True),
        (openssl("SSLV3_ALERT_BAD_RECORD_MAC"), False),
        (ssl.SSLError(1, "made by hand"), False),
        (unverified(10), False),
        (TimeoutError(errno.ETIMEDOUT, "timed out"), False),
        (OSError(errno.ENETDOWN, "down"), False),
    ],
    ids=count(),
)
def test_11_3_which_errors_are_a_cut(error: OSError, expected: bool) -> None:
    """Contract 11.3: a cut has another class in every version of Python; an alert is none."""
    assert expected is is_cut(error)


def test_11_3_a_cut_is_one_type() -> None:
    """Contract 11.3, 16.3: the error of a cut says where, and keeps the words of the one that it stands for."""
    error = cut_error(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "a.test:443")

    assert ssl.SSLEOFError is type(error)
    assert "a.test:443 ended without notice (close_notify): Connection reset by peer" == str(error)


@pytest.mark.parametrize("error", [openssl("UNEXPECTED_EOF_WHILE_READING"), ssl.SSLEOFError(8, "EOF occurred")])
def test_17_5_a_handshake_that_is_cut(error: ssl.SSLError) -> None:
    """Contract 16.1, 17.5: it is an SSLEOFError in every version, which is worth another attempt, and hints at http."""
    explained = handshake_error(error, "a.test", 8080, "nothing", speaks_tls=False)

    assert ssl.SSLEOFError is type(explained)
    assert "the TLS handshake with a.test failed: " in str(explained)
    assert str(explained).endswith("; if port 8080 does not speak TLS, its URL must begin with http://")


def test_16_1_a_reset_stays_a_reset() -> None:
    """Contract 16.1: an error of the system keeps its class, number and words."""
    error = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    assert error is handshake_error(error, "a.test", None, "nothing", speaks_tls=False)
    assert errno.ECONNRESET == error.errno
    assert "the TLS handshake with a.test failed: Connection reset by peer; if a.test does not" in str(error)


@pytest.mark.parametrize(
    "reason", ["WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"]
)
def test_16_3_what_is_no_tls(reason: str) -> None:
    """Contract 16.3: whatever a version of OpenSSL calls it, a peer that speaks no TLS brings a hint at http."""
    error = openssl(reason)

    assert error is handshake_error(error, "a.test", 80, "nothing", speaks_tls=False)
    assert f"[SSL: {reason}]" in str(error)
    assert "; port 80 does not speak TLS: perhaps its URL must begin with http://" in str(error)
    assert str(error) == error.args[1] == error.strerror


@pytest.mark.parametrize("error", [openssl("WRONG_VERSION_NUMBER"), ssl.SSLEOFError(8, "EOF occurred")])
def test_16_3_what_has_spoken_tls(error: ssl.SSLError) -> None:
    """Contract 16.3: after the first message of TLS, or in a session of before, nothing hints at http."""
    assert "http" not in str(handshake_error(error, "a.test", 80, "nothing", speaks_tls=True))


def test_16_3_other_failures_bring_no_hint() -> None:
    """Contract 16.3: an alert is TLS, so nothing hints at http."""
    text = str(handshake_error(openssl("TLSV1_ALERT_PROTOCOL_VERSION"), "a.test", 443, "nothing", speaks_tls=False))

    assert "the TLS handshake with a.test failed: [SSL: TLSV1_ALERT_PROTOCOL_VERSION] text (_ssl.c:1006)" == text


@pytest.mark.parametrize(("code", "says"), [(18, True), (19, True), (20, True), (10, False), (62, False)])
def test_16_3_what_is_trusted_is_told_where_it_matters(code: int, says: bool) -> None:
    """Contract 16.3: an unknown issuer is a matter of what is trusted; an expired certificate is not."""
    error = unverified(code)
    handshake_error(error, "a.test", 443, "the certificates in ca_file x.pem", speaks_tls=False)

    assert says is ("; trusted are the certificates in ca_file x.pem" in str(error))
    assert (code, "why") == (error.verify_code, error.verify_message)


def test_16_3_a_demand_for_a_certificate() -> None:
    """Contract 16.3: in TLS 1.3 a server says only after the handshake that it wants a certificate."""
    text = str(receive_error(openssl("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "a.test:443"))

    assert text.startswith("receiving from a.test:443: [SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED]")
    assert text.endswith("; the server demands a certificate of the client (client_cert)")


def test_13_4_a_check_of_ours_looks_like_openssls() -> None:
    """Contract 13.4, 16.1: the error of a fingerprint has what programs read of SSLCertVerificationError."""
    error = certificate_unaccepted("another one")

    assert ("another one", 50, "another one") == (str(error), error.verify_code, error.verify_message)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RemoteDisconnected("closed"), "closed; more"),
        (ConnectionResetError(104, "reset"), "[Errno 104] reset; more"),
        (ssl.SSLEOFError(8, "EOF"), "EOF; more"),
    ],
)
def test_more_text(error: Any, expected: str) -> None:
    """Text is added to errors with and without a number."""
    assert error is add_text(error, "; more")
    assert expected == str(error)


def test_16_3_a_file_that_cannot_be_opened() -> None:
    """Contract 16.3: the error names the variable, and has the path where programs look for it."""
    error = unreadable("SSL_CERT_FILE", "/x.pem", PermissionError(errno.EACCES, "Permission denied"))

    assert "/x.pem" == error.filename
    assert "[Errno 13] SSL_CERT_FILE cannot be opened: Permission denied: '/x.pem'" == str(error)


def test_16_3_a_file_that_nothing_is_known_of() -> None:
    """Contract 16.3: without a better reason, OpenSSL's own words stay."""
    error = unusable("ca_file", ("/nowhere.pem",), openssl("BAD_THING"))

    assert "ca_file /nowhere.pem cannot be used: [SSL: BAD_THING] text (_ssl.c:1006)" == str(error)
