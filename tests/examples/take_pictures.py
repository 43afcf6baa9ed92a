"""Takes the pictures of the download managers for the documentation, on virtual screens.

Usage, from the project's folder, with ImageMagick, Openbox and Xvfb: python tests/examples/take_pictures.py
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DRIVER = ROOT / "tests" / "examples" / "drive_downloads.py"
PICTURES = ROOT / "docs" / "pictures"
SYSTEM_TOOLKITS = {"gtk", "wx"}  # Debian's, for the system's Python

PICTURES.mkdir(exist_ok=True)
for toolkit in ("tk", "qt", "gtk", "wx", "kivy", "pygame"):
    python = "/usr/bin/python3" if toolkit in SYSTEM_TOOLKITS else sys.executable
    picture = PICTURES / f"downloads-{toolkit}.png"
    # A window manager draws the frames.
    script = 'openbox & manager=$!; "$@"; code=$?; kill $manager; exit $code'
    screen = ["xvfb-run", "-a", "-s", "-screen 0 1100x640x24"]
    command = [*screen, "sh", "-c", script, "sh", python, DRIVER, toolkit, ROOT / "docs" / "examples", picture]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
