"""A request in a thread worker of Textual's: it waits, and touches widgets by call_from_thread()."""

import sys

from textual import work
from textual.app import App, ComposeResult
from textual.widgets import Static
from textual.worker import get_current_worker

from urlrequest import UrlRequest


class Fetch(App[str]):
    """Ends with the size of a response."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def compose(self) -> ComposeResult:
        """Make the widget."""
        yield Static("waiting", id="state")

    def on_mount(self) -> None:
        """Start the worker."""
        self.fetch()

    @work(thread=True)
    def fetch(self) -> None:
        """Fetch the URL on the worker's thread; it looks ten times a second whether the app is ending."""
        state, worker = self.query_one("#state", Static), get_current_worker()
        with UrlRequest(self.url) as request:
            while not request.wait(timeout=0.1):
                if worker.is_cancelled:
                    return
                self.call_from_thread(state.update, f"{request}")
        self.call_from_thread(self.exit, str(request.error or f"{len(request.content)} bytes"))


if __name__ == "__main__":
    print(Fetch(sys.argv[1]).run())
