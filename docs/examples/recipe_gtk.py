"""A request in a GTK window: `Gtk.main()` runs its callbacks."""

import sys

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402 - the version must be chosen first

from urlrequest import UrlRequest  # noqa: E402 - as above


def fetch(_: Gtk.Button) -> None:
    """Request the URL, and show how that ended."""
    UrlRequest(
        sys.argv[1],
        on_success=lambda request, _: label.set_text(f"{len(request.content)} bytes"),
        on_failure=lambda request, _: label.set_text(f"{request.resp_status}"),
        on_error=lambda _, error: label.set_text(f"{error}"),
    )


window = Gtk.Window(title="GTK", border_width=8)
window.connect("destroy", lambda _: Gtk.main_quit())
box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL)
button, label = Gtk.Button(label="Fetch"), Gtk.Label(width_chars=40)
button.connect("clicked", fetch)
box.add(button)
box.add(label)
window.add(box)
window.show_all()
Gtk.main()
