"""A download manager for GTK: progress, pause and resume, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import gi

from download_server import Meter, make_server

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402 - the version must be chosen first

from urlrequest import UrlRequest  # noqa: E402 - as above

STYLE = b".failed trough { background: #f4b8b8; border-color: #c04040; }"


class Row:
    """One download: its name, a progress bar, its state, and a button that pauses it, resumes it or tries again."""

    def __init__(self, grid: Gtk.Grid, line: int, url: str, folder: Path) -> None:
        self.url = url
        self.path = folder / url.rsplit("/", 1)[-1]
        self.bar = Gtk.ProgressBar(valign=Gtk.Align.CENTER, width_request=220)
        self.state = Gtk.Label(label="waiting", width_chars=56, xalign=0)
        self.button = Gtk.Button()
        self.button.connect("clicked", lambda _: self.press())
        for column, widget in enumerate((Gtk.Label(label=self.path.name, xalign=0), self.bar, self.state, self.button)):
            grid.attach(widget, column, line, 1, 1)
        self.start()

    def start(self) -> None:
        self.meter = Meter()
        self.bar.get_style_context().remove_class("failed")
        self.button.set_label("Pause")
        self.request = UrlRequest(
            self.url,
            on_success=lambda _, __: self.end("done", None),
            on_failure=lambda request, _: self.fail(f"{request.resp_status} {request.resp_reason}"),
            on_error=lambda _, error: self.fail(str(error)),
            on_cancel=lambda _: self.end(f"paused at {self.bar.get_fraction():.0%}", "Resume"),
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
        self.bar.set_fraction(current / max(total, 1))
        self.state.set_text(self.meter.text(current, total))

    def fail(self, text: str) -> None:
        self.bar.set_fraction(0)
        self.bar.get_style_context().add_class("failed")
        self.end(text, "Retry")

    def end(self, text: str, action: str | None) -> None:
        self.state.set_text(text)
        self.button.set_label(action or "Done")
        self.button.set_sensitive(action is not None)


class Window(Gtk.Window):
    """All downloads, one below the other."""

    def __init__(self, urls: list[str], folder: Path) -> None:
        super().__init__(title="Downloads with GTK", border_width=8)
        style = Gtk.CssProvider()
        style.load_from_data(STYLE)
        Gtk.StyleContext.add_provider_for_screen(self.get_screen(), style, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)
        grid = Gtk.Grid(column_spacing=8, row_spacing=6)
        self.add(grid)
        self.rows = [Row(grid, line, url, folder) for line, url in enumerate(urls)]
        self.connect("destroy", self.close_all)

    def close_all(self, _: Gtk.Widget) -> None:
        for row in self.rows:
            row.request.cancel()
        Gtk.main_quit()


if __name__ == "__main__":
    server, urls = make_server()
    with tempfile.TemporaryDirectory() as folder:
        Window(urls, Path(folder)).show_all()
        Gtk.main()
    server.close()
