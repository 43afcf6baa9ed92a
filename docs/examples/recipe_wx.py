"""A request in a wxPython window: `MainLoop()` runs its callbacks."""

import sys

import wx

from urlrequest import UrlRequest


def fetch(_: wx.CommandEvent) -> None:
    """Request the URL, and show how that ended."""
    UrlRequest(
        sys.argv[1],
        on_success=lambda request, _: label.SetLabel(f"{len(request.content)} bytes"),
        on_failure=lambda request, _: label.SetLabel(f"{request.resp_status}"),
        on_error=lambda _, error: label.SetLabel(f"{error}"),
    )


app = wx.App()
window = wx.Frame(None, title="wxPython", size=(400, 120))
panel, sizer = wx.Panel(window), wx.BoxSizer(wx.VERTICAL)
button, label = wx.Button(panel, label="Fetch"), wx.StaticText(panel)
button.Bind(wx.EVT_BUTTON, fetch)
sizer.Add(button)
sizer.Add(label)
panel.SetSizer(sizer)
window.Show()
app.MainLoop()
