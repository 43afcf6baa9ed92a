"""Qt alone, with real bindings. Each test has its process."""

from __future__ import annotations

import pytest

from hooks.scripts import lines_of

pytestmark = [pytest.mark.hooks, pytest.mark.system, pytest.mark.usefixtures("screen")]


@pytest.mark.parametrize("binding", ["PySide6", "PyQt6"])
def test_8_8_many_threads_at_once(binding: str) -> None:
    """Contract 8.8: the first wake-ups may come from many threads, none of which may look at an enumeration of Qt's.

    PySide6 makes it then, and a second thread that looks meanwhile gets an AttributeError or ends the process.
    """
    script = f"""
from {binding} import QtCore
from urlrequest.hooks import QtHook

application = QtCore.QCoreApplication([])
hook, barrier, failures = QtHook(), threading.Barrier(8), []

def wake():
    barrier.wait()
    try:
        hook.wakeup()
    except Exception as failure:
        failures.append(repr(failure))

threads = [threading.Thread(target=wake) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(failures)
get("delivered", then=application.quit)
application.exec()
"""
    assert ["[]", "delivered"] == lines_of(script, binding)


@pytest.mark.parametrize("binding", ["PySide6", "PyQt6"])
def test_8_8_a_hook_that_is_collected_elsewhere(binding: str) -> None:
    """Contract 8.8: what it has in the loop goes on the loop's thread, the only one where Qt takes it out."""
    script = f"""
import gc, os
from {binding} import QtCore
from urlrequest.hooks import QtHook

application = QtCore.QCoreApplication([])
first, hooks, threads = QtHook(), [QtHook()], []
UrlRequest(server.url, hook=hooks[0], on_finish=lambda _: application.quit())
application.exec()
before = len(os.listdir("/proc/self/fd"))
directly = QtCore.Qt.ConnectionType.DirectConnection
hooks[0]._bridge.destroyed.connect(lambda *_: threads.append(threading.get_ident()), directly)
collecting = threading.Thread(target=lambda: (hooks.clear(), gc.collect()))
collecting.start()
collecting.join()
print(threads)
QtCore.QTimer.singleShot(50, application.quit)
application.exec()
print(threads == [threading.get_ident()], len(os.listdir("/proc/self/fd")) < before)
"""
    assert ["[]", "True True"] == lines_of(script, binding)
