"""A request in a Tk window: `mainloop()` runs its callbacks."""

import sys
import tkinter as tk

from urlrequest import UrlRequest


def fetch() -> None:
    """Request the URL, and show how that ended."""
    UrlRequest(
        sys.argv[1],
        on_success=lambda request, _: label.configure(text=f"{len(request.content)} bytes"),
        on_failure=lambda request, _: label.configure(text=f"{request.resp_status}"),
        on_error=lambda _, error: label.configure(text=f"{error}"),
    )


window = tk.Tk()
button = tk.Button(window, text="Fetch", command=fetch)
button.pack()
label = tk.Label(window, width=40)
label.pack()
window.mainloop()
