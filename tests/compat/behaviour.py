"""Scenarios about the life of a request: wait(), cancel(), callbacks, several requests at once, what is logged.

As in `requests.py`: a scenario that names no row promises that nothing differs but what differs everywhere.
"""

from __future__ import annotations

from typing import Any

from compat import drives
from compat.scenarios import Scenario, Want, reply
from urlrequest.testing import Reply, Step, hold, send, signal, wait_for

__all__ = ["BEHAVIOUR"]

WAIT = "wait() ends on every outcome and only at the end"
CANCEL = "cancel interrupts, finishes and beats a late result"
STRONG, REASSIGN = "strong callbacks", "`on_*` reassignable"
TYPE = "one result type rule (4.1)"

OK = send(reply(200, b"ok"))
NINE = b"nine octs"
HALF = send(reply(200, b"x" * 8, length=16))
REST = send(b"y" * 8)
BY_8 = {"chunk_size": 8}
TARGET = {"file_path": "{folder}/target"}


def behave(name: str, *steps: Step, differs: tuple[str, ...] = (), **kwargs: Any) -> Scenario:
    return Scenario(name, steps or (OK,), differs=differs, **kwargs)


def ended(*names: str) -> Want:
    """Want wait() to return True after these events."""
    return Want(facts={"wait()": "returns True", "events when wait() ended": " ".join(names)})


WAITS = (
    behave("wait success", drive=drives.wait, differs=(WAIT,), want=ended("success", "finish")),
    behave("wait without callbacks", drive=drives.wait, listen=(), differs=(WAIT,), want=ended()),
    behave("wait 404", send(reply(404, b"no")), drive=drives.wait, differs=(WAIT,), want=ended("failure", "finish")),
    behave("wait 302", send(reply(302, b"no")), drive=drives.wait, differs=(WAIT,), want=ended("redirect", "finish")),
    behave(
        "wait 204", send(reply(204, length=False)), drive=drives.wait, differs=(WAIT,), want=ended("success", "finish")
    ),
    behave(
        "wait progress",
        drive=drives.wait,
        progress=True,
        body=b"ok",
        content_type="text/plain",
        differs=(WAIT, TYPE),
        want=ended("progress", "progress", "progress", "success", "finish"),
    ),
    behave(
        "wait refused",
        url="http://{host}:1/p",
        drive=drives.wait,
        differs=(WAIT,),
        want=ended("error", "finish"),
    ),
    behave(
        "wait timeout",
        hold(),
        options={"timeout": 0.2},
        drive=drives.wait,
        differs=(WAIT,),
        want=ended("error", "finish"),
    ),
    behave(
        "wait in the body",
        HALF,
        signal("half"),
        wait_for("go"),
        REST,
        options=BY_8,
        progress=True,
        drive=drives.wait_in_body,
        body=b"x" * 8 + b"y" * 8,
        content_type="text/plain",
        differs=(WAIT, TYPE),
        want=Want(facts={"wait()": "returns True", "wait() ended": "after the body"}),
    ),
)


def cancelled(*progress: tuple[int, int], returned: str = "[True]", held: bool | None = True, **kwargs: Any) -> Want:
    """Want on_cancel and on_finish after these progress events, before the server goes on."""
    facts = {"cancel() returns": returned}
    if held is not None:
        facts["on_cancel while the server holds"] = str(held)
    return Want(terminal="cancel", result=None, error="", progress=progress, facts=facts, **kwargs)


HELD = (signal("asked"), wait_for("go"), OK)
IN_BODY = (HALF, signal("half"), wait_for("go"), REST)
ALL = (send(reply(200, NINE)), signal("sent"))

CANCELS = (
    behave("cancel before the head", *HELD, drive=drives.cancel_during("asked"), differs=(CANCEL,), want=cancelled()),
    behave(
        "cancel before the head progress",
        *HELD,
        progress=True,
        drive=drives.cancel_during("asked"),
        differs=(CANCEL,),
        want=cancelled(status=None, fields=None),
    ),
    behave(
        "cancel twice",
        *HELD,
        drive=drives.cancel_during("asked", times=2),
        differs=(CANCEL,),
        want=cancelled(returned="[True, False]"),
    ),
    behave(
        "cancel in the body",
        *IN_BODY,
        drive=drives.cancel_during("half", hides_head=True),
        differs=(CANCEL,),
        want=cancelled(),
    ),
    behave(
        "cancel in the body progress",
        *IN_BODY,
        options=BY_8,
        progress=True,
        drive=drives.cancel_during("half"),
        differs=(CANCEL,),
        want=cancelled((0, 16), (8, 16)),
    ),
    behave(
        "cancel a file",
        *IN_BODY,
        options=TARGET,
        existing=b"old",
        drive=drives.cancel_during("half", hides_head=True),
        differs=(CANCEL, "file_path atomic and 2xx only"),
        want=cancelled(files=(("target", b"old"),)),
    ),
    behave(
        "cancel a late result", *ALL, drive=drives.cancel_after_settling, differs=(CANCEL,), want=cancelled(held=None)
    ),
    behave(
        "cancel in on_progress",
        *ALL,
        progress=True,
        drive=drives.cancel_in("progress"),
        differs=(CANCEL,),
        want=cancelled((0, 9), held=None),
    ),
    behave(
        "cancel in on_success",
        *ALL,
        drive=drives.cancel_in("success"),
        differs=(CANCEL,),
        want=Want(facts={"cancel() returns": "[False]"}),
    ),
    behave(
        "cancel in on_finish",
        *ALL,
        drive=drives.cancel_in("finish"),
        differs=(CANCEL,),
        want=Want(facts={"cancel() returns": "[False]"}),
    ),
)

LATE = (signal("asked"), wait_for("go"), OK)

CALLBACKS = (
    behave(
        "bound method of an object that is gone",
        *LATE,
        drive=drives.drop_receiver,
        differs=(STRONG,),
        want=Want(terminal="success", result="ok"),
    ),
    behave(
        "callback assigned later",
        *LATE,
        drive=drives.reassign,
        differs=(REASSIGN,),
        want=Want(terminal="reassigned", result="ok"),
    ),
    behave(
        "callbacks read back",
        *LATE,
        listen=("failure",),
        drive=drives.read_attributes,
        differs=(REASSIGN,),
        want=Want(facts={"on_success reads back": "True"}),
    ),
    behave("callback for success only", listen=("success",)),
    behave("callback for success only, 404", send(reply(404, b"no")), listen=("success",)),
    behave("callback for failure only, 404", send(reply(404, b"no")), listen=("failure",)),
    behave("callback for error only, refused", url="http://{host}:1/p", listen=("error",)),
    behave("callback that is falsy", options={"on_redirect": ""}, listen=("success",), drive=drives.construct),
)

SEVERAL = (
    Scenario(
        "three in turn",
        routes={"/p": Reply(200, b"ok", {"Content-Type": "text/plain"})},
        drive=drives.fetch_in_turn,
        differs=("keep-alive",),
        want=Want(connections=1),
    ),
    Scenario(
        "many at once",
        routes={"/p": Reply(200, b"ok", {"Content-Type": "text/plain", "Connection": "close"})},
        drive=drives.fetch_many,
        differs=("limits",),
        want=Want(facts={"at once": "64"}),
    ),
    behave(
        "many progress events",
        send(reply(200, b"x" * 3000, content_type="image/png")),
        signal("sent"),
        options={"chunk_size": 1},
        progress=True,
        drive=drives.deliver_late,
        differs=("limits",),
        want=Want(facts={"progress events kept": "1024"}),
    ),
    Scenario(
        "growth of time with size",
        progress=True,
        drive=drives.compare_growth,
        differs=("linear memory",),
        want=Want(facts={"growth": "linear"}),
    ),
)

DEBUG = "debug output on the logger `urlrequest` without credentials and bodies"

LOGS = (
    behave(
        "debug",
        send(reply(200, b"1ncoming")),
        url="http://user:s3cret@{host}:{port}/p",
        options={"debug": True, "req_body": "0utgoing"},
        drive=drives.log_debug,
        differs=(DEBUG,),
        want=Want(
            facts={
                "loggers": "urlrequest",
                "password logged": "False",
                "request body logged": "False",
                "response body logged": "False",
            }
        ),
    ),
    behave("no debug", drive=drives.log_debug),
)

JSON = send(reply(200, b'{"a": 1}', content_type="application/json"))

CLASSES = (
    behave("attributes", *LATE, drive=drives.look),
    behave("attributes of options", *LATE, options={"chunk_size": 77, "decode": False}, drive=drives.look),
    behave("decode_result overridden", drive=drives.decode_otherwise),
    behave("decode_result overridden, JSON", JSON, drive=drives.decode_otherwise),
    behave("decode_result overridden, not decoded", JSON, options={"decode": False}, drive=drives.decode_otherwise),
    behave("decode_result overridden, failure", send(reply(404, b"no")), drive=drives.decode_otherwise),
    behave("scheme of one's own", url="own://{host}:{port}/p?q", drive=drives.connect_otherwise),
)

BEHAVIOUR = (*WAITS, *CANCELS, *CALLBACKS, *SEVERAL, *LOGS, *CLASSES)
