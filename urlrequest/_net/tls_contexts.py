"""TLS settings and the contexts made from them, one per setting.

Making a context reads some hundred certificates, which takes as long as twenty requests; so contexts are kept, and
shared by all threads (an SSLContext that nobody changes any more is safe to share).

Thread safety. `_contexts` is a dictionary whose single operations are atomic, so a key has one `LazyContext` for all
who ask. Its lock is held while the context is made: workers that need it at once wait for the one that began. Workers
and the threads that they start here come, never a canceller.
"""

from __future__ import annotations

import os
import ssl
import threading
import warnings
from contextlib import contextmanager
from functools import lru_cache
from time import monotonic

from urlrequest.errors import InsecureRequestWarning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

__all__ = [
    "LazyContext",
    "TlsSettings",
    "check_tls",
    "context_for",
    "join_loaders",
    "lazy_context",
    "reset_loaders",
    "warn_if_insecure",
]

_CONTEXT_LIMIT = 32  # contexts; a program that makes a new certificate file for each request must not fill the memory

_contexts: dict[Hashable, LazyContext] = {}
_warned_hosts: set[str] = set()


class TlsSettings:
    """What the user asked for (contract 13), as a value. Connections with different settings are never shared."""

    __slots__ = ("_all", "ca_file", "client_cert", "ssl_context", "verify")

    def __init__(
        self,
        ca_file: str | None = None,
        client_cert: str | tuple[str, ...] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        *,
        verify: bool = True,
    ) -> None:
        self.ca_file = ca_file
        self.verify = verify
        self.client_cert = client_cert
        self.ssl_context = ssl_context
        self._all = (ca_file, verify, client_cert, ssl_context)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TlsSettings) and self._all == other._all

    def __hash__(self) -> int:
        return hash(self._all)


# One object for equal settings: plans, contexts and connections are looked up by them, which is faster by identity.
_known_settings = lru_cache(maxsize=_CONTEXT_LIMIT)(TlsSettings)


def check_tls(ca_file: object, verify: object, client_cert: object, ssl_context: object) -> TlsSettings:
    """Return the settings given by the user.

    Raises:
        TypeError: One of them is of the wrong type.
    """
    if ca_file is not None:
        ca_file = _path("ca_file", ca_file)
    if client_cert is not None:
        if isinstance(client_cert, tuple | list):
            if len(client_cert) != 2:
                raise TypeError(f"client_cert has {len(client_cert)} items; a path or (certificate, key) is needed")
            client_cert = tuple(_path("client_cert", part) for part in client_cert)
        else:
            client_cert = _path("client_cert", client_cert)
    if ssl_context is not None and not isinstance(ssl_context, ssl.SSLContext):
        raise TypeError(f"ssl_context is {type(ssl_context).__name__}; an ssl.SSLContext is needed")
    has_checks = verify is None or bool(verify)
    if ssl_context is not None:
        return TlsSettings(ca_file, client_cert, ssl_context, verify=has_checks)  # the user's is not to be kept alive
    return _known_settings(ca_file, client_cert, verify=has_checks)


def _path(name: str, value: object) -> str:
    if isinstance(value, bool | int) or not isinstance(value, str | bytes | os.PathLike):
        raise TypeError(f"{name} is {type(value).__name__}; a path is needed")
    return os.fsdecode(value)


class LazyContext:
    """A context that is made when it is first needed, or on a thread meanwhile.

    Attributes:
        key: What it is made from. Equal keys have equal contexts.
        thread: The one that makes it, or has made it.
    """

    def __init__(self, key: Hashable, settings: TlsSettings) -> None:
        self.key = key
        self.context = settings.ssl_context
        self._settings = settings
        self._making = threading.Lock()
        self.thread: threading.Thread | None = None

    def begin(self) -> None:
        """Make it on a thread, while the host is looked up and connected: its files are read without the GIL."""
        if self.context is None and not self._making.locked():
            thread = threading.Thread(target=self._try_to_finish, name="urlrequest-tls", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # the system gives no more threads: whoever needs it makes it
            self.thread = thread

    def _try_to_finish(self) -> None:
        try:
            self.finish()
        except Exception:  # noqa: BLE001, S110 - whoever needs it tries again, and is told
            pass

    def finish(self) -> ssl.SSLContext:
        """The context.

        Raises:
            OSError: A certificate file cannot be read; `ssl.SSLError` when it holds no certificate.
        """
        with self._making:
            if self.context is None:
                self.context = _make_context(self._settings)
            return self.context


def lazy_context(settings: TlsSettings) -> LazyContext:
    """The context for a setting: the one there is, unless a certificate file has changed.

    Raises:
        OSError: A certificate file is missing.
    """
    if settings.ssl_context is not None:
        return LazyContext(settings, settings)
    files = (*_root_files(settings), *_as_tuple(settings.client_cert))
    key = (settings, files, tuple([os.stat(file).st_mtime_ns if file else 0 for file in files]))
    pending = _contexts.get(key)
    if pending is None:
        for oldest in list(_contexts)[: 1 - _CONTEXT_LIMIT]:
            _contexts.pop(oldest, None)
        pending = _contexts.setdefault(key, LazyContext(key, settings))
    return pending


def context_for(settings: TlsSettings) -> ssl.SSLContext:
    """The context for a setting, made by now.

    Raises:
        OSError: A certificate file cannot be read; `ssl.SSLError` when it holds no certificate.
    """
    return lazy_context(settings).finish()


def join_loaders(timeout: float) -> None:
    """Wait for the threads that make contexts: OpenSSL must be at rest when the process ends and tidies it up."""
    until = monotonic() + timeout
    for pending in list(_contexts.values()):
        if pending.thread is not None:
            pending.thread.join(max(0.0, until - monotonic()))


def reset_loaders() -> None:
    """Start afresh. In a forked child, where nobody is making a context any more."""
    for key, pending in list(_contexts.items()):
        if pending.context is None:
            del _contexts[key]


def _root_files(settings: TlsSettings) -> tuple[str | None, ...]:
    """The files and folders that will be read for a setting, so that one that changes is noticed."""
    if not settings.verify:
        return ()
    return _environment() if settings.ca_file is None else (settings.ca_file,)


def _as_tuple(client_cert: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if client_cert is None:
        return ()
    return (client_cert,) if isinstance(client_cert, str) else client_cert


def _environment() -> tuple[str | None, str | None]:
    return os.environ.get("SSL_CERT_FILE") or None, os.environ.get("SSL_CERT_DIR") or None


def _make_context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # Certificates without subjectAltName name no host any more (RFC 9110, section 4.3.4).
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
    """A given file alone; else what the environment names, alone; else the platform's store and certifi's."""
    if ca_file is not None:
        with _naming("ca_file", ca_file):
            context.load_verify_locations(cafile=ca_file)
        return
    file, folder = _environment()
    if file or folder:
        context.load_verify_locations(cafile=file, capath=folder)
        return
    context.load_default_certs()
    import certifi  # here, since plain http needs none of it

    context.load_verify_locations(cafile=certifi.where())


@contextmanager
def _naming(option: str, path: str) -> Iterator[None]:
    """Have OpenSSL's complaint about a file say which file it is (contract 16.3)."""
    try:
        yield
    except ssl.SSLError as error:
        raise ssl.SSLError(error.errno, f"{option} {path} cannot be used: {error.strerror}") from error


def _refuse_password() -> str:
    # Without this, OpenSSL would ask for the password on the terminal, and the worker would wait for ever.
    raise ValueError("the key of client_cert is encrypted; pass an ssl_context that has loaded it")


def warn_if_insecure(settings: TlsSettings, host: str) -> None:
    """Say once per host that nothing is checked (contract 13.2)."""
    if settings.verify or settings.ssl_context is not None or host in _warned_hosts:
        return
    _warned_hosts.add(host)
    warnings.warn(f"verify=False: the certificate of {host} is not checked", InsecureRequestWarning, stacklevel=2)
