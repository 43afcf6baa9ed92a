"""Loops that read responses themselves, each in a process of its own."""

from __future__ import annotations

import select

import pytest

from hooks.scripts import lines_of

pytestmark = [
    pytest.mark.hooks,
    pytest.mark.system,
    pytest.mark.usefixtures("screen"),
    pytest.mark.skipif(not hasattr(select, "epoll"), reason="this system has no epoll"),
]

ASYNCIO = """
loop = {factory}()
run, stop = loop.run_forever, loop.stop
loop.call_soon(lambda: begin())
"""
QT = """
from {binding} import QtCore
loop = QtCore.QCoreApplication([])
run, stop = loop.exec, loop.quit
QtCore.QTimer.singleShot(0, lambda: begin())
"""
LOOPS = {
    "asyncio": (ASYNCIO.format(factory="asyncio.new_event_loop"), "asyncio"),
    "uvloop": ("import uvloop" + ASYNCIO.format(factory="uvloop.new_event_loop"), "uvloop"),
    "PySide6": (QT.format(binding="PySide6"), "PySide6"),
    "PyQt6": (QT.format(binding="PyQt6"), "PyQt6"),
}
BEGIN = """
from urlrequest._client import flight

def begin():
    get("made a connection", then=go_on)

def go_on():
    flight.watch.add = flight.watch.add_later = lambda item: None  # nobody else reads
    get("read", then=lambda: get("read", then=lambda: get("read", then=stop)))
"""


@pytest.mark.parametrize("loop", LOOPS)
def test_8_4_the_loop_reads(loop: str) -> None:
    """Contract 4.5, 8.4: from the second request on the loop's thread reads the responses of launched requests."""
    script, package = LOOPS[loop]
    assert ["made a connection", "read", "read", "read"] == lines_of(BEGIN + script + "run()\n", package)


def test_8_4_a_hook_is_closed_while_its_loop_goes_on() -> None:
    """Contract 8.4: no descriptor that the loop's selector has is given out again."""
    script = """
import gc, os
from urlrequest import hooks

async def main():
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    get("delivered", then=done.set)
    await done.wait()
    hook = hooks.current_hook()
    descriptor = hook.queue.interest_list.fileno()
    hook.close()
    del hook
    gc.collect()
    os.fstat(descriptor)
    done = asyncio.Event()
    get("delivered again", then=done.set)
    await done.wait()

asyncio.run(main())
"""
    assert ["delivered", "delivered again"] == lines_of(script)


def test_8_4_a_loop_that_watches_no_descriptor() -> None:
    """Contract 8.4: where a loop cannot, as that of Windows, another thread reads."""
    script = """
class Loop(asyncio.SelectorEventLoop):
    def add_reader(self, *_):
        raise NotImplementedError

loop = Loop()
loop.call_soon(lambda: get("one", then=lambda: get("two", then=lambda: get("three", then=loop.stop))))
loop.run_forever()
"""
    assert ["one", "two", "three"] == lines_of(script)
