"""A request in a Kivy app: the Clock runs its callbacks."""

import sys

from kivy.app import App
from kivy.uix.button import Button

from urlrequest import UrlRequest


class Fetch(App):
    """A button that shows how its request ended."""

    def build(self) -> Button:
        """Make the button."""
        return Button(text="Fetch", on_release=self.fetch)

    def fetch(self, button: Button) -> None:
        """Request the URL, and show how that ended."""
        UrlRequest(
            sys.argv[1],
            on_success=lambda request, _: setattr(button, "text", f"{len(request.content)} bytes"),
            on_failure=lambda request, _: setattr(button, "text", f"{request.resp_status}"),
            on_error=lambda _, error: setattr(button, "text", f"{error}"),
        )


Fetch().run()
