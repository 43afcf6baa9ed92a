"""A download manager for Kivy: progress bars, cancel buttons, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kivy.app import App
from kivy.core.window import Window
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.button import Button
from kivy.uix.label import Label
from kivy.uix.progressbar import ProgressBar

from urlrequest import UrlRequest
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Iterator


class Row(BoxLayout):
    """One download: its name, a progress bar, its state, and a cancel button."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(spacing=8, padding=8, size_hint_y=None, height=48)
        name = url.rsplit("/", 1)[-1]
        self.bar = ProgressBar(max=100)
        self.state = Label(text="waiting")
        self.button = Button(text="Cancel", size_hint_x=0.4)
        self.button.bind(on_release=lambda _: self.request.cancel())
        for widget in (Label(text=name, size_hint_x=0.5), self.bar, self.state, self.button):
            self.add_widget(widget)
        self.request = UrlRequest(
            url,
            on_success=lambda _, __: self.end("done"),
            on_failure=lambda request, _: self.end(f"failed: {request.resp_status} {request.resp_reason}"),
            on_error=lambda _, error: self.end(f"error: {type(error).__name__}"),
            on_cancel=lambda _: self.end("cancelled"),
            on_progress=self.show_progress,
            progress_interval=0.05,
            file_path=folder / name,
        )

    def show_progress(self, _: UrlRequest, current: int, total: int) -> None:
        self.bar.value = 100 * current / total if total > 0 else 0
        self.state.text = f"{current // 1024:,} of {total // 1024:,} KiB"

    def end(self, text: str) -> None:
        self.state.text = text
        self.button.disabled = True


class Downloads(App):
    """All downloads, one below the other."""

    title = "Downloads with Kivy"

    def __init__(self, urls: list[str], folder: Path) -> None:
        super().__init__()
        self.urls = urls
        self.folder = folder

    def build(self) -> BoxLayout:
        self.rows = [Row(url, self.folder) for url in self.urls]
        Window.size = (800, 48 * len(self.rows))
        window = BoxLayout(orientation="vertical")
        for row in self.rows:
            window.add_widget(row)
        return window

    def on_stop(self) -> None:
        for row in self.rows:
            row.request.cancel()


def drip(size: int, pause: float) -> Iterator[bytes]:
    for _ in range(size // 65536):
        yield bytes(65536)
        time.sleep(pause)


def make_server() -> tuple[Server, list[str]]:
    """Start a server with a quick file, a slow one and a missing one; nothing listens at the fourth URL."""
    with Server() as gone:
        nowhere = gone.url
    server = Server()
    server.start()
    server.respond("/quick.bin", bytes(300_000))
    size = 64 * 1024 * 1024
    server.route("/slow.bin", lambda _: Reply(body=drip(size, 0.02), headers={"Content-Length": str(size)}))
    return server, [
        f"{server.url}/quick.bin",
        f"{server.url}/slow.bin",
        f"{server.url}/missing.bin",
        f"{nowhere}/lost.bin",
    ]


if __name__ == "__main__":
    server, urls = make_server()
    with tempfile.TemporaryDirectory() as folder:
        Downloads(urls, Path(folder)).run()
    server.close()
