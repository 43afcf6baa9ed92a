"""TLS settings and the contexts made from them, one per setting.

Making a context reads some hundred certificates, which takes as long as twenty requests; so contexts are kept, and
shared by all threads (an SSLContext that nobody changes any more is safe to share).

Thread safety. `_contexts` is a dictionary whose single operations are atomic. `_making` is held while a context is
made,
so that workers that ask for the same new setting at once wait for one of them: with a context of its own each, none
could use the other's connections. Workers alone come here, never a canceller.
"""

from __future__ import annotations

import os
import ssl
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from .errors import InsecureRequestWarning

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

__all__ = ["TlsSettings", "check_tls", "context_for", "forget_making", "warn_if_insecure"]

_CONTEXT_LIMIT = 32  # contexts; a program that makes a new certificate file for each request must not fill the memory

_making = threading.Lock()
_contexts: dict[Hashable, ssl.SSLContext] = {}
_warned_hosts: set[str] = set()


class TlsSettings(NamedTuple):
    """What the user asked for (contract 13). Connections with different settings are never shared."""

    ca_file: str | None = None
    verify: bool = True
    client_cert: str | tuple[str, ...] | None = None
    ssl_context: ssl.SSLContext | None = None


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
    return TlsSettings(ca_file, verify is None or bool(verify), client_cert, ssl_context)


def _path(name: str, value: object) -> str:
    if isinstance(value, bool | int) or not isinstance(value, str | bytes | os.PathLike):
        raise TypeError(f"{name} is {type(value).__name__}; a path is needed")
    return os.fsdecode(value)


def context_for(settings: TlsSettings) -> ssl.SSLContext:
    """The context for a setting, made when it is first asked for, or when a certificate file has changed.

    Raises:
        OSError: A certificate file cannot be read; `ssl.SSLError` when it holds no certificate.
    """
    if settings.ssl_context is not None:
        return settings.ssl_context
    files = (*_root_files(settings), *_as_tuple(settings.client_cert))
    key = (settings, files, tuple(os.stat(file).st_mtime_ns if file else 0 for file in files))
    context = _contexts.get(key)
    if context is not None:
        return context
    with _making:
        if key not in _contexts:
            context = _make_context(settings)
            while len(_contexts) >= _CONTEXT_LIMIT:
                del _contexts[next(iter(_contexts))]
            _contexts[key] = context
        return _contexts[key]


def forget_making() -> None:
    """Start afresh. In a forked child, where nobody is making a context any more."""
    global _making
    _making = threading.Lock()


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
