"""A download manager for wxPython: progress, pause and resume, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import wx

from download_server import Meter, make_server
from urlrequest import UrlRequest


class Row:
    """One download: its name, a progress bar, its state, and a button that pauses it, resumes it or tries again."""

    def __init__(self, panel: wx.Panel, grid: wx.FlexGridSizer, url: str, folder: Path) -> None:
        self.url = url
        self.path = folder / url.rsplit("/", 1)[-1]
        self.frame = wx.Panel(panel)  # its colour marks a download that failed: a gauge has none
        self.bar = wx.Gauge(self.frame, range=100, size=(220, -1), pos=(3, 3))
        self.frame.SetMinSize((226, self.bar.GetSize().height + 6))
        self.state = wx.StaticText(panel, label="waiting", size=(430, -1))
        self.button = wx.Button(panel)
        self.button.Bind(wx.EVT_BUTTON, lambda _: self.press())
        for widget in (wx.StaticText(panel, label=self.path.name), self.frame, self.state, self.button):
            grid.Add(widget, flag=wx.ALIGN_CENTER_VERTICAL)
        self.start()

    def start(self) -> None:
        self.meter = Meter()
        self.mark(wx.NullColour)
        self.button.SetLabel("Pause")
        self.request = UrlRequest(
            self.url,
            on_success=lambda _, __: self.end("done", None),
            on_failure=lambda request, _: self.fail(f"{request.resp_status} {request.resp_reason}"),
            on_error=lambda _, error: self.fail(str(error)),
            on_cancel=lambda _: self.end(f"paused at {self.bar.GetValue()} %", "Resume"),
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

    def mark(self, colour: wx.Colour) -> None:
        self.frame.SetBackgroundColour(colour)
        self.frame.Refresh()

    def show_progress(self, _: UrlRequest, current: int, total: int) -> None:
        self.bar.SetValue(100 * current // max(total, 1))
        self.state.SetLabel(self.meter.text(current, total))

    def fail(self, text: str) -> None:
        self.bar.SetValue(0)
        self.mark(wx.Colour("#e05050"))
        self.end(text, "Retry")

    def end(self, text: str, action: str | None) -> None:
        self.state.SetLabel(text)
        self.button.SetLabel(action or "Done")
        self.button.Enable(action is not None)


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


if __name__ == "__main__":
    server, urls = make_server()
    with tempfile.TemporaryDirectory() as folder:
        app = wx.App()
        Window(urls, Path(folder)).Show()
        app.MainLoop()
    server.close()
