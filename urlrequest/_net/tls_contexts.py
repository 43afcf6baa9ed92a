"""TLS contexts, one for each setting; and the warning about settings that check nothing.

Loading the certificates of a context takes as long as twenty requests, so contexts are kept and shared by all threads.
An SSLContext that nobody changes any more may be used by any number of threads.

Thread safety. Single operations of `_contexts` and `_prefetched`, a dictionary and a set, are atomic, so equal settings
have one `LazyContext` for everybody who asks. A LazyContext holds its lock while it loads: other workers that need the
same context wait for the one that began. Only workers and the loading threads that they start take this lock; a
`cancel()` never does.
"""

from __future__ import annotations

import os
import ssl
import threading
import warnings
from contextlib import contextmanager, suppress
from time import monotonic

from urlrequest.errors import InsecureRequestWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from .tls_settings import TlsSettings

__all__ = [
    "LazyContext",
    "context_for",
    "join_loaders",
    "lazy_context",
    "prefetch_context",
    "reset_after_fork",
    "warn_if_insecure",
]

MAX_CONTEXTS = 32  # contexts; a program that makes a new certificate file for each request must not fill the memory

_contexts: dict[Hashable, LazyContext] = {}
_prefetched: set[TlsSettings] = set()  # whose contexts some request has asked for
_warned_hosts: set[str] = set()


class LazyContext:
    """A context that is loaded when it is first needed, or before that on a thread.

    Attributes:
        key: What the context is made from. Equal keys have equal contexts.
        context: The context once it has been loaded, else None.
        thread: The thread that loads it ahead, or has done so; None: there is none.
    """

    def __init__(self, key: Hashable, settings: TlsSettings) -> None:
        self.key = key
        self.context = settings.ssl_context
        self._settings = settings
        self._loading = threading.Lock()
        self.thread: threading.Thread | None = None

    def prefetch(self) -> None:
        """Load the context on a thread, unless it is loaded or being loaded. Returns at once.

        OpenSSL reads the files without the GIL, so this overlaps with resolving the name and connecting.
        """
        if self.context is None and not self._loading.locked():
            thread = threading.Thread(target=self._load_ahead, name="urlrequest-tls", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # the system gives no more threads; the worker that needs the context loads it
            self.thread = thread

    def _load_ahead(self) -> None:
        try:
            self.get()
        except Exception:  # noqa: BLE001, S110 - the worker that needs the context tries again, and raises the error
            pass

    def get(self) -> ssl.SSLContext:
        """Return the context, which is loaded first if need be.

        Raises:
            OSError: A certificate file cannot be read; `ssl.SSLError` when it holds no certificate.
        """
        with self._loading:
            if self.context is None:
                self.context = _load_context(self._settings)
            return self.context


def lazy_context(settings: TlsSettings) -> LazyContext:
    """Return the one LazyContext of these settings, or a new one after a certificate file has changed.

    Raises:
        OSError: A certificate file is missing.
    """
    if settings.ssl_context is not None:
        return LazyContext(settings, settings)
    files = (*_root_files(settings), *_as_tuple(settings.client_cert))
    key = (settings, files, tuple([os.stat(file).st_mtime_ns if file else 0 for file in files]))
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


def join_loaders(timeout: float) -> None:
    """Wait for the loading threads, at most `timeout` seconds.

    At the end of the process: OpenSSL frees its state then, and no thread may be inside it.
    """
    until = monotonic() + timeout
    for lazy in list(_contexts.values()):
        if lazy.thread is not None:
            lazy.thread.join(max(0.0, until - monotonic()))


def reset_after_fork() -> None:
    """Forget, in a forked child, the contexts that a thread of the parent was loading: that thread is not here."""
    for key, lazy in list(_contexts.items()):
        if lazy.context is None:
            del _contexts[key]
    _prefetched.clear()


def _root_files(settings: TlsSettings) -> tuple[str | None, ...]:
    """The files and folders whose times tell whether the trusted certificates have changed."""
    if not settings.verify:
        return ()
    return _environment() if settings.ca_file is None else (settings.ca_file,)


def _as_tuple(client_cert: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if client_cert is None:
        return ()
    return (client_cert,) if isinstance(client_cert, str) else client_cert


def _environment() -> tuple[str | None, str | None]:
    return os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None


def _load_context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # A certificate names its hosts in subjectAltName; the common name no longer counts (RFC 9110, section 4.3.4).
    context.hostname_checks_common_name = False
    # Python 3.13 refuses private authorities without key identifiers; all versions shall judge alike (contract 13.1).
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if settings.verify:
        _load_roots(context, settings.ca_file)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.client_cert is not None:
        certificate, *key = _as_tuple(settings.client_cert)
        with _naming("client_cert", certificate):
            context.load_cert_chain(certificate, key[0] if key else None, password=_refuse_password)
    return context


def _load_roots(context: ssl.SSLContext, ca_file: str | None) -> None:
    """Trust `ca_file` alone; else what the environment names, alone; else the platform's store and certifi's."""
    if ca_file is not None:
        with _naming("ca_file", ca_file):
            context.load_verify_locations(cafile=ca_file)
        return
    file, folder = _environment()
    if file or folder:
        context.load_verify_locations(cafile=file, capath=folder)
        return
    context.load_default_certs()
    import certifi  # only https without a ca_file needs it

    context.load_verify_locations(cafile=certifi.where())


@contextmanager
def _naming(option: str, path: str) -> Iterator[None]:
    """Put the option and the path into OpenSSL's error about a file, which names neither (contract 16.3)."""
    try:
        yield
    except ssl.SSLError as error:
        raise ssl.SSLError(error.errno, f"{option} {path} cannot be used: {error.strerror}") from error


def _refuse_password() -> str:
    # Without this, OpenSSL would ask for the password on the terminal, and the worker would wait for ever.
    raise ValueError("the key of client_cert is encrypted; pass an ssl_context that has loaded it")


def warn_if_insecure(settings: TlsSettings, host: str) -> None:
    """Warn, once per host, that its certificate is not checked (contract 13.2)."""
    if settings.verify or settings.ssl_context is not None or host in _warned_hosts:
        return
    _warned_hosts.add(host)
    warnings.warn(f"verify=False: the certificate of {host} is not checked", InsecureRequestWarning, stacklevel=2)
