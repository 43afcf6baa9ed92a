"""A download manager for GTK: progress bars, cancel buttons, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402 - the version must be chosen first

from urlrequest import UrlRequest  # noqa: E402 - as above
from urlrequest.testing import Reply, Server  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Iterator


class Row:
    """One download: its name, a progress bar, its state, and a cancel button."""

    def __init__(self, grid: Gtk.Grid, line: int, url: str, folder: Path) -> None:
        name = url.rsplit("/", 1)[-1]
        self.bar = Gtk.ProgressBar(valign=Gtk.Align.CENTER, width_request=220)
        self.state = Gtk.Label(label="waiting", width_chars=34, xalign=0)
        self.button = Gtk.Button(label="Cancel")
        self.button.connect("clicked", lambda _: self.request.cancel())
        for column, widget in enumerate((Gtk.Label(label=name, xalign=0), self.bar, self.state, self.button)):
            grid.attach(widget, column, line, 1, 1)
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
        self.bar.set_fraction(current / total if total > 0 else 0)
        self.state.set_text(f"{current // 1024:,} of {total // 1024:,} KiB")

    def end(self, text: str) -> None:
        self.state.set_text(text)
        self.button.set_sensitive(False)


class Window(Gtk.Window):
    """All downloads, one below the other."""

    def __init__(self, urls: list[str], folder: Path) -> None:
        super().__init__(title="Downloads with GTK", border_width=8)
        grid = Gtk.Grid(column_spacing=8, row_spacing=6)
        self.add(grid)
        self.rows = [Row(grid, line, url, folder) for line, url in enumerate(urls)]
        self.connect("destroy", self.close_all)

    def close_all(self, _: Gtk.Widget) -> None:
        for row in self.rows:
            row.request.cancel()
        Gtk.main_quit()


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
        Window(urls, Path(folder)).show_all()
        Gtk.main()
    server.close()
