"""TLS contexts, one for each setting; and the warning about settings that check nothing.

Loading the certificates of a context takes as long as twenty requests, so contexts are kept and shared by all threads.
An SSLContext that nobody changes any more may be used by any number of threads.

Thread safety. Single operations of `_contexts` and `_prefetched`, a dictionary and a set, are atomic, so equal settings
have one `LazyContext` for everybody who asks. A LazyContext holds its lock while it loads: other workers that need the
same context wait for the one that began. Only workers and the loading threads that they start take this lock; a
`cancel()` never does.
"""

from __future__ import annotations

import errno
import os
import ssl
import sys
import warnings
from contextlib import contextmanager, suppress
from time import monotonic

from urlrequest._concurrency.sync import NoThreadError, ScopedLock, snapshot, start_thread
from urlrequest.errors import InsecureRequestWarning

from .tls_settings import parts_of_client_cert
from .tls_socket import StrictSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from .tls_settings import ClientCert, TlsSettings

__all__ = [
    "OP_IGNORE_UNEXPECTED_EOF",
    "LazyContext",
    "context_for",
    "described_trust",
    "is_loading",
    "lazy_context",
    "prefetch_context",
    "reset_after_fork",
    "warn_if_insecure",
]

# Takes a connection that is cut for one that has ended. Not there where Python's OpenSSL always reports a cut.
OP_IGNORE_UNEXPECTED_EOF: int = getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)

MAX_WARNED_HOSTS = 256  # that are remembered; with one more, all are forgotten
MAX_CONTEXTS = 32  # contexts; a program that makes a new certificate file for each request must not fill the memory

_contexts: dict[Hashable, LazyContext] = {}
_prefetched: set[TlsSettings] = set()  # whose contexts some request has asked for
_warned_hosts: set[str] = set()


class LazyContext:
    """A context that is loaded when it is first needed, or before that on a thread.

    Attributes:
        key: See `TlsSettings.context_key()`.
        settings: The options that it is for.
        context: The context once it has been loaded, else None.
    """

    def __init__(self, key: Hashable, settings: TlsSettings) -> None:
        self.key = key
        self.context = settings.ssl_context
        self.settings = settings
        self._loading = ScopedLock()

    def prefetch(self) -> None:
        """Load the context on a thread, unless it is loaded or being loaded. Returns at once.

        OpenSSL reads the files without the GIL, so this overlaps with resolving the name and connecting.
        """
        if self.context is None and not self._loading.locked():
            try:
                start_thread(self._load_ahead, "urlrequest-tls", until=monotonic())  # nobody is to wait for it
            except NoThreadError:
                pass  # the worker that needs the context loads it

    def _load_ahead(self) -> None:
        try:
            self.get()
        except Exception:  # noqa: BLE001, S110 - the worker that needs the context tries again, and raises the error
            pass

    def is_loading(self) -> bool:
        return self._loading.locked()

    def get(self) -> ssl.SSLContext:
        """Return the context, which is loaded first if need be.

        Raises:
            OSError: A certificate file cannot be read; `ssl.SSLError` when it holds no certificate.
        """
        with self._loading:
            if self.context is None:
                self.context = _load_context(self.settings)
            return self.context

    def reset_after_fork(self) -> None:
        """Make a new lock, since a thread that the fork has not copied may hold the old one. In a forked child."""
        self._loading = ScopedLock()


def lazy_context(settings: TlsSettings) -> LazyContext:
    """Return the one LazyContext of these settings, or a new one after a certificate file has changed.

    Raises:
        OSError: A certificate file is missing; the message names the option or the variable.
    """
    key = settings.context_key()
    if settings.ssl_context is not None:
        return LazyContext(key, settings)
    known = _contexts.get(key)
    if known is None:
        for oldest in list(_contexts)[: 1 - MAX_CONTEXTS]:
            _contexts.pop(oldest, None)
        known = _contexts.setdefault(key, LazyContext(key, settings))
    return known


def prefetch_context(settings: TlsSettings) -> bool:
    """Begin to load the context of settings that were not used before, on a thread; whether it has begun.

    Of known settings nothing is looked at, so that every request may ask: if a file has changed since, the request that
    needs the new context loads it. A file that is missing is no error yet.
    """
    if settings.ssl_context is not None or settings in _prefetched:
        return False
    if len(_prefetched) >= MAX_CONTEXTS:
        _prefetched.clear()
    _prefetched.add(settings)
    with suppress(OSError):
        lazy_context(settings).prefetch()
    return True


def context_for(settings: TlsSettings) -> ssl.SSLContext:
    """Return the context of these settings, loaded.

    Raises:
        OSError: A certificate file cannot be read; `ssl.SSLError` when it holds no certificate.
    """
    return lazy_context(settings).get()


def is_loading() -> bool:
    """Whether a thread reads the certificates of a context."""
    return any(lazy.is_loading() for lazy in snapshot(_contexts.values()))


def reset_after_fork() -> None:
    """Forget, in a forked child, the contexts that a thread of the parent was loading: that thread is not here."""
    for key, lazy in list(_contexts.items()):
        if lazy.context is None:
            del _contexts[key]
        else:
            lazy.reset_after_fork()
    _prefetched.clear()


def _load_context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = StrictSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # Debian 12's Python 3.11.2 sets this, and takes a connection that is cut for one that has ended (contract 11.3).
    context.options &= ~OP_IGNORE_UNEXPECTED_EOF
    # A server may ask for the client's certificate once it knows the path (RFC 8446, section 4.6.2), as Apache does.
    context.post_handshake_auth = True
    # A certificate names its hosts in subjectAltName; the common name no longer counts (RFC 9110, section 4.3.4).
    context.hostname_checks_common_name = False
    # Python 3.13 refuses private authorities without key identifiers; all versions shall judge alike (contract 13.1).
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # Whoever is named is trusted: an intermediate authority, or the server's own certificate (contract 13.1).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if settings.verify:
        _load_roots(context, settings)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.client_cert is not None:
        _load_client_cert(context, settings.client_cert)
    _log_keys(context)
    return context


def _load_roots(context: ssl.SSLContext, settings: TlsSettings) -> None:
    """Trust `ca_file` alone; else what the environment names, alone; else the platform's store and certifi's."""
    named = [file for file in settings.files() if file[0] != "client_cert"]
    if not named:
        context.load_default_certs()
        import certifi  # only https without a ca_file needs it

        context.load_verify_locations(cafile=certifi.where())
        return
    has_loaded = False
    for name, path in named:
        if name == "SSL_CERT_DIR" and not os.path.isdir(path):
            continue
        with _naming(name, path):
            if name == "SSL_CERT_DIR" or (name == "ca_file" and os.path.isdir(path)):
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        has_loaded = True
    if not has_loaded:
        folders = os.environ.get("SSL_CERT_DIR")
        raise FileNotFoundError(errno.ENOENT, "SSL_CERT_DIR names no folder that is there", folders)


def _load_client_cert(context: ssl.SSLContext, client_cert: ClientCert) -> None:
    certificate, key, password = parts_of_client_cert(client_cert)
    is_asked = False

    def pass_phrase() -> bytes:
        nonlocal is_asked
        is_asked = True
        if password is None:
            # Without this, OpenSSL would ask on the terminal, and the worker would wait for ever.
            raise ValueError("the key of client_cert is encrypted; pass (certificate, key, password)")
        return password

    with _naming("client_cert", certificate, key or certificate, was_asked=lambda: is_asked):
        context.load_cert_chain(certificate, key, password=pass_phrase)


def _log_keys(context: ssl.SSLContext) -> None:
    """Let the connections be read by Wireshark and its like, where SSLKEYLOGFILE asks for it, as Python's own do."""
    path = os.environ.get("SSLKEYLOGFILE")
    if path and not sys.flags.ignore_environment:
        with _naming("SSLKEYLOGFILE", path):
            context.keylog_filename = path


@contextmanager
def _naming(name: str, *paths: str, was_asked: Callable[[], bool] = bool) -> Iterator[None]:
    """Put the option or variable and the paths into an error about files, which may name neither (contract 16.3).

    Args:
        was_asked: Whether OpenSSL has asked for a pass phrase.
    """
    try:
        yield
    except ssl.SSLError as error:
        from .tls_errors import unusable  # few programs have such an error

        raise unusable(name, paths, error, was_asked=was_asked()) from None
    except OSError as error:
        from .tls_errors import unreadable

        raise unreadable(name, ", ".join(paths), error) from None


def described_trust(settings: TlsSettings) -> str:
    """What the certificates of servers are checked against, for messages."""
    if settings.ssl_context is not None:
        return "the certificates in ssl_context"
    named = [f"{name} {path}" for name, path in settings.files() if name != "client_cert"]
    trusted = f"only the certificates in {', '.join(named)}"
    if not named:
        trusted = "the certificates of the platform and of certifi"
    return trusted if settings.ca_file is not None else f"{trusted}; ca_file names others"


def warn_if_insecure(settings: TlsSettings, host: str) -> None:
    """Warn, once per host, that its certificate is not checked (contract 13.2); by its fingerprint it is."""
    if settings.verify or settings.ssl_context is not None or settings.fingerprint is not None:
        return
    if host in _warned_hosts:
        return
    if len(_warned_hosts) >= MAX_WARNED_HOSTS:
        _warned_hosts.clear()  # redirects may lead to one host after the other
    _warned_hosts.add(host)
    text = f"verify=False: the certificate of {host} is not checked"
    # No line of the program is on this thread's stack, and one of the library would mislead.
    warnings.warn_explicit(text, InsecureRequestWarning, "<urlrequest>", 1, module="urlrequest")
