"""The recipes for programs with frameworks, each with the real framework.

Those marked `long` are run by `bash .ci/run long`, since the frameworks are large.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from support.children import environment
from support.programs import free_port, missing, mortal, running, virtual_screen
from urlrequest.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urlrequest.testing import RecordedRequest, Server

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"
BODY = "x" * 5000

pytestmark = pytest.mark.system


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """A URL with 5000 bytes; `/held` beside it gets no response before the test is over."""
    is_over = threading.Event()

    def hold(_: RecordedRequest) -> Reply:
        is_over.wait(100)
        return Reply()

    server.respond("/", BODY)
    server.route("/held", hold)
    yield server.url
    is_over.set()


def variables(needs: str, **more: str) -> dict[str, str]:
    """The environment of a program that imports recipes; the test is skipped where the framework is missing."""
    if importlib.util.find_spec(needs) is None:
        missing(f"{needs} is not installed")
    own = environment(is_measured=False, **more)
    return {**own, "PYTHONPATH": f"{own['PYTHONPATH']}:{EXAMPLES}"}


def output_of(script: str | Path, *arguments: str, needs: str, **more: str) -> str:
    """What a script prints, or a recipe; further variables may be given."""
    command = ["-c", script] if isinstance(script, str) else [script]
    done = subprocess.run(
        [sys.executable, *command, *arguments],
        env=variables(needs, **more),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


# Terminals


def test_prompt_toolkit(url: str) -> None:
    """The callback prints above the prompt while it waits for the next line."""
    script = """
import asyncio, sys
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.plain_text import PlainTextOutput
from recipe_prompt_toolkit import main

class Screen:
    encoding, seen = "utf-8", ""
    def write(self, text):
        self.seen += text
        if "bytes" in self.seen:
            keys.send_text("\\n")
    def flush(self): pass
    def isatty(self): return False
    def fileno(self): return 1

screen = Screen()
with create_pipe_input() as keys, create_app_session(input=keys, output=PlainTextOutput(screen)):
    keys.send_text(sys.argv[1] + "\\n")
    asyncio.run(main())
print("5000 bytes" in screen.seen)
"""
    assert "True\n" == output_of(script, url, needs="prompt_toolkit")


@pytest.mark.long
@pytest.mark.parametrize("recipe", ["recipe_textual", "recipe_textual_worker"])
def test_textual(url: str, recipe: str) -> None:
    """The app ends with the size; when it ends in mid-download, the request is cancelled, and nothing waits for it."""
    script = f"""
import asyncio, sys
from {recipe} import Fetch
from urlrequest import g_requests

async def run(app, *, is_closed):
    async with app.run_test() as pilot:
        while is_closed and not g_requests:
            await pilot.pause(0.02)
        if is_closed:
            app.exit("closed")
        while app.return_value is None:
            await pilot.pause(0.02)
    return app.return_value

print(asyncio.run(run(Fetch(sys.argv[1]), is_closed=False)), len(g_requests))
print(asyncio.run(run(Fetch(sys.argv[1] + "/held"), is_closed=True)), len(g_requests))
"""
    assert "5000 bytes 0\nclosed 0\n" == output_of(script, url, needs="textual")


# Servers


def test_fastapi(url: str) -> None:
    """Both kinds of functions respond."""
    script = """
import sys
from fastapi.testclient import TestClient
from recipe_fastapi import app

with TestClient(app) as client:
    for path in ("/awaited", "/waited"):
        print(client.get(path, params={"url": sys.argv[1]}).json())
"""
    assert "{'status': 200, 'bytes': 5000}\n" * 2 == output_of(script, url, needs="fastapi")


def test_flask(url: str) -> None:
    """The plain view waits for two requests, the asynchronous one awaits one and reports an error."""
    script = """
import sys
from recipe_flask import app

client, url = app.test_client(), sys.argv[1]
print(client.get("/waited", query_string={"url": [url, url]}).json)
print(client.get("/awaited", query_string={"url": url}).json)
print(client.get("/awaited", query_string={"url": "http://127.0.0.1:9/"}).status)
"""
    assert "{'bytes': [5000, 5000]}\n{'status': 200}\n502 BAD GATEWAY\n" == output_of(script, url, needs="asgiref")


@pytest.mark.long
def test_django(url: str) -> None:
    """Both views respond under WSGI and ASGI, and report an error."""
    script = """
import asyncio, sys
import django
from django.conf import settings

settings.configure(ROOT_URLCONF="recipe_django", ALLOWED_HOSTS=["*"], SECRET_KEY="of a test")
django.setup()
from django.test import AsyncClient, Client

for path in ("/waited", "/awaited"):
    print(Client().get(path, {"url": sys.argv[1]}).json())
    print(asyncio.run(AsyncClient().get(path, {"url": sys.argv[1]})).json())
    print(Client().get(path, {"url": "http://127.0.0.1:9/"}).status_code)
"""
    assert "{'bytes': 5000}\n{'bytes': 5000}\n502\n" * 2 == output_of(script, url, needs="django")


@pytest.mark.long
@pytest.mark.parametrize("options", [[], ["--preload"], ["--worker-class=gthread", "--threads=4"]])
def test_gunicorn(url: str, tmp_path: Path, options: list[str]) -> None:
    """Each forked worker makes requests with the session that was made before the fork."""
    port = free_port()
    command = ["-m", "gunicorn", "--workers=2", f"--bind=127.0.0.1:{port}", *options, "recipe_flask:app"]
    with running(
        [sys.executable, *command], port, tmp_path / "gunicorn.log", variables("gunicorn", HOME=str(tmp_path))
    ):
        for path in 4 * ["/waited", "/awaited"]:
            with urlopen(f"http://127.0.0.1:{port}{path}?{urlencode({'url': url})}", timeout=60) as response:
                assert json.load(response) in ({"bytes": [5000]}, {"status": 200})


@pytest.mark.long
def test_celery(url: str, tmp_path: Path) -> None:
    """Each of two forked processes makes requests with the session that was made before the fork."""
    (tmp_path / "program.py").write_text("""
from recipe_celery import app, size_of
app.conf.broker_transport_options = {"data_folder_in": "tasks", "data_folder_out": "tasks"}
""")
    script = """
import sys
from program import size_of
print([result.get(timeout=60) for result in [size_of.delay(sys.argv[1]) for _ in range(6)]])
"""
    own = variables("celery", CELERY_BROKER_URL="filesystem://", CELERY_RESULT_BACKEND=f"file://{tmp_path}/results")
    own["PYTHONPATH"] += f":{tmp_path}"
    (tmp_path / "results").mkdir()
    (tmp_path / "tasks").mkdir()
    worker = [sys.executable, "-m", "celery", "-A", "program", "worker", "--pool=prefork", "--concurrency=2"]
    with subprocess.Popen(mortal(worker), cwd=tmp_path, env=own, stderr=subprocess.DEVNULL) as process:
        try:
            client = [sys.executable, "-c", script, url]
            printed = subprocess.check_output(client, cwd=tmp_path, env=own, text=True, timeout=100)
        finally:
            process.terminate()
    assert f"{6 * [5000]}\n" == printed


def test_twisted(url: str) -> None:
    """The hook of six lines delivers in the reactor, with exceptions reported and the reactor going on."""
    assert "5000 bytes\n" == output_of(EXAMPLES / "recipe_twisted.py", url, needs="twisted")


# Pages


@pytest.mark.long
def test_streamlit(url: str) -> None:
    """The page shows the size, after its bar has moved on the script's thread."""
    script = f"""
import sys
from streamlit.testing.v1 import AppTest

page = AppTest.from_file({str(EXAMPLES / "recipe_streamlit.py")!r}, default_timeout=60).run()
page.text_input[0].set_value(sys.argv[1]).run()
print(page.markdown[0].value, len(page.exception))
"""
    assert "5000 bytes 0\n" == output_of(script, url, needs="streamlit")


@pytest.mark.long
def test_nicegui(url: str) -> None:
    """The handler makes a new element when its request has come; a page that closes cancels its request."""
    script = """
import asyncio, sys
from nicegui.testing import user_simulation
from urlrequest import g_requests

async def main():
    async with user_simulation() as user:
        import recipe_nicegui
        await user.open(f"/?url={sys.argv[1]}")
        user.find("Fetch").click()
        await user.should_see("5000 bytes", retries=100)
        await user.open(f"/?url={sys.argv[1]}/held")
        user.find("Fetch").click()
        while not g_requests:
            await asyncio.sleep(0.02)
        user.client.delete()
        while g_requests:
            await asyncio.sleep(0.02)
        print("cancelled")

asyncio.run(main())
"""
    assert "cancelled\n" == output_of(script, url, needs="nicegui")


@pytest.mark.long
def test_gradio(url: str) -> None:
    """Both functions show the size; one that is stopped cancels its request."""
    script = """
import sys, time
from gradio_client import Client
from recipe_gradio import page
from urlrequest import g_requests

_, address, _ = page.launch(prevent_thread_lock=True, quiet=True)
client = Client(address, verbose=False)
for name in ("/waited", "/awaited"):
    print(client.predict(sys.argv[1], api_name=name))
    job = client.submit(sys.argv[1] + "/held", api_name=name)
    while not g_requests or job.status().code.name not in ("PROCESSING", "ITERATING"):
        time.sleep(0.02)
    job.cancel()
    while g_requests:
        time.sleep(0.02)
    print("cancelled")
"""
    printed = output_of(script, url, needs="gradio", GRADIO_ANALYTICS_ENABLED="False")

    assert ["5000 bytes", "cancelled"] * 2 == [line for line in printed.splitlines() if "running" not in line]


# Notebooks


@pytest.mark.long
def test_marimo(url: str) -> None:
    """The notebook runs as a script, and its cell awaits."""
    assert "5000 bytes\n" == output_of(EXAMPLES / "recipe_marimo.py", url, needs="marimo")


@pytest.mark.long
def test_jupyter_widgets(url: str) -> None:
    """After a click, the callbacks set the widgets between the cells."""
    script = f"""
import sys
from pathlib import Path
from jupyter_client import KernelManager

recipe = Path({str(EXAMPLES / "recipe_jupyter_widgets.py")!r}).read_text()
cells = [
    recipe.replace("http://127.0.0.1:8000/", sys.argv[1]),
    "button.click()",
    "import asyncio\\nwhile not state.value: await asyncio.sleep(0.02)\\nprint(state.value, bar.value)",
]
manager = KernelManager()
manager.start_kernel(cwd="/")
client = manager.client()
client.start_channels()
try:
    client.wait_for_ready(timeout=60)
    for cell in cells:
        print(client.execute_interactive(cell, timeout=60)["content"]["status"])
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
"""
    assert "5000 bytes 1.0" in output_of(script, url, needs="ipywidgets")


# Frame loops


@pytest.mark.long
@pytest.mark.parametrize(
    ("recipe", "package"),
    [("recipe_dearpygui.py", "dearpygui"), ("recipe_pyglet.py", "pyglet"), ("recipe_raylib.py", "pyray")],
)
def test_frame_loop(url: str, recipe: str, package: str) -> None:
    """The callback runs in a frame, and the window closes."""
    with virtual_screen() as display:
        assert "5000 bytes" in output_of(EXAMPLES / recipe, url, needs=package, DISPLAY=display)


# What an engine for games has for each frame: `begin` calls `frame` until it raises SystemExit.
ENGINES = {
    "arcade": """
import arcade

class Window(arcade.Window):
    def on_update(self, _):
        frame()

def begin():
    window = Window(200, 100, "arcade")
    return arcade.Text("waiting", 0, 0), arcade.run
""",
    "panda3d": """
from panda3d.core import loadPrcFileData

loadPrcFileData("", "window-type offscreen")
loadPrcFileData("", "audio-library-name null")
from direct.gui.OnscreenText import OnscreenText
from direct.showbase.ShowBase import ShowBase

def begin():
    base = ShowBase()
    base.taskMgr.add(lambda task: (frame(), task.cont)[1], "drain")
    return OnscreenText("waiting"), base.run
""",
    "ursina": """
from ursina import Text, Ursina

def update():
    frame()

def begin():
    app = Ursina(window_type="offscreen")
    return Text("waiting"), app.run
""",
}


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_engine(url: str, engine: str) -> None:
    """Callbacks draw in a frame, `wait()` delivers there, and a program that ends in mid-download ends at once."""
    script = f"""
import sys, threading
from urlrequest import UrlRequest, drain

seen = []

def show(_, result):
    label.text = f"{{len(result)}} bytes"
    seen.append(threading.current_thread() is threading.main_thread())

def frame():
    drain(0.004)
    if len(seen) == 2:
        waited = UrlRequest(sys.argv[1], on_success=show).wait(timeout=50)
        held = UrlRequest(sys.argv[1] + "/held", on_success=show)
        print(label.text, seen, waited, held.is_finished)
        sys.exit()
{ENGINES[engine]}
label, run = begin()
UrlRequest(sys.argv[1], on_success=show)
threading.Thread(target=UrlRequest, args=(sys.argv[1], show)).start()
run()
"""
    with virtual_screen() as display:
        printed = output_of(script, url, needs=engine, DISPLAY=display)
    assert "5000 bytes [True, True, True] True False" in printed
