"""A download manager for Kivy: progress, pause and resume, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from kivy.app import App
from kivy.core.window import Window
from kivy.graphics import Color, Line
from kivy.uix.boxlayout import BoxLayout
from kivy.uix.button import Button
from kivy.uix.label import Label
from kivy.uix.progressbar import ProgressBar

from download_server import Meter, make_server
from urlrequest import UrlRequest


class Row(BoxLayout):
    """One download: its name, a progress bar, its state, and a button that pauses it, resumes it or tries again."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__(spacing=8, padding=8, size_hint_y=None, height=48)
        self.url = url
        self.path = folder / url.rsplit("/", 1)[-1]
        self.bar = ProgressBar(max=100)
        self.state = Label(text="waiting", size_hint_x=2.2)
        self.button = Button(size_hint_x=0.4)
        self.button.bind(on_release=lambda _: self.press())
        for widget in (Label(text=self.path.name, size_hint_x=0.5), self.bar, self.state, self.button):
            self.add_widget(widget)
        self.start()

    def start(self) -> None:
        self.meter = Meter()
        self.bar.canvas.after.clear()
        self.button.text = "Pause"
        self.request = UrlRequest(
            self.url,
            on_success=lambda _, __: self.end("done", None),
            on_failure=lambda request, _: self.fail(f"{request.resp_status} {request.resp_reason}"),
            on_error=lambda _, error: self.fail(str(error)),
            on_cancel=lambda _: self.end(f"paused at {self.bar.value:.0f} %", "Resume"),
            on_progress=self.show_progress,
            progress_interval=0.05,
            file_path=self.path,
            resume=True,  # what was received is kept, and the next request goes on from there
        )

    def press(self) -> None:
        if self.request.is_finished:
            self.start()
        else:
            self.request.cancel()

    def show_progress(self, _: UrlRequest, current: int, total: int) -> None:
        self.bar.value = 100 * current / max(total, 1)
        self.state.text = self.meter.text(current, total)

    def fail(self, text: str) -> None:
        self.bar.value = 0
        with self.bar.canvas.after:
            Color(0.9, 0.3, 0.3)
            Line(rectangle=(self.bar.x, self.bar.center_y - 6, self.bar.width, 12), width=1.5)
        self.end(text, "Retry")

    def end(self, text: str, action: str | None) -> None:
        self.state.text = text
        self.button.text = action or "Done"
        self.button.disabled = action is None


class Downloads(App):
    """All downloads, one below the other."""

    title = "Downloads with Kivy"

    def __init__(self, urls: list[str], folder: Path) -> None:
        super().__init__()
        self.urls = urls
        self.folder = folder

    def build(self) -> BoxLayout:
        Window.size = (960, 48 * len(self.urls))
        self.rows = [Row(url, self.folder) for url in self.urls]
        window = BoxLayout(orientation="vertical")
        for row in self.rows:
            window.add_widget(row)
        return window

    def on_stop(self) -> None:
        for row in self.rows:
            row.request.cancel()


if __name__ == "__main__":
    server, urls = make_server()
    with tempfile.TemporaryDirectory() as folder:
        Downloads(urls, Path(folder)).run()
    server.close()
