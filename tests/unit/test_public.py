"""Where public names say that they are."""

from __future__ import annotations

import http.client
import pickle
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import urlrequest
from urlrequest import errors, hooks, streams, testing

if TYPE_CHECKING:
    from types import ModuleType

VALUES = {
    "__version__",
    "defaults",
    "g_requests",
    *("errors", "hooks", "streams", "testing"),
}  # not classes, not functions
NAMES = [
    *((urlrequest, name) for name in urlrequest.__all__ if name not in VALUES),
    *((errors, name) for name in errors.__all__),
    *((hooks, name) for name in hooks.__all__),
    *((streams, name) for name in streams.__all__),
    *((testing, name) for name in testing.__all__),
]


def public(module: ModuleType, name: str) -> Any:
    if name == "TkHook":
        pytest.importorskip("tkinter")
    return getattr(module, name)


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[f"{module.__name__}.{name}" for module, name in NAMES])
def test_1_2_a_public_name_says_where_it_is_public(module: ModuleType, name: str) -> None:
    """Contract 1.2: a public class or function names a public module, where it can be found under its own name."""
    found: Any = public(module, name)
    home = urlrequest if name in {"install", "uninstall"} else module

    assert home.__name__ == found.__module__
    assert found is getattr(home, found.__name__)


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[f"{module.__name__}.{name}" for module, name in NAMES])
def test_1_2_a_public_name_is_pickled_by_its_public_module(module: ModuleType, name: str) -> None:
    """Contract 1.2: a pickled reference to a public name does not depend on the private layout of the package."""
    found = public(module, name)
    pickled = pickle.dumps(found)

    assert found is pickle.loads(pickled)  # noqa: S301 - it was made one line above
    assert b"._" not in pickled


@pytest.mark.parametrize("name", errors.__all__)
def test_16_2_an_error_survives_pickling(name: str) -> None:
    """Contract 16.2: an error can be sent to another process; a traceback names the public module."""
    error = getattr(errors, name)("what happened")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - it was made one line above

    assert (type(error), error.args) == (type(again), again.args)
    assert [f"urlrequest.errors.{name}: what happened\n"] == traceback.format_exception_only(error)


def test_16_2_a_proxy_error_keeps_its_status() -> None:
    """Contract 14.2: status and headers of a refused tunnel are pickled with the error."""
    error = errors.ProxyError("refused", status=407, headers={"A": "b"})
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - it was made one line above

    assert (407, {"A": "b"}) == (again.status, again.headers)


def test_11_1_headers_survive_pickling() -> None:
    """Contract 11.1: the headers of a response can be sent to another process, with all values of repeated names."""
    headers = urlrequest.Headers([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-A", "1")])
    pickled = pickle.dumps(headers)
    again = pickle.loads(pickled)  # noqa: S301 - it was made one line above

    assert (headers, ["a=1", "b=2"], "1") == (again, again.get_all("set-cookie"), again["x-a"])
    assert b"urlrequest._" not in pickled


def test_1_2_a_subclass_says_where_it_is() -> None:
    """A class that derives from a public one is the program's own."""

    class Own(urlrequest.HTTPConnection):
        pass

    assert __name__ == Own.__module__
    assert issubclass(Own, http.client.HTTPConnection)
