"""Tk's programs in which its hook is hard to find: no default root, no mainloop(). Each test has its process."""

from __future__ import annotations

import pytest

from hooks.scripts import lines_of

pytestmark = [pytest.mark.hooks, pytest.mark.system, pytest.mark.usefixtures("screen")]


PROGRAM = """
import time, tkinter
{before}
root, is_over = tkinter.Tk(), threading.Event()

def in_thread(what, then):
    thread = threading.Thread(target=get, args=(what,), kwargs=dict(then=then))
    thread.start()
    thread.join()

def in_handler():
    get("in a handler", then=lambda: (is_over.set(), root.quit()))

{request}
{loop}
"""
MAIN_LOOP = "root.mainloop()"
OWN_LOOP = """
while not is_over.is_set():
    root.update()
    time.sleep(0.01)
"""
NO_DEFAULT = "tkinter.NoDefaultRoot()"


@pytest.mark.parametrize("loop", [MAIN_LOOP, OWN_LOOP], ids=["mainloop", "update"])
@pytest.mark.parametrize("before", ["", NO_DEFAULT], ids=["default", "no_default"])
def test_8_2_a_handler_of_tk(before: str, loop: str) -> None:
    """Contract 8.2: a request made in a handler finds the root, whether it is the default one or not."""
    script = PROGRAM.format(before=before, request="root.after(0, in_handler)", loop=loop)
    assert ["in a handler"] == lines_of(script, "tkinter")


@pytest.mark.parametrize(
    ("before", "loop"),
    [("", MAIN_LOOP), ("", OWN_LOOP), (NO_DEFAULT, MAIN_LOOP)],
    ids=["mainloop", "update", "no_default"],
)
def test_8_10_the_first_request_on_a_thread(before: str, loop: str) -> None:
    """Contract 8.10: the first request, on another thread, comes in mainloop(), and in update() of the default root."""
    script = PROGRAM.format(before=before, request='in_thread("of a thread", in_handler)', loop=loop)
    assert ["of a thread", "in a handler"] == lines_of(script, "tkinter")


def test_8_2_the_second_root() -> None:
    """Contract 8.2: where the first root was destroyed, there is no default root any more: the second one counts."""
    script = """
import tkinter
first, second = tkinter.Tk(), tkinter.Tk()
first.destroy()
assert tkinter._default_root is None
second.after(0, lambda: get("in a handler", then=second.destroy))
second.mainloop()
"""
    assert ["in a handler"] == lines_of(script, "tkinter")


def test_8_3_update_without_a_default_root() -> None:
    """Contract 8.3, 8.1: a program whose loop Tk does not show has drain(), or a hook."""
    script = """
import time, tkinter
tkinter.NoDefaultRoot()
root = tkinter.Tk()
request = get("drained")
while not request.is_finished:
    root.update()
    urlrequest.drain(0.004)
    time.sleep(0.01)
urlrequest.install(urlrequest.hooks.TkHook(root))
request = get("by its hook")
while not request.is_finished:
    root.update()
    time.sleep(0.01)
"""
    assert ["drained", "by its hook"] == lines_of(script, "tkinter")


def test_8_10_a_root_that_never_turns() -> None:
    """Contract 8.10: a hidden root is asked in vain, which holds up neither wait() nor a fork nor the end."""
    script = """
import os, time, tkinter
from urlrequest.hooks import TkHook, _tk
root = tkinter.Tk()
root.withdraw()
threading.Thread(target=get, args=("waited for",)).start()
while not _tk._asking.locked():
    time.sleep(0.01)
child = os.fork()
if not child:
    urlrequest.drain()  # so that the fork is noticed
    os._exit(_tk._asking.locked())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
urlrequest.wait_all(urlrequest.g_requests, timeout=20)
root.update()  # now it turns, and has a hook
print(type(urlrequest.hooks.current_hook()).__name__)
while _tk._asking.locked():  # until the thread that has asked goes on
    time.sleep(0.01)
"""
    assert ["0", "waited for", "TkHook"] == lines_of(script, "tkinter")
