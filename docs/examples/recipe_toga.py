"""A request in a Toga app: its loop is asyncio's, so that a handler may simply await it."""

import sys

import toga

from urlrequest import UrlRequest


class Fetch(toga.App):
    """Shows what a URL answers."""

    def startup(self) -> None:
        """Make the window."""
        self.label = toga.Label("waiting")
        self.main_window = toga.MainWindow(content=toga.Box(children=[self.label]))
        self.main_window.show()

    async def on_running(self) -> None:
        """Fetch, without a callback."""
        try:
            request = await UrlRequest(sys.argv[1])
        except OSError as error:
            self.label.text = f"{error}"
        else:
            self.label.text = f"{len(request.content)} octets"
        print(self.label.text)
        self.exit()


if __name__ == "__main__":
    Fetch("Fetch", "org.example.fetch").main_loop()
