#!/usr/bin/env bash
# PySide6 6.12.0 takes a reference from None with every call of a method that returns nothing, on Python 3.10 and 3.11.
#
# Versions: PySide6-Essentials 6.12.0 and 6.11.3; CPython 3.11 (None has a count of references until 3.11).
# Expected: 100 calls change the count by nothing, as with 6.11.3.
# Seen:     with 6.12.0, 100 calls of QCoreApplication.processEvents(), QTimer.start() or postEvent() take 100 references from
#           None, and 100 emissions of a signal take 100 from True. A program that runs for long enough ends with
#           a fatal error. QMetaObject.invokeMethod() takes none.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -c 'import sys; sys.exit(sys.version_info[:2] not in {(3, 10), (3, 11)})' ||
    { echo "needs python3 3.10 or 3.11"; exit 2; }
cat >count.py <<'PY'
import os
import sys

from PySide6 import QtCore


class Object(QtCore.QObject):
    changed = QtCore.Signal()

    @QtCore.Slot()
    def look(self):
        pass


app = QtCore.QCoreApplication([])
target, timer = Object(), QtCore.QTimer()
queued = QtCore.Qt.ConnectionType.QueuedConnection
calls = {
    "processEvents": lambda: app.processEvents(),
    "QTimer.start": lambda: timer.start(100_000),
    "postEvent": lambda: app.postEvent(target, QtCore.QEvent(QtCore.QEvent.Type.User)),
    "emit": lambda: target.changed.emit(),
    "invokeMethod": lambda: QtCore.QMetaObject.invokeMethod(target, "look", queued),
}
for name, call in calls.items():
    call()
    before = sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(100):
        call()
    changes = [now - was for now, was in zip((sys.getrefcount(None), sys.getrefcount(True)), before)]
    print(name, *(0 if abs(change) < 10 else round(change, -1) for change in changes), flush=True)
os._exit(0)  # without the end of the interpreter, which needs the references
PY
for version in 6.11.3 6.12.0; do
    python3 -m venv "$version"
    "$version/bin/pip" install -qq --disable-pip-version-check "PySide6-Essentials==$version"
    echo "-- $version: change of the references to None and to True by 100 calls"
    "$version/bin/python" count.py | tee "$version.txt"
done
printf '%s\n' "processEvents 0 0" "QTimer.start 0 0" "postEvent 0 0" "emit 0 0" "invokeMethod 0 0" | diff - 6.11.3.txt
printf '%s\n' "processEvents -100 0" "QTimer.start -100 0" "postEvent -100 0" "emit 0 -100" "invokeMethod 0 0" | diff - 6.12.0.txt
