"""PreparedRequest: all that is decided about a request before its first byte is sent, and its form on the wire.

A prepared request is not changed any more, as plain requests of several workers share it.
"""

from __future__ import annotations

from urlrequest._http.fields import field_names, join_cookies, without
from urlrequest._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from urlrequest._content.body import Body
    from urlrequest._http.challenges import Responder
    from urlrequest._http.fields import Fields
    from urlrequest._http.retry import RetryRule
    from urlrequest._http.target import Target
    from urlrequest._net.route import Route

__all__ = ["CREDENTIAL_FIELDS", "PreparedRequest", "request_line_and_fields"]

# Header fields that are sent to one origin only.
CREDENTIAL_FIELDS = frozenset({"authorization", "cookie", "proxy-authorization"})


class PreparedRequest(Record):
    """One request, ready to be sent.

    Attributes:
        fields: Header fields for the origin, in order.
        body: The content, or None.
        route: Which connection it needs.
        chunk_size: Bytes between progress events; None: the whole body is one chunk.
        file_path: Where the body of the response goes, or None.
        decodes_content: Content codings are undone; False where the user asked for one.
        redirect_limit: How many redirects are followed.
        retries: How often the request is tried again.
        retry_rule: What is tried again, and how long a server may make it wait.
        low_speed: Bytes per second, and for how many seconds fewer may be transferred; or None.
        progress_interval: The shortest time between progress events, in seconds, or None.
        max_size: The largest body of a response, in bytes, or None.
        is_resumed: A partial download is kept, and continued.
        resume_key: What stands for the URL there; None: the URL itself.
        expected_types: The types that a success may have, as of `check_media_ranges()`; empty: any.
        checksum: What the body of the response must have, as "sha256:<hex>", or None.
        own_fields: Names of the fields, in lower case, that are the library's own idea. They are left out where a
            server refuses the request because of them, or a proxy might not understand them.
        secrets: Names of the fields that are for this origin alone, in lower case.
        signer: A callable `auth`, which signs the request again when its fields change, or None.
        signed: Names of the fields that it has set, in lower case.
        responder: Answers the challenges of the origin, or None.
    """

    __slots__ = (
        "body", "checksum", "chunk_size", "decodes_content", "expected_types", "fields", "file_path", "is_resumed",
        "low_speed", "max_size", "method", "own_fields", "progress_interval", "redirect_limit", "responder",
        "resume_key", "retries", "retry_rule", "route", "secrets", "signed", "signer", "target",
    )  # fmt: skip

    def __init__(
        self,
        *,
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
        retry_rule: RetryRule,
        low_speed: tuple[float, float] | None,
        progress_interval: float | None,
        max_size: int | None,
        is_resumed: bool,
        resume_key: str | None,
        checksum: str | None,
        expected_types: tuple[str, ...],
        own_fields: frozenset[str],
        secrets: frozenset[str],
        signer: Callable[[Any], object] | None,
        signed: frozenset[str],
        responder: Responder | None,
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
        self.retry_rule = retry_rule
        self.low_speed = low_speed
        self.progress_interval = progress_interval
        self.max_size = max_size
        self.is_resumed = is_resumed
        self.resume_key = resume_key
        self.checksum = checksum
        self.expected_types = expected_types
        self.own_fields = own_fields
        self.secrets = secrets
        self.signer = signer
        self.signed = signed
        self.responder = responder


def request_line_and_fields(prepared: PreparedRequest, cookies: str | None) -> tuple[str, Fields]:
    """The target in the request line, and the fields, as they go to the next peer (RFC 9112, section 3.2).

    Args:
        cookies: Those of the session for this target, or None.
    Returns:
        The fields in a list of their own: others share the request, and a user's connection class may add to the list.
    """
    fields = [*prepared.fields] if cookies is None else join_cookies(prepared.fields, cookies)
    if fields[0][0] != "Host":  # as ours is
        fields = _with_host_first(fields)
    proxy = prepared.route.proxy
    if proxy is None:
        return prepared.target.path, fields
    if prepared.route.is_tunnelled:
        return prepared.target.path, without(fields, {"proxy-authorization"})
    # A proxy of HTTP/1.0 may pass the wish for a lasting connection on, and wait for its end: RFC 9112, section C.2.2.
    dropped = field_names(proxy.fields) | (prepared.own_fields & {"connection"})
    return prepared.target.url, [*without(fields, dropped), *proxy.fields]


def _with_host_first(fields: Fields) -> Fields:
    """The same fields, the caller's Host before the others, as some servers and proxies expect (RFC 9110, 7.2)."""
    return [*(field for field in fields if field[0].lower() == "host"), *without(fields, {"host"})]
