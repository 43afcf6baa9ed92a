"""A request in a Toga app: Toga runs on asyncio, so a handler can await the request."""

import sys

import toga

from urlrequest import UrlRequest


class Fetch(toga.App):
    """Shows the size of a URL's response."""

    def startup(self) -> None:
        """Make the window."""
        self.label = toga.Label("waiting")
        self.main_window = toga.MainWindow(content=toga.Box(children=[self.label]))
        self.main_window.show()

    async def on_running(self) -> None:
        """Fetch the URL, without a callback."""
        try:
            request = await UrlRequest(sys.argv[1])
        except OSError as error:
            self.label.text = f"{error}"
        else:
            self.label.text = f"{len(request.content)} bytes"
        print(self.label.text)
        self.exit()


if __name__ == "__main__":
    Fetch("Fetch", "org.example.fetch").main_loop()
