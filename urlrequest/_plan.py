"""The user's options -> Plan: all that is decided before the first octet is sent. Runs on the worker.

Whatever is wrong with an argument is told here, so that nothing has been sent then (contract 2.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._body import make_body
from ._coding import accepted_codings
from ._connection import Proxy, Route
from ._message import basic_credentials, build_fields, check_method, read_fields
from ._sink import check_file_path
from ._target import Target, parse_port, parse_target
from ._tls import check_tls
from ._version import __version__
from .errors import InvalidURL

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._body import Body

__all__ = ["Options", "Plan", "make_plan"]

USER_AGENT = f"urlrequest/{__version__}"

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Options(NamedTuple):
    """The constructor's arguments as the user passed them (contract 2.1)."""

    url: object
    req_body: object
    req_headers: object
    chunk_size: object
    method: object
    decode: object
    file_path: object
    ca_file: object
    verify: object
    proxy_host: object
    proxy_port: object
    proxy_headers: object
    user_agent: object
    cookies: object
    auth: object
    client_cert: object
    ssl_context: object

    def detached(self) -> Options:
        """The same with containers of our own: the user may change theirs while the request runs."""
        return self._replace(
            req_body=_copied(self.req_body),
            req_headers=_copied(self.req_headers),
            proxy_headers=_copied(self.proxy_headers),
            cookies=_copied(self.cookies),
        )


def _copied(value: object) -> object:
    if isinstance(value, dict):
        return value.copy()
    return list(value) if isinstance(value, list) else value


class Plan(NamedTuple):
    """One request, ready to be sent.

    Attributes:
        form: The target as the request line has it: origin form, or absolute form for a proxy (RFC 9112, section 3.2).
        chunk_size: Octets between progress events; None: the whole body is one chunk.
        decodes_content: Content codings are undone; False where the user asked for one, or wants a file.
    """

    method: str
    target: Target
    form: str
    fields: list[tuple[str, str]]
    body: Body | None
    route: Route
    chunk_size: int | None
    file_path: str | None
    decodes_content: bool


def make_plan(options: Options, *, has_progress: bool, connection_class_for: Callable[[str], type]) -> Plan:
    """Check and combine the options.

    Raises:
        InvalidURL, UnsupportedScheme: The URL or the proxy cannot be used. ValueError, TypeError: Another argument.
    """
    target = parse_target(options.url)
    connection_class = connection_class_for(target.scheme)
    method = check_method(options.method, has_body=options.req_body is not None)
    given = read_fields(options.req_headers, "req_headers")
    body = _make_body(options.req_body, given[0])
    file_path = check_file_path(options.file_path)
    names = {name.lower() for name, _ in given[0]} | given[1]
    is_coding_welcome = file_path is None and not has_progress and bool(options.decode)
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
        auth=options.auth,
    )
    route = _make_route(options, target, connection_class)
    form, fields = _addressed(target, fields, route)
    return Plan(
        method,
        target,
        form,
        fields,
        body,
        route,
        _check_chunk_size(options.chunk_size),
        file_path,
        decodes_content=file_path is None and "accept-encoding" not in names,
    )


def _make_body(source: object, fields: list[tuple[str, str]]) -> Body | None:
    if source is None:
        return None
    content_type = next((value for name, value in fields if name.lower() == "content-type"), None)
    return make_body(source, content_type)


def _user_agent(user_agent: object) -> list[tuple[str, str]]:
    if user_agent is None:
        return [("User-Agent", USER_AGENT)]
    return read_fields({"User-Agent": user_agent}, "user_agent")[0] if user_agent != "" else []


def _check_chunk_size(chunk_size: object) -> int | None:
    if chunk_size is None:
        return None
    if isinstance(chunk_size, bool) or not isinstance(chunk_size, int):
        raise TypeError(f"chunk_size is {type(chunk_size).__name__}; a number of octets or None is needed")
    if chunk_size < -1 or chunk_size == 0:
        raise ValueError(f"chunk_size is {chunk_size}; a number of octets above 0, or -1 for the whole body, is needed")
    return None if chunk_size == -1 else chunk_size


def _make_route(options: Options, target: Target, connection_class: type) -> Route:
    is_tls = target.scheme == "https"
    return Route(
        connection_class,
        target.host,
        target.port if target.port is not None else _DEFAULT_PORTS.get(target.scheme),
        check_tls(options.ca_file, options.verify, options.client_cert, options.ssl_context) if is_tls else None,
        _make_proxy(options) if target.scheme in _DEFAULT_PORTS else None,
    )


def _make_proxy(options: Options) -> Proxy | None:
    """The proxy of the arguments; its userinfo becomes Proxy-Authorization (contract 14.1)."""
    if not options.proxy_host:
        return None
    if not isinstance(options.proxy_host, str):
        raise TypeError(f"proxy_host is {type(options.proxy_host).__name__}; text is needed")
    has_scheme = "://" in options.proxy_host
    address = parse_target(options.proxy_host if has_scheme else f"http://{options.proxy_host}")
    if address.scheme != "http":
        raise InvalidURL(f"proxy_host has the scheme {address.scheme}; only http proxies can be used")
    port = address.port if options.proxy_port is None else parse_port(options.proxy_port)
    fields = read_fields(options.proxy_headers, "proxy_headers")[0]
    if address.userinfo is not None:
        fields = [field for field in fields if field[0].lower() != "proxy-authorization"]
        fields.append(("Proxy-Authorization", basic_credentials(*address.userinfo)))
    return Proxy(address.host, _DEFAULT_PORTS["http"] if port is None else port, tuple(fields))


def _addressed(target: Target, fields: list[tuple[str, str]], route: Route) -> tuple[str, list[tuple[str, str]]]:
    """The request line's target, and the fields with those for the proxy where they go along with them."""
    if route.proxy is None:
        return target.path, fields
    if route.is_tunnelled:
        return target.path, [field for field in fields if field[0].lower() != "proxy-authorization"]
    for_proxy = {name.lower() for name, _ in route.proxy.fields}
    return target.url, [*(field for field in fields if field[0].lower() not in for_proxy), *route.proxy.fields]
