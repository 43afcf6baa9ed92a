"""What a session sets for its requests.

A request reads the settings in its constructor, on the caller's thread, so a later change does not reach it.
"""

from __future__ import annotations

from operator import attrgetter, is_

from urlrequest._engine.options import SharedOptions

from .shared import KnownSettings, default_shared, shared_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from urlrequest.hooks import Hook

__all__ = ["Settings", "check_session", "complete"]

_SETTINGS = {  # options that a session sets for its requests, and the value of each that sets nothing
    "ca_file": None,
    "client_cert": None,
    "ssl_context": None,
    "fingerprint": None,
    "proxy_host": None,
    "proxy_port": None,
    "proxy_headers": None,
    "trust_env": False,
    "follow_redirects": False,
    "retries": 0,
    "user_agent": None,
    "auth": None,
    "proxy_auth": None,
    "address_family": None,
    "low_speed": None,
    "retry_statuses": None,
    "retry_methods": None,
    "max_retry_after": None,
}
_read = attrgetter(*_SETTINGS, "verify", "base_url", "headers")


class Settings:
    """The settings of a session that a call reads."""

    hook: Hook | None = None
    timeout: float | None = None
    deadline: float | None = None


def check_session(session: Any) -> Settings:
    """Check the `session` argument of a request, and return it as what sets something.

    Raises:
        TypeError: It is no session. RuntimeError: It is closed.
    """
    shared = shared_of(session)
    if shared is default_shared:
        raise TypeError(f"session is {type(session).__name__}; a urlrequest.Session is needed")
    if shared.is_closed:
        raise RuntimeError("the session is closed: its with block has ended, or close() was called")
    settings: Settings = session
    return settings


# In types `Any` is the engine's `Options`: type checkers know no types of the parts of a namedtuple.
def complete(options: Any, session: Any) -> Any:
    """Return the options of a request, with a session's settings for those that were not given."""
    shared = shared_of(session)
    *values, headers = _read(session)
    values += _own(headers), _own(shared.cookie_text)
    if not isinstance(options, SharedOptions):
        return _combine(options, values)
    parts = _parts_of(values)
    known = shared.known_settings
    if known is None or not known.are(parts):
        known = shared.known_settings = KnownSettings(parts)
    completed = known.find(options)
    if completed is None:
        completed = _combine(options, values)
        if all(map(is_, completed, options)):  # the session sets nothing
            completed = options
        elif completed.is_launchable:
            completed = SharedOptions(*completed)
        known.keep(options, completed)
    return completed


def _own(value: Any) -> Any:
    """The same, or a copy: a program may change a dict in place."""
    return value.copy() if type(value) is dict else value


def _parts_of(values: list[Any]) -> list[Any]:
    """The values, with what the last two hold in their place: all that a program may change without a trace."""
    parts = values[:-2]
    for value in values[-2:]:
        parts += (*value, *value.values(), None) if type(value) is dict else (value,)
    return parts


def _combine(options: Any, values: list[Any]) -> Any:
    *settings, verify, base_url, headers, cookies = values
    changes = {
        name: value
        for (name, default), value in zip(_SETTINGS.items(), settings, strict=True)
        if value is not default and getattr(options, name) is None
    }
    if options.proxy_host is not None:  # a proxy of its own
        changes.pop("proxy_port", None)
        changes.pop("proxy_headers", None)
        changes.pop("proxy_auth", None)
    if options.verify is True:  # as it is when it is not given
        changes["verify"] = verify
    return options._replace(**changes, base_url=base_url, session_headers=headers, session_cookies=cookies).detached()
