#!/usr/bin/env bash
# Threads that look at an enumeration of PySide6 at the same time, each for the first time, get AttributeError.
#
# Versions: PySide6-Essentials 6.12.0 and 6.11.3, PyQt6 6.11.0; CPython 3.11.
# Expected: the enumeration, as with PyQt6, and as one thread alone gets it.
# Seen:     with both versions of PySide6, AttributeError: type object 'PySide6.QtCore.Qt' has no attribute 'ConnectionType',
#           on some of eight threads in every process. PySide6 makes its enumerations when they are first looked at.
#           A program that looks at them once before it starts threads never sees it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >look.py <<'PY'
import importlib
import sys
import threading

core = importlib.import_module(sys.argv[1] + ".QtCore")
begin, errors = threading.Barrier(8), []
if sys.argv[2] == "before":
    core.Qt.ConnectionType.QueuedConnection


def look():
    begin.wait()
    try:
        core.Qt.ConnectionType.QueuedConnection
    except AttributeError as error:
        errors.append(str(error))


threads = [threading.Thread(target=look) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*set(errors) or ["fine"])
PY
# A few processes each: a race may be won.
look() { for _ in 1 2 3 4 5; do "$1/bin/python" look.py "$2" "$3"; done | sort -u; }
for version in 6.12.0 6.11.3; do
    python3 -m venv "pyside-$version"
    "pyside-$version/bin/pip" install -qq --disable-pip-version-check "PySide6-Essentials==$version"
    echo "PySide6 $version, first look on threads: $(look "pyside-$version" PySide6 threads | tail -n 1)"
    echo "PySide6 $version, looked at before: $(look "pyside-$version" PySide6 before)"
done >seen
python3 -m venv pyqt
pyqt/bin/pip install -qq --disable-pip-version-check PyQt6==6.11.0
echo "PyQt6 6.11.0, first look on threads: $(look pyqt PyQt6 threads)" >>seen
cat seen
cat >expected <<'TEXT'
PySide6 6.12.0, first look on threads: type object 'PySide6.QtCore.Qt' has no attribute 'ConnectionType'
PySide6 6.12.0, looked at before: fine
PySide6 6.11.3, first look on threads: type object 'PySide6.QtCore.Qt' has no attribute 'ConnectionType'
PySide6 6.11.3, looked at before: fine
PyQt6 6.11.0, first look on threads: fine
TEXT
diff expected seen && echo "as described above"
