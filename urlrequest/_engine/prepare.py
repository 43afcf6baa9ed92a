"""Options -> PreparedRequest: all that is decided before the first octet is sent, and again before each further hop.

Whatever is wrong with an argument is told here, so that nothing has been sent then (contract 2.3). Runs on the worker.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, urlencode

from urlrequest._concurrency.deadline import check_seconds
from urlrequest._content.checksum import check_checksum
from urlrequest._content.codings import accepted_codings
from urlrequest._http.fields import cookie_text, field_names, first_value, join_cookies, read_fields, without
from urlrequest._http.request_head import build_fields, check_method
from urlrequest._http.target import Target, parse_target
from urlrequest._http1.connection import HTTPSConnection
from urlrequest._net.route import Route
from urlrequest._net.tls_settings import check_tls
from urlrequest._record import Record
from urlrequest._version import __version__
from urlrequest.errors import UnsafeRedirect

from .options import PLAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from urlrequest._content.body import Body
    from urlrequest._http.fields import Fields
    from urlrequest._http.redirect import NextRequest
    from urlrequest._net.tls_settings import TlsSettings

    from .options import Options
    from .proxies import Proxy

__all__ = ["PreparedRequest", "find_target", "prepare_redirected", "prepare_request", "request_line_and_fields"]

USER_AGENT = f"urlrequest/{__version__}"
REDIRECT_LIMIT = 20  # of follow_redirects=True
LONGEST_KEPT = 2048  # characters of a path; a request with a longer one is made each time

# What is for one origin alone.
CREDENTIAL_FIELDS = frozenset({"authorization", "cookie", "proxy-authorization"})


class PreparedRequest(Record):
    """One request, ready to be sent.

    Attributes:
        fields: Header fields for the origin, in order.
        chunk_size: Octets between progress events; None: the whole body is one chunk.
        decodes_content: Content codings are undone; False where the user asked for one, or wants a file.
        redirect_limit: How many redirects are followed.
        retries: How often it is tried again.
        progress_interval: The shortest time between progress events, in seconds, or None.
        max_size: The largest body, in octets, or None.
        is_resumed: A part file is kept, and continued.
        checksum: What the body must have, as "sha256:<hex>", or None.
        secrets: Names of the fields that are for this origin alone, in lower case.
    """

    __slots__ = (
        "body", "checksum", "chunk_size", "decodes_content", "fields", "file_path", "is_resumed", "max_size",
        "method", "progress_interval", "redirect_limit", "retries", "route", "secrets", "target",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        target: Target,
        fields: Fields,
        body: Body | None,
        route: Route,
        chunk_size: int | None,
        file_path: str | None,
        decodes_content: bool,
        redirect_limit: int,
        retries: int,
        progress_interval: float | None,
        max_size: int | None,
        is_resumed: bool,
        checksum: str | None,
        secrets: frozenset[str] = CREDENTIAL_FIELDS,
    ) -> None:
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
        self.route = route
        self.chunk_size = chunk_size
        self.file_path = file_path
        self.decodes_content = decodes_content
        self.redirect_limit = redirect_limit
        self.retries = retries
        self.progress_interval = progress_interval
        self.max_size = max_size
        self.is_resumed = is_resumed
        self.checksum = checksum
        self.secrets = secrets


def prepare_request(
    options: Options, *, has_progress: bool, connection_class_for: Callable[[str], type]
) -> PreparedRequest:
    """Check and combine the options.

    Args:
        has_progress: The body is told of, or handed over, while it arrives, so no coding is asked for (contract 4.6).
    Raises:
        InvalidURL, UnsupportedScheme: The URL or the proxy cannot be used. ValueError, TypeError: Another argument.
    """
    target = find_target(options.url, options.base_url)
    connection_class = connection_class_for(target.scheme)
    is_coding_welcome = not has_progress and bool(options.decode) and options.file_path is None
    tls = _tls_settings(options) if target.scheme == "https" else None
    if options.is_plain and target.userinfo is None and len(target.path) <= LONGEST_KEPT:
        return _cached_plain(target, connection_class, tls, is_coding_welcome)
    return _combine(options, target, connection_class, tls, is_coding_welcome)


def _combine(
    options: Options, target: Target, connection_class: type, tls: TlsSettings | None, is_coding_welcome: bool
) -> PreparedRequest:
    if options.params is not None:
        path = _with_query(target.path, options.params)
        target = Target(target.scheme, target.host, target.port, path, target.userinfo)
    given = _merge_fields(options)
    body = _make_body(options, given[0])
    method = check_method(options.method, has_body=body is not None)
    file_path = None if options.file_path is None else _check_path(options.file_path)
    names = given[1] | field_names(given[0]) if given[0] else given[1]
    auth, secrets = options.auth, set[str]()
    if auth is not None:
        from urlrequest._http.auth import watched_auth  # few requests have credentials

        auth = watched_auth(auth, secrets)
    fields = build_fields(
        target,
        method,
        given,
        body=body,
        defaults=(
            ("Accept-Encoding", accepted_codings() if is_coding_welcome else "identity"),
            *_user_agent(options.user_agent),
        ),
        cookies=options.cookies,
        auth=auth,
    )
    return PreparedRequest(
        method,
        target,
        fields,
        body,
        _make_route(options, target, connection_class, tls),
        _check_chunk_size(options.chunk_size),
        file_path,
        decodes_content=file_path is None and "accept-encoding" not in names,
        redirect_limit=_check_redirects(options.follow_redirects),
        retries=0 if options.retries is None else _check_count("retries", options.retries),
        progress_interval=check_seconds("progress_interval", options.progress_interval),
        max_size=None if options.max_size is None else _check_count("max_size", options.max_size),
        is_resumed=bool(options.resume) and file_path is not None and method == "GET" and "range" not in names,
        checksum=None if options.checksum is None else check_checksum(options.checksum),
        secrets=CREDENTIAL_FIELDS | secrets if secrets else CREDENTIAL_FIELDS,
    )


@lru_cache(maxsize=256)
def _cached_plain(
    target: Target, connection_class: type, tls: TlsSettings | None, is_coding_welcome: bool
) -> PreparedRequest:
    """A plain request, prepared: programs make the same one over and over.

    Before the first of its kind, the certificates begin to be read: that takes longer than all that comes until then.
    """
    if tls is not None and issubclass(connection_class, HTTPSConnection):
        from urlrequest._net.tls_contexts import lazy_context  # plain http needs none of it

        lazy_context(tls).prefetch()
    return _combine(PLAIN, target, connection_class, tls, is_coding_welcome)


def find_target(url: object, base_url: object) -> Target:
    """Where a request goes; its URL may be relative to the session's.

    Raises:
        InvalidURL: It cannot be requested.
    """
    if base_url is None or not isinstance(url, str):
        return parse_target(url)
    from urlrequest._http.redirect import resolve_reference  # most requests name a whole URL

    return resolve_reference(parse_target(base_url), url)


def _merge_fields(options: Options) -> tuple[Fields, set[str]]:
    """The request's fields, and those of the session that it does not name."""
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
            raise ValueError("json is a body of its own; req_body and files cannot be given with it")
        return make_json_body(options.json)
    if options.files is not None:
        if content_type is not None:
            raise ValueError("files makes the Content-Type itself, which names the boundary between the parts")
        from urlrequest._content.multipart import make_multipart  # few requests send files

        return make_multipart(options.files, source)
    return make_body(source, content_type)


def _with_query(path: str, params: object) -> str:
    """A path with more of a query."""
    if isinstance(params, dict | list | tuple):
        query = urlencode(params, doseq=True)
    elif isinstance(params, str):
        query = quote(params, safe="!$&'()*+,;=:@/?-._~%")
    else:
        raise TypeError(f"params is {type(params).__name__}; a dict, a list of pairs or text is needed")
    if not query:
        return path
    return path + ("&" if path.partition("?")[2] else "" if path.endswith("?") else "?") + query


def _user_agent(user_agent: object) -> Fields:
    if user_agent is None:
        return [("User-Agent", USER_AGENT)]
    return read_fields({"User-Agent": user_agent}, "user_agent")[0] if user_agent != "" else []


def _check_path(file_path: object) -> str | None:
    from urlrequest._content.file_sink import check_file_path  # most requests write no file

    return check_file_path(file_path)


def _check_chunk_size(chunk_size: object) -> int | None:
    if chunk_size is None:
        return None
    if isinstance(chunk_size, bool) or not isinstance(chunk_size, int):
        raise TypeError(f"chunk_size is {type(chunk_size).__name__}; a number of octets or None is needed")
    if chunk_size < -1 or chunk_size == 0:
        raise ValueError(f"chunk_size is {chunk_size}; a number of octets above 0, or -1 for the whole body, is needed")
    return None if chunk_size == -1 else chunk_size


def _check_redirects(follow_redirects: object) -> int:
    if follow_redirects is None:
        return 0
    if isinstance(follow_redirects, bool):
        return REDIRECT_LIMIT if follow_redirects else 0
    return _check_count("follow_redirects", follow_redirects)


def _check_count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {type(value).__name__}; a number is needed")
    if value < 0:
        raise ValueError(f"{name} is {value}; 0 or more is needed")
    return value


def _make_route(options: Options, target: Target, connection_class: type, tls: TlsSettings | None) -> Route:
    _, host, port = target.origin
    proxy = _choose_proxy(options, target) if target.scheme in {"http", "https"} else None
    return Route(connection_class, host, port, tls, proxy)


def _tls_settings(options: Options) -> TlsSettings:
    return check_tls(options.ca_file, options.verify, options.client_cert, options.ssl_context)


def _choose_proxy(options: Options, target: Target) -> Proxy | None:
    if not options.proxy_host and not options.trust_env:
        return None
    from .proxies import choose_proxy  # most requests go straight

    is_trusted = bool(options.trust_env)
    proxy = choose_proxy(
        options.proxy_host, options.proxy_port, options.proxy_headers, target, is_environment_trusted=is_trusted
    )
    if proxy is None or proxy.scheme != "https":
        return proxy
    # The certificate of client_cert is for the origin, not for the proxy.
    return proxy._replace(tls=check_tls(options.ca_file, options.verify, None, options.ssl_context))


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
    if following.target.userinfo is not None:
        from urlrequest._http.auth import with_userinfo  # few requests have credentials

        fields = with_userinfo(fields, following.target)
    tls = _tls_settings(options) if following.target.scheme == "https" else None
    return prepared.replace(
        method=following.method,
        target=following.target,
        fields=fields,
        body=prepared.body if following.keeps_body else None,
        route=_make_route(options, following.target, connection_class, tls),
    )


def request_line_and_fields(prepared: PreparedRequest, cookies: str | None) -> tuple[str, Fields]:
    """The request line's target and the fields, as they go to the next peer (RFC 9112, section 3.2).

    Args:
        cookies: Those of the session for this target.
    """
    # A copy, as other requests share it, and a connection class of the user's may add to the fields.
    fields = [*prepared.fields] if cookies is None else join_cookies(prepared.fields, cookies)
    proxy = prepared.route.proxy
    if proxy is None:
        return prepared.target.path, fields
    if prepared.route.is_tunnelled:
        return prepared.target.path, without(fields, {"proxy-authorization"})
    return prepared.target.url, [*without(fields, field_names(proxy.fields)), *proxy.fields]
