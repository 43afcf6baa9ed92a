"""A download manager for Tk: progress, pause and resume, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import tempfile
import tkinter as tk
from pathlib import Path
from tkinter import ttk

from download_server import Meter, make_server
from urlrequest import UrlRequest


class Row:
    """One download: its name, a progress bar, its state, and a button that pauses it, resumes it or tries again."""

    def __init__(self, parent: tk.Misc, url: str, folder: Path) -> None:
        self.url = url
        self.path = folder / url.rsplit("/", 1)[-1]
        line = ttk.Frame(parent, padding=4)
        line.pack(fill="x")
        ttk.Label(line, text=self.path.name, width=12).pack(side="left")
        self.bar = ttk.Progressbar(line, length=220)
        self.bar.pack(side="left", padx=6)
        self.state = ttk.Label(line, text="waiting", width=56)
        self.state.pack(side="left")
        self.button = ttk.Button(line, command=self.press)
        self.button.pack(side="right")
        self.start()

    def start(self) -> None:
        self.meter = Meter()
        self.bar["style"] = "Horizontal.TProgressbar"
        self.button["text"] = "Pause"
        self.request = UrlRequest(
            self.url,
            on_success=lambda _, __: self.end("done", None),
            on_failure=lambda request, _: self.fail(f"{request.resp_status} {request.resp_reason}"),
            on_error=lambda _, error: self.fail(str(error)),
            on_cancel=lambda _: self.end(f"paused at {self.bar['value']:.0f} %", "Resume"),
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
        self.bar["value"] = 100 * current / max(total, 1)
        self.state["text"] = self.meter.text(current, total)

    def fail(self, text: str) -> None:
        self.bar["value"] = 0
        self.bar["style"] = "Failed.Horizontal.TProgressbar"
        self.end(text, "Retry")

    def end(self, text: str, action: str | None) -> None:
        self.state["text"] = text
        self.button["text"] = action or "Done"
        self.button.state(["!disabled" if action else "disabled"])


class Window(tk.Tk):
    """All downloads, one below the other."""

    def __init__(self, urls: list[str], folder: Path) -> None:
        super().__init__()
        self.title("Downloads with Tk")
        ttk.Style(self).configure("Failed.Horizontal.TProgressbar", troughcolor="#f4b8b8")
        self.rows = [Row(self, url, folder) for url in urls]
        self.protocol("WM_DELETE_WINDOW", self.close)

    def close(self) -> None:
        for row in self.rows:
            row.request.cancel()
        self.destroy()


if __name__ == "__main__":
    server, urls = make_server()
    with tempfile.TemporaryDirectory() as folder:
        Window(urls, Path(folder)).mainloop()
    server.close()
