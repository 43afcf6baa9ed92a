"""What a session sets for its requests.

A request reads the settings in its constructor, on the caller's thread, so a later change does not reach it.
"""

from __future__ import annotations

from .shared import default_shared, shared_of

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
    settings = {
        name: value
        for name, default in _SETTINGS.items()
        if (value := getattr(session, name)) is not default and getattr(options, name) is None
    }
    if options.proxy_host is not None:  # a proxy of its own
        settings.pop("proxy_port", None)
        settings.pop("proxy_headers", None)
        settings.pop("proxy_auth", None)
    if options.verify is True:  # as it is when it is not given
        settings["verify"] = session.verify
    settings["base_url"], settings["session_headers"] = session.base_url, session.headers
    settings["session_cookies"] = shared_of(session).cookie_text
    return options._replace(**settings)
