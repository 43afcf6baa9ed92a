"""A download manager for Tk: progress bars, cancel buttons, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import tempfile
import time
import tkinter as tk
from pathlib import Path
from tkinter import ttk
from typing import TYPE_CHECKING

from urlrequest import UrlRequest
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Iterator


class Row:
    """One download: its name, a progress bar, its state, and a cancel button."""

    def __init__(self, parent: tk.Misc, url: str, folder: Path) -> None:
        name = url.rsplit("/", 1)[-1]
        line = ttk.Frame(parent, padding=4)
        line.pack(fill="x")
        ttk.Label(line, text=name, width=14).pack(side="left")
        self.bar = ttk.Progressbar(line, length=220)
        self.bar.pack(side="left", padx=6)
        self.state = ttk.Label(line, text="waiting", width=34)
        self.state.pack(side="left")
        self.button = ttk.Button(line, text="Cancel", command=self.cancel)
        self.button.pack(side="right")
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

    def cancel(self) -> None:
        self.request.cancel()

    def show_progress(self, _: UrlRequest, current: int, total: int) -> None:
        self.bar["value"] = 100 * current / total if total > 0 else 0
        self.state["text"] = f"{current // 1024:,} of {total // 1024:,} KiB"

    def end(self, text: str) -> None:
        self.state["text"] = text
        self.button.state(["disabled"])


class Window(tk.Tk):
    """All downloads, one below the other."""

    def __init__(self, urls: list[str], folder: Path) -> None:
        super().__init__()
        self.title("Downloads with Tk")
        self.rows = [Row(self, url, folder) for url in urls]
        self.protocol("WM_DELETE_WINDOW", self.close)

    def close(self) -> None:
        for row in self.rows:
            row.request.cancel()
        self.destroy()


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
        Window(urls, Path(folder)).mainloop()
    server.close()
