"""Takes the pictures of the download managers for the documentation, on virtual screens.

Usage, from the project's folder, with ImageMagick, Openbox, xterm and Xvfb: python tests/examples/take_pictures.py
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DRIVER = ROOT / "tests" / "examples" / "drive_downloads.py"
PICTURES = ROOT / "docs" / "pictures"
SYSTEM_TOOLKITS = {"gtk", "wx"}  # Debian's, for the system's Python

# A window manager draws the frames.
ALONE = 'openbox & manager=$!; "$@"; code=$?; kill $manager; exit $code'
# The same beside a terminal in which the command downloads something from its own pages for trying out.
BESIDE_A_TERMINAL = r"""
openbox & manager=$!
folder=$(mktemp -d)
python -u -m urlrequest serve >$folder/log 2>&1 & server=$!
until url=$(grep -o 'http://127.0.0.1:[0-9]*' $folder/log); do sleep 0.1; done
xterm -fa Monospace -fs 10 -geometry 118x7+14+178 -T Terminal -bg white -fg black -e sh -c "
    cd $folder
    printf '$ urlrequest $url/hello.json\n'; python -m urlrequest $url/hello.json; echo
    printf '$ urlrequest -O $url/slow.bin\n'; python -m urlrequest -O $url/slow.bin; sleep 60" & terminal=$!
sleep 1
"$@"; code=$?
kill $manager $server $terminal; rm -r $folder; exit $code
"""

PICTURES.mkdir(exist_ok=True)


def take(script: str, python: str, toolkit: str, picture: Path) -> None:
    screen = ["xvfb-run", "-a", "-s", "-screen 0 980x640x24"]
    command = [*screen, "sh", "-c", script, "sh", python, DRIVER, toolkit, ROOT / "docs" / "examples", picture]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


for toolkit in ("tk", "qt", "gtk", "wx", "kivy", "pygame"):
    python = "/usr/bin/python3" if toolkit in SYSTEM_TOOLKITS else sys.executable
    picture = PICTURES / f"downloads-{toolkit}.png"
    take(ALONE, python, toolkit, picture)
take(BESIDE_A_TERMINAL, sys.executable, "tk", PICTURES / "window-and-terminal.png")
