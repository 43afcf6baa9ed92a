"""Two loops on one thread (contract 8.11), with real toolkits: whichever turns delivers. Each test has its process."""

from __future__ import annotations

import pytest

from hooks.scripts import lines_of

pytestmark = [pytest.mark.hooks, pytest.mark.system, pytest.mark.usefixtures("screen")]


def test_8_11_a_tk_window_in_a_coroutine() -> None:
    """Contract 8.11: mainloop() inside async def main() delivers, asyncio afterwards, and what comes in between too."""
    script = """
import tkinter

async def main():
    root = tkinter.Tk()
    late = get("after the window", "/late")
    root.after(0, lambda: get("first", then=lambda: get("second", then=root.destroy)))
    root.mainloop()
    print("closed")
    gate.set()
    while not late.is_finished:
        await asyncio.sleep(0.01)
    print((await get("awaited")).result)

asyncio.run(main())
"""
    assert ["first", "second", "closed", "after the window", "awaited", "now"] == lines_of(script, "tkinter")


def test_8_11_asyncio_in_a_handler_of_tk() -> None:
    """Contract 8.11: asyncio.run() in a handler delivers while it runs; then Tk delivers what it has left."""
    script = """
import tkinter
root = tkinter.Tk()

async def job():
    done = asyncio.Event()
    get("in asyncio", then=done.set)
    get("by Tk", "/late", then=root.destroy)
    await done.wait()

def press():
    asyncio.run(job())
    print("job done")
    gate.set()

root.after(0, press)
root.mainloop()
"""
    assert ["in asyncio", "job done", "by Tk"] == lines_of(script, "tkinter")


@pytest.mark.parametrize("binding", ["PySide6", "PyQt6"])
def test_8_11_a_qt_window_in_a_coroutine(binding: str) -> None:
    """Contract 8.11: so does exec() of Qt."""
    script = f"""
from {binding} import QtCore

async def main():
    app = QtCore.QCoreApplication([])
    get("first", then=lambda: get("second", then=app.quit))
    app.exec()
    print((await get("awaited")).result)

asyncio.run(main())
"""
    assert ["first", "second", "awaited", "now"] == lines_of(script, binding)


def test_8_11_two_toolkits() -> None:
    """Contract 8.11: a hidden Tk root, for its dialogs, keeps nothing from the toolkit whose loop runs."""
    script = """
import tkinter
from PyQt6 import QtCore
app = QtCore.QCoreApplication([])
root = tkinter.Tk()
root.withdraw()
get("first", then=lambda: get("second", then=app.quit))
app.exec()
get("third", then=root.quit)
root.mainloop()
root.destroy()
"""
    assert ["first", "second", "third"] == lines_of(script, "tkinter", "PyQt6")


def test_8_11_qasync() -> None:
    """Contract 8.11, 8.6: slots and coroutines of qasync, whose closed loop drops its calls; Qt goes on with them."""
    script = """
from PyQt6 import QtCore
import qasync
app = QtCore.QCoreApplication([])
loop = qasync.QEventLoop(app)
asyncio.set_event_loop(loop)

async def main():
    print((await get("awaited")).result)
    get("late", "/late", then=app.quit)
    slot = asyncio.Event()
    QtCore.QTimer.singleShot(0, lambda: get("slot", then=slot.set))
    await slot.wait()

loop.run_until_complete(main())
loop.close()
gate.set()
app.exec()
"""
    assert ["awaited", "now", "slot", "late"] == lines_of(script, "PyQt6", "qasync")


def test_8_11_qtasyncio() -> None:
    """Contract 8.11: slots and coroutines of QtAsyncio; what its loop leaves behind is delivered by Qt."""
    script = """
from PySide6 import QtAsyncio, QtCore
app = QtCore.QCoreApplication([])

async def main():
    print((await get("awaited")).result)
    get("left behind", "/late", then=app.quit)
    slot = asyncio.Event()
    QtCore.QTimer.singleShot(0, lambda: get("slot", then=slot.set))
    await slot.wait()

QtAsyncio.run(main(), keep_running=False)
print("over")
gate.set()
app.exec()
"""
    assert ["awaited", "now", "slot", "over", "left behind"] == lines_of(script, "PySide6", "PySide6.QtAsyncio")


def test_8_11_qtasyncio_around_its_window() -> None:
    """Contract 8.11: QtAsyncio.run() without a coroutine delivers requests made before it, and those of slots."""
    script = """
from PySide6 import QtAsyncio, QtCore
app = QtCore.QCoreApplication([])
get("before", then=lambda: QtCore.QTimer.singleShot(0, lambda: get("slot", then=app.quit)))
QtAsyncio.run()
"""
    assert ["before", "slot"] == lines_of(script, "PySide6", "PySide6.QtAsyncio")


def test_8_11_async_tkinter_loop() -> None:
    """Contract 8.11: async-tkinter-loop turns Tk in a coroutine; requests of commands, coroutines and threads come."""
    script = """
import tkinter
from async_tkinter_loop import async_handler, async_mainloop
root = tkinter.Tk()

async def job():
    print((await get("awaited")).result)
    get("of a coroutine", then=command)

def command():
    get("of a command", then=thread.start)

thread = threading.Thread(target=lambda: get("of a thread", then=close))

def close():
    get("after the window", "/late")
    root.destroy()

root.after(0, async_handler(job))
async_mainloop(root)
print("closed")
gate.set()
urlrequest.wait_all(urlrequest.g_requests, timeout=20)
"""
    assert [
        "awaited",
        "now",
        "of a coroutine",
        "of a command",
        "of a thread",
        "closed",
        "after the window",
    ] == lines_of(script, "tkinter", "async_tkinter_loop")


def test_8_11_trio_as_a_guest_of_qt() -> None:
    """Contract 8.11, 8.2: a slot is Qt's, not the guest's; what the guest leaves behind is delivered by Qt."""
    script = """
import trio
from PyQt6 import QtCore
app = QtCore.QCoreApplication([])

class Caller(QtCore.QObject):
    called = QtCore.pyqtSignal(object)

caller = Caller()
caller.called.connect(lambda call: call(), QtCore.Qt.ConnectionType.QueuedConnection)

async def guest():
    print((await get("awaited")).result)
    get("left by the guest", "/late")
    QtCore.QTimer.singleShot(0, lambda: print(type(urlrequest.hooks.current_hook()).__name__))
    await trio.sleep(0.01)

def over(outcome):
    print("guest over")
    gate.set()
    get("slot", then=app.quit)

trio.lowlevel.start_guest_run(guest, run_sync_soon_threadsafe=caller.called.emit, done_callback=over)
app.exec()
"""
    found = lines_of(script, "PyQt6", "trio")

    assert ["awaited", "now", "QtHook", "guest over"] == found[:4]
    assert {"left by the guest", "slot"} >= set(found[4:]) >= {"slot"}


def test_17_8_await_in_both_flavours_of_a_guest_run() -> None:
    """Contract 17.8: `await` works in a trio guest, and in the asyncio host around it."""
    script = """
import trio

async def host():
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    async def guest():
        print("guest", (await get("in the guest")).result)
        with trio.fail_after(20):
            while not gate.is_set():
                await trio.sleep(0.01)
    trio.lowlevel.start_guest_run(
        guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=lambda _: over.set()
    )
    await asyncio.sleep(0.01)
    print("host", (await get("in the host")).result)
    gate.set()
    await over.wait()

asyncio.run(host())
"""
    assert ["guest now", "host now", "in the guest", "in the host"] == sorted(lines_of(script, "trio"))


def test_17_8_await_in_both_flavours_of_trio_asyncio() -> None:
    """Contract 17.8: and in code of either kind under trio-asyncio."""
    script = """
import trio, trio_asyncio

async def of_asyncio():
    print("asyncio", (await get("1")).result)

async def main():
    print("trio", (await get("2")).result)
    await trio_asyncio.aio_as_trio(of_asyncio)()

trio_asyncio.run(main)
"""
    assert ["2", "trio now", "1", "asyncio now"] == lines_of(script, "trio_asyncio")


@pytest.mark.slow
def test_8_11_a_window_of_a_notebook() -> None:
    """Contract 8.11, 8.9: after `%gui tk`, requests of cells and of the window come at once, with the cell's output."""
    script = """
import queue
from jupyter_client import KernelManager

CELLS = [
    "import threading, tkinter; from urlrequest import UrlRequest",
    "%gui tk\\nroot = tkinter.Tk()",
    f"url = {server.url!r}",
    "UrlRequest(url, on_success=lambda *_: print('of a cell', end=''))",
    "root.after(0, lambda: UrlRequest(url, on_success=lambda *_: print('of the window', end='')))",
    "print((await UrlRequest(url)).result, end='')",
    "root.destroy()",
]
manager = KernelManager()
manager.start_kernel(cwd="/")  # ipykernel takes the current folder off the path, from PYTHONPATH too
client = manager.client()
client.start_channels()
try:
    client.wait_for_ready(timeout=60)
    for number, cell in enumerate(CELLS):
        asked, is_idle = client.execute(cell), False
        has_come = number not in {3, 4, 5}  # the others print nothing
        while not (is_idle and has_come):
            try:
                message = client.get_iopub_msg(timeout=1)
            except queue.Empty:
                client.kernel_info()  # ipykernel may not notice a message that comes while it starts Tk's loop
                continue
            kind, content = message["msg_type"], message["content"]
            assert kind != "error", content
            if kind == "stream" and content["name"] == "stdout":
                own = message["parent_header"]["msg_id"] == asked
                print(content["text"], "in its cell" if own else "elsewhere", flush=True)
                has_come = True
            is_idle |= kind == "status" and content["execution_state"] == "idle"
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
"""
    found = lines_of(script, "ipykernel", "tkinter")

    assert ["of a cell in its cell", "of the window", "now in its cell"] == [
        line.removesuffix(" elsewhere").replace("of the window in its cell", "of the window") for line in found
    ]
