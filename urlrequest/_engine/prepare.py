"""Options -> PreparedRequest: all that is decided before the first byte is sent, and again before each further hop.

Whatever is wrong with an argument raises here, so that nothing has been sent then (contract 2.3). Runs on the worker.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from math import inf

from urlrequest._concurrency.deadline import check_seconds
from urlrequest._content.known_encodings import accepted_codings
from urlrequest._defaults import defaults
from urlrequest._http.fields import cookie_text, field_names, first_value, join_cookies, read_fields, without
from urlrequest._http.request_head import build_fields, check_method
from urlrequest._http.retry import DEFAULT_RULE, MAX_RETRY_AFTER, check_retry_rule
from urlrequest._http.target import Target, parse_target, percent_encode
from urlrequest._http1.connection import Connection, SecureConnection
from urlrequest._net.route import Route
from urlrequest._version import __version__
from urlrequest.errors import UnsafeRedirect

from .options import PLAIN
from .plan import CREDENTIAL_FIELDS, PreparedRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from urlrequest._content.body import Body
    from urlrequest._http.challenges import Responder
    from urlrequest._http.fields import Fields
    from urlrequest._http.redirect import NextRequest
    from urlrequest._http.retry import RetryRule
    from urlrequest._net.route import Proxy
    from urlrequest._net.tls_settings import TlsSettings

    from .options import Options

__all__ = ["find_target", "prepare_redirected", "prepare_request"]

USER_AGENT = f"urlrequest/{__version__}"
MAX_REDIRECTS = 20  # redirects, of follow_redirects=True
_OWN_FIELDS = frozenset({"accept-encoding", "connection", "expect"})  # unless the user names them
MAX_RESUME_KEY = 8192  # characters; it stands in a small file
MAX_CACHED_PATH = 2048  # characters; a request with a longer path is prepared each time


def prepare_request(
    options: Options, *, has_progress: bool, connection_class_for: Callable[[str], type]
) -> PreparedRequest:
    """Check and combine the options.

    Args:
        has_progress: The user follows the body while it arrives, so no coding is asked for (contract 4.6).
    Raises:
        InvalidURL, UnsupportedScheme: The URL or the proxy cannot be used. ValueError, TypeError: Another argument.
    """
    target = find_target(options.url, options.base_url)
    connection_class = connection_class_for(target.scheme)
    is_coding_welcome = not has_progress and bool(options.decode) and options.file_path is None
    tls = _tls_settings(options, connection_class) if target.scheme == "https" else None
    if options.is_plain and target.userinfo is None and len(target.path) <= MAX_CACHED_PATH:
        return _cached_plain(target, connection_class, tls, is_coding_welcome, defaults.keep_alive)
    return _combine(options, target, connection_class, tls, is_coding_welcome, has_progress)


def _combine(
    options: Options,
    target: Target,
    connection_class: type,
    tls: TlsSettings | None,
    is_coding_welcome: bool,
    has_progress: bool,
) -> PreparedRequest:
    if options.params is not None:
        path = _with_query(target.path, options.params)
        target = Target(target.scheme, target.host, target.port, path, target.userinfo)
    given, suppressed = _merge_fields(options)
    named = field_names(given) | suppressed  # what the user decides
    body = _make_body(options, given)
    method = check_method(options.method, has_body=body is not None)
    file_path = _check_file_path(options.file_path)
    auth, secrets, responder = _read_auth(options.auth, target)
    accepted = accepted_codings() if is_coding_welcome else "identity"
    fields = build_fields(
        target,
        method,
        (given, suppressed),
        body=body,
        defaults=[("Accept-Encoding", accepted), *_user_agent(options.user_agent), *_connection()],
        cookies=options.cookies,
        auth=auth,
    )
    return PreparedRequest(
        method=method,
        target=target,
        fields=fields,
        body=body,
        route=_make_route(options, target, connection_class, tls),
        chunk_size=_check_chunk_size(options.chunk_size, is_used=has_progress),
        file_path=file_path,
        decodes_content="accept-encoding" not in named,
        redirect_limit=_check_redirects(options.follow_redirects),
        retries=_check_count("retries", options.retries) or 0,
        retry_rule=_check_retry_rule(options),
        low_speed=_check_low_speed(options.low_speed),
        progress_interval=check_seconds("progress_interval", options.progress_interval),
        max_size=_check_count("max_size", options.max_size, "a number of bytes"),
        is_resumed=_check_resume(options.resume, file_path) and method == "GET" and "range" not in named,
        resume_key=_check_resume_key(options.resume_key),
        checksum=_check_checksum(options.checksum),
        expected_types=_check_expect_type(options.expect_type),
        own_fields=_OWN_FIELDS - named,
        secrets=CREDENTIAL_FIELDS.union(secrets),
        signer=options.auth if secrets else None,
        signed=frozenset(secrets),
        responder=responder,
    )


@lru_cache(maxsize=256)
def _cached_plain(
    target: Target,
    connection_class: type,
    tls: TlsSettings | None,
    is_coding_welcome: bool,
    keep_alive: bool,  # noqa: ARG001 - as of `defaults`, which `_connection()` looks at
) -> PreparedRequest:
    """A plain request, prepared: programs make the same one over and over."""
    return _combine(PLAIN, target, connection_class, tls, is_coding_welcome, has_progress=True)


def _read_auth(auth: object, target: Target) -> tuple[Any, set[str], Responder | None]:
    """What sets the credentials, what answers challenges, and the names of the fields that the former sets.

    The set of names fills when the former is called.
    """
    names: set[str] = set()
    if auth is None or target.userinfo is not None:  # the URL's own credentials win
        return auth, names, None
    from urlrequest._http.auth import answers_challenges, watched_auth  # few requests have credentials

    find_account = getattr(auth, "find_account", None)  # NetrcAuth
    if find_account is not None:
        return find_account(target.host), names, None
    responder = None
    if answers_challenges(auth):
        from urlrequest._http.challenges import Responder

        responder = Responder(auth)
    return watched_auth(auth, names), names, responder


def find_target(url: object, base_url: object) -> Target:
    """Parse the URL of a request, which may be relative to the session's.

    Raises:
        InvalidURL: It cannot be requested.
    """
    if base_url is None or not isinstance(url, str):
        return parse_target(url)
    is_short = type(url) is str and type(base_url) is str and len(url) + len(base_url) <= MAX_CACHED_PATH
    if is_short and "@" not in f"{base_url}{url}":  # else it may hold a password
        return _resolve_cached(base_url, url)
    return _resolve(base_url, url)


def _resolve(base_url: Any, url: str) -> Target:
    from urlrequest._http.redirect import resolve_reference  # most requests name a whole URL

    return resolve_reference(parse_target(base_url), url)


_resolve_cached = lru_cache(maxsize=256)(_resolve)  # programs ask for the same ones over and over


def _merge_fields(options: Options) -> tuple[Fields, set[str]]:
    """The header fields of the request, and those of the session that it does not name; and the names it leaves out."""
    is_alone = options.session_headers is None and options.session_cookies is None
    if options.req_headers is None and is_alone:
        return [], set()
    fields, suppressed = read_fields(options.req_headers, "req_headers")
    if is_alone:
        return fields, suppressed
    common, common_suppressed = read_fields(options.session_headers, "headers of the session")
    if options.session_cookies is not None:
        common = join_cookies(common, cookie_text(options.session_cookies))
    names = field_names(fields) | suppressed
    return without(common, names) + fields, suppressed | common_suppressed


def _make_body(options: Options, fields: Fields) -> Body | None:
    source = options.req_body
    if source is None and options.json is None and options.files is None:
        return None
    from urlrequest._content.body import make_body, make_json_body  # most requests have none

    content_type = first_value(fields, "content-type")
    if options.json is not None:
        if source is not None or options.files is not None:
            raise ValueError("json cannot be combined with req_body or files")
        return make_json_body(options.json)
    if options.files is not None:
        if content_type is not None:
            raise ValueError("files makes the Content-Type itself, which names the boundary between the parts")
        from urlrequest._content.multipart import make_multipart  # few requests send files

        return make_multipart(options.files, source)
    return make_body(source, content_type)


def _with_query(path: str, params: object) -> str:
    """The path with `params` at the end of its query."""
    if isinstance(params, str):
        query = percent_encode(params)
    elif isinstance(params, dict | list | tuple):
        from urlrequest._content.form import encode_form  # few requests have parameters

        query = encode_form(params, "params")
    else:
        raise TypeError(f"params is {type(params).__name__}; a dict, a list of pairs or text is needed")
    if not query:
        return path
    return path + ("&" if path.partition("?")[2] else "" if path.endswith("?") else "?") + query


def _user_agent(user_agent: object) -> Fields:
    if user_agent is None:
        return [("User-Agent", USER_AGENT)]
    return read_fields({"User-Agent": user_agent}, "user_agent")[0] if user_agent != "" else []


def _connection() -> Fields:
    """What makes servers tell how long they keep the connection (measured: Apache 2.4 tells those who ask alone)."""
    return [("Connection", "keep-alive")] if defaults.keep_alive else []


def _check_chunk_size(chunk_size: object, *, is_used: bool) -> int | None:
    """The bytes from one progress event to the next; a bad value is an error only where there are such events."""
    try:
        return _read_chunk_size(chunk_size)
    except (TypeError, ValueError):
        if is_used:
            raise
        return _read_chunk_size(PLAIN.chunk_size)


def _read_chunk_size(chunk_size: object) -> int | None:
    if chunk_size is None:
        return None
    if isinstance(chunk_size, bool) or not isinstance(chunk_size, int):
        raise TypeError(f"chunk_size is {type(chunk_size).__name__}; a number of bytes or None is needed")
    if chunk_size < -1 or chunk_size == 0:
        raise ValueError(f"chunk_size is {chunk_size}; a number of bytes above 0, or -1 for the whole body, is needed")
    return None if chunk_size == -1 else chunk_size


def _check_file_path(file_path: object) -> str | None:
    if file_path is None:
        return None
    from urlrequest._content.file_sink import check_file_path  # as in _make_body()

    return check_file_path(file_path)


def _check_checksum(checksum: object) -> str | None:
    if checksum is None:
        return None
    from urlrequest._content.checksum import check_checksum  # as in _make_body()

    return check_checksum(checksum)


def _check_expect_type(expect_type: object) -> tuple[str, ...]:
    if expect_type is None:
        return ()
    from urlrequest._http.media_type import check_media_ranges  # as in _make_body()

    return check_media_ranges(expect_type)


def _check_resume(resume: object, file_path: str | None) -> bool:
    if resume and file_path is None:
        raise ValueError("resume=True without file_path: there is no file to continue; pass file_path, too")
    return bool(resume)


def _check_resume_key(resume_key: object) -> str | None:
    if resume_key is None:
        return None
    if not isinstance(resume_key, str):
        raise TypeError(f"resume_key is {type(resume_key).__name__}; text is needed")
    if not 0 < len(resume_key) <= MAX_RESUME_KEY:
        raise ValueError(f"resume_key has {len(resume_key)} characters; 1 to {MAX_RESUME_KEY} are needed")
    return resume_key


def _check_retry_rule(options: Options) -> RetryRule:
    if options.retry_statuses is options.retry_methods is options.max_retry_after is None:
        return DEFAULT_RULE
    longest: float | None = MAX_RETRY_AFTER
    if options.max_retry_after is not None:
        longest = check_seconds("max_retry_after", options.max_retry_after)
    return check_retry_rule(options.retry_statuses, options.retry_methods, inf if longest is None else longest)


def _check_low_speed(low_speed: object) -> tuple[float, float] | None:
    if low_speed is None:
        return None
    from urlrequest._net.low_speed import check_low_speed  # as in _make_body()

    return check_low_speed(low_speed)


def _check_redirects(follow_redirects: object) -> int:
    if isinstance(follow_redirects, bool):
        return MAX_REDIRECTS if follow_redirects else 0
    return _check_count("follow_redirects", follow_redirects, "True, False or a number") or 0


def _check_count(name: str, value: object, needed: str = "a number") -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {type(value).__name__}; {needed} is needed")
    if value < 0:
        raise ValueError(f"{name} is {value}; 0 or more is needed")
    return value


def _make_route(options: Options, target: Target, connection_class: type, tls: TlsSettings | None) -> Route:
    _, host, port = target.origin
    proxy = _choose_proxy(options, target) if target.scheme in {"http", "https"} else None
    if options.address_family is None:
        return Route(connection_class, host, port, tls, proxy)
    from urlrequest._net.connect import check_address_family  # loaded; few requests need it

    family = check_address_family(options.address_family)
    if family and not issubclass(connection_class, Connection):
        raise ValueError(
            f"address_family cannot be kept by {connection_class.__name__}, which is no urlrequest.HTTPConnection"
        )
    return Route(connection_class, host, port, tls, proxy, family)


def _tls_settings(options: Options, connection_class: type) -> TlsSettings:
    """Check the options for TLS, and prefetch their context when they are used for the first time.

    Reading certificates takes longer than all that comes until they are needed; so the module that every https request
    needs, and the one that most responses need, are imported meanwhile.
    """
    from urlrequest._net.tls_settings import check_tls  # plain http needs none of it

    settings = check_tls(options.ca_file, options.verify, options.client_cert, options.ssl_context, options.fingerprint)
    if issubclass(connection_class, SecureConnection):
        from urlrequest._net.tls_contexts import prefetch_context

        if prefetch_context(settings):
            import_module("urlrequest._net.tls_handshake")
            import_module("json")
    elif settings.fingerprint is not None:
        raise ValueError(f"fingerprint cannot be checked by {connection_class.__name__}, which is no HTTPSConnection")
    return settings


def _choose_proxy(options: Options, target: Target) -> Proxy | None:
    if not options.proxy_host and not options.trust_env:
        return None
    from .proxies import choose_proxy  # most requests go straight

    is_trusted = bool(options.trust_env)
    proxy = choose_proxy(
        options.proxy_host,
        options.proxy_port,
        options.proxy_headers,
        target,
        auth=options.proxy_auth,
        is_environment_trusted=is_trusted,
    )
    if proxy is None or proxy.scheme != "https":
        return proxy
    # The certificate of client_cert is for the origin, not for the proxy; the fingerprint is that of the origin's.
    from urlrequest._net.tls_settings import check_tls  # as in _tls_settings()

    return proxy.replace(tls=check_tls(options.ca_file, options.verify, None, options.ssl_context))


def prepare_redirected(
    prepared: PreparedRequest, following: NextRequest, options: Options, connection_class: type
) -> PreparedRequest:
    """The request that follows a redirect.

    Raises:
        UnsafeRedirect: The body is wanted again, but can be read only once.
    """
    from urlrequest._http.redirect import CONTENT_FIELDS  # here, as in find_target()

    if following.keeps_body and prepared.body is not None and not prepared.body.is_replayable:
        raise UnsafeRedirect(f"the redirect to {following.target} needs the body again, which can be read only once")
    dropped = set() if following.keeps_body else set(CONTENT_FIELDS)
    fields = prepared.fields
    if following.leaves_origin:
        dropped |= prepared.secrets
        fields = [("Host", following.target.authority), *without(fields, {"host"})]
    fields = without(fields, dropped)
    has_userinfo = following.target.userinfo is not None
    if has_userinfo:
        from urlrequest._http.auth import with_userinfo  # few requests have credentials

        fields = with_userinfo(fields, following.target)
    tls = _tls_settings(options, connection_class) if following.target.scheme == "https" else None
    return prepared.replace(
        method=following.method,
        target=following.target,
        fields=fields,
        body=prepared.body if following.keeps_body else None,
        responder=None if following.leaves_origin or has_userinfo else prepared.responder,
        signer=None if following.leaves_origin or has_userinfo else prepared.signer,
        route=_make_route(options, following.target, connection_class, tls),
    )
