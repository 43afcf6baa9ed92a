from __future__ import annotations

import os
import re
import ssl
import threading
import warnings
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any
from weakref import WeakSet

import certifi
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from support.waiting import PATIENCE, wait_until
from urlrequest._concurrency import sync
from urlrequest._concurrency.sync import join_threads
from urlrequest._net import tls_contexts
from urlrequest._net.tls_contexts import (
    context_for,
    described_trust,
    lazy_context,
    prefetch_context,
    reset_after_fork,
    warn_if_insecure,
)
from urlrequest._net.tls_settings import TlsSettings, check_tls
from urlrequest.errors import InsecureRequestWarning

IGNORE = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0x80)


@pytest.fixture(autouse=True)
def _no_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test begins without contexts and without warned hosts."""
    monkeypatch.setattr(tls_contexts, "_contexts", {})
    monkeypatch.setattr(tls_contexts, "_prefetched", set())
    monkeypatch.setattr(tls_contexts, "_warned_hosts", set())


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Which certificates contexts are asked to trust."""
    noted: list[Any] = []

    load = ssl.SSLContext.load_verify_locations

    def note(context: ssl.SSLContext, cafile: Any = None, capath: Any = None) -> None:
        noted.append((cafile, capath))
        load(context, cafile=cafile, capath=capath)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", note)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda context: noted.append("platform"))
    return noted


@pytest.fixture
def other_ca(tmp_path: Path) -> str:
    path = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def client_cert(tmp_path: Path, authority: trustme.CA) -> tuple[str, str]:
    """A certificate and its key."""
    issued = authority.issue_cert("client")
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    return str(certificate), str(key)


# Contexts


def test_13_1_contexts_check_everything() -> None:
    """Contract 13.1: at least TLS 1.2, certificate and host name checked, the common name not, alike in all Pythons."""
    context = context_for(TlsSettings())

    assert ssl.TLSVersion.TLSv1_2 == context.minimum_version
    assert ssl.CERT_REQUIRED == context.verify_mode
    assert context.check_hostname
    assert not context.hostname_checks_common_name
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert context.post_handshake_auth


@pytest.mark.parametrize("settings", [TlsSettings(), TlsSettings(verify=False)], ids=count())
def test_11_3_contexts_hide_no_cut(monkeypatch: pytest.MonkeyPatch, settings: TlsSettings) -> None:
    """Contract 11.3: the option that hides a cut, which Debian 12's Python sets in every context, is cleared."""
    monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", lambda context, _: add_option(context))

    assert not context_for(settings).options & IGNORE


def add_option(context: ssl.SSLContext) -> None:
    context.options |= IGNORE


@pytest.mark.parametrize("ca_file", [None, "given"])
def test_13_2_verify_false_checks_nothing(ca_file: str | None, other_ca: str) -> None:
    """Contract 13.2: verify=False wins over ca_file; TLS 1.2 is the least all the same."""
    context = context_for(TlsSettings(ca_file and other_ca, verify=False))

    assert ssl.CERT_NONE == context.verify_mode
    assert not context.check_hostname
    assert ssl.TLSVersion.TLSv1_2 == context.minimum_version


def test_13_1_platform_and_certifi(calls: list[Any]) -> None:
    """Contract 13.1: where nothing is said, the platform's store and certifi's are trusted."""
    context_for(TlsSettings())

    assert ["platform", (certifi.where(), None)] == calls


def test_13_1_ca_file_alone(calls: list[Any], ca_file: str, monkeypatch: pytest.MonkeyPatch, other_ca: str) -> None:
    """Contract 13.1: with ca_file only it is trusted, whatever the environment says."""
    monkeypatch.setenv("SSL_CERT_FILE", other_ca)
    context_for(TlsSettings(ca_file))

    assert [(ca_file, None)] == calls


@pytest.mark.parametrize("names", [["SSL_CERT_FILE"], ["SSL_CERT_DIR"], ["SSL_CERT_FILE", "SSL_CERT_DIR"]], ids=count())
def test_13_1_environment_alone(
    calls: list[Any], ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    """Contract 13.1: SSL_CERT_FILE and SSL_CERT_DIR replace the platform's store and certifi's."""
    values = {"SSL_CERT_FILE": ca_file, "SSL_CERT_DIR": str(tmp_path)}
    for name in names:
        monkeypatch.setenv(name, values[name])
    context_for(TlsSettings())

    told = {"SSL_CERT_FILE": (ca_file, None), "SSL_CERT_DIR": (None, str(tmp_path))}
    assert [told[name] for name in names] == calls


def test_13_1_a_list_of_folders(calls: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Contract 13.1: SSL_CERT_DIR is a list; folders that are not there are skipped, and seen once they are."""
    first, second, missing = tmp_path / "first", tmp_path / "second", tmp_path / "missing"
    for folder in (first, second):
        folder.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join(map(str, (first, missing, "", second))))
    before = context_for(TlsSettings())

    assert [(None, str(first)), (None, str(second))] == calls
    missing.mkdir()
    assert before is not context_for(TlsSettings())


def test_13_1_no_folder_at_all(monkeypatch: pytest.MonkeyPatch, ca_file: str, tmp_path: Path) -> None:
    """Contract 13.1, 16.3: where no folder of SSL_CERT_DIR is there, nothing would be trusted: that is an error."""
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join((str(tmp_path / "one"), str(tmp_path / "two"))))
    with pytest.raises(FileNotFoundError, match=r"SSL_CERT_DIR names no folder that is there: .*one"):
        context_for(TlsSettings())
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)

    assert context_for(TlsSettings())


def test_13_1_ca_file_may_be_a_folder(calls: list[Any], tmp_path: Path) -> None:
    """Contract 13.1: a folder whose files are named by the hash of their subjects serves as ca_file."""
    context_for(TlsSettings(str(tmp_path)))

    assert [(None, str(tmp_path))] == calls


def test_13_1_keys_are_logged_where_the_environment_asks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Contract 13.1: SSLKEYLOGFILE works as with the contexts that Python makes; an error names it."""
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))

    assert str(log) == context_for(TlsSettings(verify=False)).keylog_filename
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "missing" / "keys.log"))
    with pytest.raises(FileNotFoundError, match=r"SSLKEYLOGFILE cannot be opened.*missing"):
        context_for(TlsSettings())


def test_13_1_an_empty_variable_is_none(calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is there but empty says nothing."""
    monkeypatch.setenv("SSL_CERT_FILE", "")
    context_for(TlsSettings())

    assert "platform" == calls[0]


@pytest.mark.parametrize("verify", [True, False])
def test_13_2_variables_that_are_not_used_do_no_harm(
    verify: bool, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract 13.1, 13.2: with ca_file or verify=False it does not matter where SSL_CERT_FILE points."""
    monkeypatch.setenv("SSL_CERT_FILE", "nowhere.pem")

    assert context_for(TlsSettings(ca_file) if verify else TlsSettings(verify=False))


def test_13_2_verify_false_does_not_look_at_ca_file() -> None:
    """Contract 13.2: verify=False wins over a ca_file that is not even there."""
    assert context_for(TlsSettings("nowhere.pem", verify=False))


def test_13_1_contexts_are_made_once(ca_file: str, other_ca: str) -> None:
    """Contract 13.1: the same setting has the same context, another one another."""
    first = context_for(TlsSettings(ca_file))

    assert first is context_for(check_tls(ca_file.encode(), None, None, None))
    assert first is not context_for(TlsSettings(other_ca))
    assert first is not context_for(TlsSettings(verify=False))


def test_13_1_a_changed_file_is_read_again(ca_file: str, tmp_path: Path) -> None:
    """Contract 13.1: a certificate file that has changed makes a new context."""
    path = tmp_path / "ca.pem"
    path.write_bytes(Path(ca_file).read_bytes())
    first = context_for(TlsSettings(str(path)))
    os.utime(path, ns=(1, 1))
    second = context_for(TlsSettings(str(path)))

    assert first is not second
    assert second is context_for(TlsSettings(str(path)))


def test_13_1_a_changed_environment_is_seen(ca_file: str, other_ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 13.1: a program may set the variables while it runs."""
    contexts = []
    for value in (ca_file, other_ca, ca_file):
        monkeypatch.setenv("SSL_CERT_FILE", value)
        contexts.append(context_for(TlsSettings()))

    assert contexts[0] is contexts[2]
    assert contexts[0] is not contexts[1]


def test_contexts_do_not_pile_up(ca_file: str, tmp_path: Path) -> None:
    """A program that makes a new certificate file for each request does not fill the memory."""
    for number in range(40):
        path = tmp_path / f"{number}.pem"
        path.write_bytes(Path(ca_file).read_bytes())
        context_for(TlsSettings(str(path)))

    assert tls_contexts.MAX_CONTEXTS == 32 == len(tls_contexts._contexts)
    newest = next(reversed(tls_contexts._contexts.values()))
    assert str(tmp_path / "39.pem") == newest.settings.ca_file


def test_13_3_a_context_of_ones_own() -> None:
    """Contract 13.3: ssl_context is used as it is, instead of everything else."""
    mine = ssl.create_default_context()

    assert mine is context_for(TlsSettings("nowhere", verify=False, ssl_context=mine))


def test_13_3_client_cert(client_cert: tuple[str, str], tmp_path: Path) -> None:
    """Contract 13.3: certificate and key lie in two files or in one."""
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(Path(path).read_bytes() for path in client_cert))

    assert context_for(TlsSettings(client_cert=client_cert))
    assert context_for(TlsSettings(client_cert=str(both)))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (TlsSettings("nowhere.pem"), FileNotFoundError),
        (TlsSettings(client_cert="nowhere.pem"), FileNotFoundError),
        (TlsSettings(__file__), ssl.SSLError),
        (TlsSettings(client_cert=__file__), ssl.SSLError),
    ],
    ids=count(),
)
def test_16_1_files_that_cannot_be_used(settings: TlsSettings, error: type[Exception]) -> None:
    """Contract 16.1, 16.3: a file that is absent or holds no certificate is the system's error, and names the file."""
    with pytest.raises(error) as caught:
        context_for(settings)

    assert str(settings.ca_file or settings.client_cert) in str(caught.value)
    assert [] == [lazy for lazy in tls_contexts._contexts.values() if lazy.context is not None]


@pytest.fixture
def encrypted(client_cert: tuple[str, str]) -> tuple[str, str]:
    """A certificate and its key, which has the pass phrase "secret"."""
    key = serialization.load_pem_private_key(Path(client_cert[1]).read_bytes(), None)
    Path(client_cert[1]).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    return client_cert


def test_13_3_an_encrypted_key_asks_nobody(encrypted: tuple[str, str]) -> None:
    """Contract 13.3: an encrypted key without a pass phrase is an error, no question on the terminal."""
    with pytest.raises(ValueError, match=r"key of client_cert is encrypted; pass \(certificate, key, password\)"):
        context_for(TlsSettings(client_cert=encrypted))


def test_13_3_a_pass_phrase(encrypted: tuple[str, str], tmp_path: Path) -> None:
    """Contract 13.3: with its pass phrase an encrypted key is read, from a file of its own or with the certificate."""
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(Path(path).read_bytes() for path in encrypted))

    assert context_for(TlsSettings(client_cert=(*encrypted, b"secret")))
    assert context_for(TlsSettings(client_cert=(str(both), None, b"secret")))


def test_16_3_a_wrong_pass_phrase(encrypted: tuple[str, str]) -> None:
    """Contract 16.3: OpenSSL says "PEM lib" only; the error says what is wrong, names the files, and no pass phrase."""
    with pytest.raises(ssl.SSLError, match=r"client_cert .*client\.key cannot be used: the password") as caught:
        context_for(TlsSettings(client_cert=(*encrypted, b"guess")))

    assert "guess" not in str(caught.value)


def test_16_3_the_key_of_another_certificate(encrypted: tuple[str, str], authority: trustme.CA, tmp_path: Path) -> None:
    """Contract 16.3: a password that has opened a key is not blamed for what is wrong with the pair."""
    other = tmp_path / "other.pem"
    authority.issue_cert("other").cert_chain_pems[0].write_to_path(other)
    with pytest.raises(ssl.SSLError, match=r"^client_cert .* cannot be used: .*key values mismatch") as caught:
        context_for(TlsSettings(client_cert=(str(other), encrypted[1], b"secret")))

    assert "password" not in str(caught.value)


def test_13_3_pkcs_12(client_cert: tuple[str, str], tmp_path: Path) -> None:
    """Contract 13.3, 16.3: Python cannot read a PKCS#12 file; the error says so, and how to convert it."""
    path = tmp_path / "client.p12"
    key = serialization.load_pem_private_key(Path(client_cert[1]).read_bytes(), None)
    certificate = x509.load_pem_x509_certificate(Path(client_cert[0]).read_bytes())
    encryption = serialization.BestAvailableEncryption(b"secret")
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"me", key, certificate, None, encryption))  # type: ignore[arg-type]  # a key of RSA or EC
    for given in (str(path), (str(path), str(path), b"secret")):
        with pytest.raises(ssl.SSLError, match=rf"PKCS#12.*openssl pkcs12 -in {path} -out client.pem"):
            context_for(TlsSettings(client_cert=given))


FAULTY = [
    (b"", "is empty"),
    (b"hello", "holds no PEM text"),
    (b"0\x82\x01\x00der", "is in DER form, not PEM; `openssl x509 -inform der"),
]


@pytest.mark.parametrize("option", ["ca_file", "client_cert"])
@pytest.mark.parametrize(("content", "says"), FAULTY, ids=count())
def test_16_3_what_is_wrong_with_a_file(tmp_path: Path, option: str, content: bytes, says: str) -> None:
    """Contract 16.3: the error of a certificate file names the option and the file, and says what is wrong with it."""
    path = tmp_path / "bad.pem"
    path.write_bytes(content)
    with pytest.raises(ssl.SSLError, match=f"^{option} {path} cannot be used: {path} {says}"):
        context_for(check_tls(**{"ca_file": None, "client_cert": None, option: path}, verify=None, ssl_context=None))


def test_16_3_a_certificate_without_its_key(client_cert: tuple[str, str], ca_file: str) -> None:
    """Contract 16.3: a client certificate without a key says that one is missing; two paths are two files already."""
    with pytest.raises(ssl.SSLError, match=r"there is no private key in it; client_cert=\(certificate, key\)"):
        context_for(TlsSettings(client_cert=client_cert[0]))
    with pytest.raises(ssl.SSLError, match=r"there is no private key in it$"):
        context_for(TlsSettings(client_cert=(client_cert[0], ca_file)))


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "ca_file", "client_cert"])
def test_16_3_a_missing_file_and_who_names_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Contract 16.1, 16.3: a file that is not there is FileNotFoundError; the message says who names it."""
    if name == "SSL_CERT_FILE":
        monkeypatch.setenv(name, "/nowhere.pem")
    options = {} if name == "SSL_CERT_FILE" else {name: "/nowhere.pem"}
    with pytest.raises(FileNotFoundError, match=f"{name} cannot be opened: .*: '/nowhere.pem'") as caught:
        context_for(TlsSettings(**options))  # type: ignore[arg-type]  # a path

    assert "/nowhere.pem" == caught.value.filename


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (TlsSettings(), "the certificates of the platform and of certifi; ca_file names others"),
        (TlsSettings("ca.pem", "me.pem"), "only the certificates in ca_file ca.pem"),
        (TlsSettings(ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)), "the certificates in ssl_context"),
    ],
    ids=count(),
)
def test_16_3_what_is_trusted(settings: TlsSettings, says: str) -> None:
    """Contract 16.3: messages say what a certificate was checked against."""
    assert says == described_trust(settings)


def test_16_3_what_the_environment_trusts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 16.3: a variable that decides what is trusted is named."""
    monkeypatch.setenv("SSL_CERT_FILE", "some.pem")

    assert "only the certificates in SSL_CERT_FILE some.pem; ca_file names others" == described_trust(TlsSettings())


def test_threads_may_ask_at_once(ca_file: str) -> None:
    """Threads that ask for a new setting at once all get a context, and later ones the one that was kept."""
    start, found = threading.Barrier(4), []

    def ask() -> None:
        start.wait()
        found.append(context_for(TlsSettings(ca_file)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 4 == len(found)
    assert context_for(TlsSettings(ca_file)) in found


# The warning


def test_13_2_one_warning_per_host() -> None:
    """Contract 13.2: verify=False warns once for each host."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for host in ("a.test", "a.test", "b.test"):
            warn_if_insecure(TlsSettings(verify=False), host)

    assert [InsecureRequestWarning] * 2 == [warning.category for warning in caught]
    assert ["a.test", "b.test"] == [re.findall(r"\w\.test", str(warning.message))[0] for warning in caught]


def test_13_2_few_hosts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contract 13.2: the hosts that were warned of are forgotten when they are many, as redirects may lead to any."""
    monkeypatch.setattr(tls_contexts, "_warned_hosts", set())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(2 * tls_contexts.MAX_WARNED_HOSTS):
            warn_if_insecure(TlsSettings(verify=False), f"h{number}.test")

    assert len(tls_contexts._warned_hosts) <= tls_contexts.MAX_WARNED_HOSTS


@pytest.mark.parametrize(
    "settings",
    [
        TlsSettings(),
        TlsSettings(verify=False, ssl_context=ssl.create_default_context()),
        TlsSettings(verify=False, fingerprint="00" * 32),
    ],
    ids=count(),
)
def test_13_2_no_warning_without_cause(settings: TlsSettings) -> None:
    """Contract 13.2, 13.4: who checks, by the chain or by a fingerprint, or brings a context, is not warned."""
    warn_if_insecure(settings, "a.test")


class SlowLoading:
    """Contexts whose loading takes until a test lets it end.

    Attributes:
        threads: The names of those that loaded one.
    """

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.threads: list[str] = []
        self._load = tls_contexts._load_context

    def load(self, settings: TlsSettings) -> ssl.SSLContext:
        self.threads.append(threading.current_thread().name)
        self.began.set()
        assert self.may_end.wait(PATIENCE)
        return self._load(settings)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowLoading:
    """Make all contexts of a test load slowly."""
    slow = SlowLoading()
    monkeypatch.setattr(tls_contexts, "_load_context", slow.load)
    return slow


def test_13_1_workers_that_begin_together_share_a_context(
    monkeypatch: pytest.MonkeyPatch, slow: SlowLoading, ca_file: str
) -> None:
    """A context is made once, however many workers ask for it first: else none could use the other's connections."""
    monkeypatch.setattr(tls_contexts, "_contexts", {})
    contexts: list[ssl.SSLContext] = []
    workers = [threading.Thread(target=lambda: contexts.append(context_for(TlsSettings(ca_file)))) for _ in range(4)]
    for worker in workers:
        worker.start()
    assert slow.began.wait(PATIENCE)
    slow.may_end.set()
    for worker in workers:
        worker.join()

    assert 1 == len(slow.threads)
    assert 1 == len(set(map(id, contexts)))
    assert 4 == len(contexts)


def test_13_1_a_context_is_made_meanwhile(slow: SlowLoading, ca_file: str) -> None:
    """A worker goes on while a thread loads the context, and waits for it only when it is needed."""
    lazy = lazy_context(TlsSettings(ca_file))
    lazy.prefetch()
    assert slow.began.wait(PATIENCE)
    lazy.prefetch()  # as by another worker
    slow.may_end.set()

    assert lazy.get() is context_for(TlsSettings(ca_file))
    assert ["urlrequest-tls"] == slow.threads


def test_16_1_a_context_that_fails_meanwhile_fails_where_it_is_needed(tmp_path: Path) -> None:
    """Contract 16.1: an error that the loading thread meets is raised again to the request that needs the context."""
    path = tmp_path / "bad.pem"
    path.write_text("no certificate")
    lazy = lazy_context(TlsSettings(str(path)))
    lazy.prefetch()
    wait_until(lambda: not lazy.is_loading())

    with pytest.raises(ssl.SSLError, match=r"bad\.pem"):
        lazy.get()


def test_13_1_settings_are_prefetched_once(slow: SlowLoading, ca_file: str) -> None:
    """Every request asks for its context to be prefetched; only the first with these settings begins to load it."""
    settings = TlsSettings(ca_file)
    assert prefetch_context(settings)
    assert slow.began.wait(PATIENCE)
    assert not prefetch_context(settings)
    slow.may_end.set()

    assert isinstance(context_for(settings), ssl.SSLContext)
    assert ["urlrequest-tls"] == slow.threads


def test_13_1_prefetched_settings_take_no_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A program that names another file with each request does not fill the memory; a missing file is no error yet."""
    for number in range(3 * tls_contexts.MAX_CONTEXTS):
        assert prefetch_context(TlsSettings(str(tmp_path / str(number))))

    assert len(tls_contexts._prefetched) <= tls_contexts.MAX_CONTEXTS


def test_13_3_context_of_the_user_is_not_prefetched() -> None:
    """An ssl_context is there already, and is not kept alive."""
    assert not prefetch_context(TlsSettings(ssl_context=ssl.create_default_context()))
    assert set() == tls_contexts._prefetched


def test_contexts_are_waited_for_at_the_end(slow: SlowLoading, ca_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process does not end while a thread is within OpenSSL, unless that takes too long."""
    monkeypatch.setattr(sync, "_threads", WeakSet())
    lazy = lazy_context(TlsSettings(ca_file))
    lazy.prefetch()
    assert slow.began.wait(PATIENCE)
    join_threads(monotonic() + 0.01)
    assert lazy.context is None
    slow.may_end.set()
    join_threads(monotonic() + PATIENCE)

    assert lazy.context is not None


def test_13_1_a_context_without_a_thread(monkeypatch: pytest.MonkeyPatch, ca_file: str) -> None:
    """Where the system gives no more threads, a context is made by the worker that needs it."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    lazy = lazy_context(TlsSettings(ca_file))
    lazy.prefetch()

    assert isinstance(lazy.get(), ssl.SSLContext)


def test_13_1_a_forked_child_waits_for_nobody(ca_file: str) -> None:
    """In a forked child, a context that a thread of the parent was making is made afresh."""
    lazy = lazy_context(TlsSettings(ca_file))
    done = context_for(TlsSettings(verify=False))
    with lazy._loading:
        reset_after_fork()

        assert lazy is not lazy_context(TlsSettings(ca_file))
        assert isinstance(context_for(TlsSettings(ca_file)), ssl.SSLContext)
    assert done is context_for(TlsSettings(verify=False))
