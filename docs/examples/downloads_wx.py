"""A download manager for wxPython: progress bars, cancel buttons, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import wx

from urlrequest import UrlRequest
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Iterator


class Row:
    """One download: its name, a progress bar, its state, and a cancel button."""

    def __init__(self, panel: wx.Panel, grid: wx.FlexGridSizer, url: str, folder: Path) -> None:
        name = url.rsplit("/", 1)[-1]
        self.bar = wx.Gauge(panel, range=100, size=(220, -1))
        self.state = wx.StaticText(panel, label="waiting", size=(260, -1))
        self.button = wx.Button(panel, label="Cancel")
        self.button.Bind(wx.EVT_BUTTON, lambda _: self.request.cancel())
        for widget in (wx.StaticText(panel, label=name), self.bar, self.state, self.button):
            grid.Add(widget, flag=wx.ALIGN_CENTER_VERTICAL)
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
        self.bar.SetValue(100 * current // total if total > 0 else 0)
        self.state.SetLabel(f"{current // 1024:,} of {total // 1024:,} KiB")

    def end(self, text: str) -> None:
        self.state.SetLabel(text)
        self.button.Disable()


class Window(wx.Frame):
    """All downloads, one below the other."""

    def __init__(self, urls: list[str], folder: Path) -> None:
        super().__init__(None, title="Downloads with wxPython")
        panel = wx.Panel(self)
        grid = wx.FlexGridSizer(cols=4, hgap=8, vgap=6)
        self.rows = [Row(panel, grid, url, folder) for url in urls]
        border = wx.BoxSizer()
        border.Add(grid, flag=wx.ALL, border=8)
        panel.SetSizer(border)
        border.SetSizeHints(self)
        self.Bind(wx.EVT_CLOSE, self.close)

    def close(self, event: wx.CloseEvent) -> None:
        for row in self.rows:
            row.request.cancel()
        event.Skip()


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
        app = wx.App()
        Window(urls, Path(folder)).Show()
        app.MainLoop()
    server.close()
