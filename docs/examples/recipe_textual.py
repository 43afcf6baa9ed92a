"""A request in a Textual app: Textual runs on asyncio, so the callbacks run in its loop."""

import sys

from textual.app import App, ComposeResult
from textual.widgets import ProgressBar, Static

from urlrequest import UrlRequest


class Fetch(App[str]):
    """Shows how far a download is, and ends with its size."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield Static("waiting", id="state")
        yield ProgressBar(id="bar")

    def on_mount(self) -> None:
        """Make the request when the loop is running."""
        self.request = UrlRequest(
            self.url,
            on_progress=self.show_progress,
            on_success=lambda request, _: self.exit(f"{len(request.content)} bytes"),
            on_failure=lambda request, _: self.exit(f"{request.resp_status}"),
            on_error=lambda _, error: self.exit(f"{error}"),
            progress_interval=0.1,
        )

    def show_progress(self, _: UrlRequest, current: int, total: int) -> None:
        """Move the bar; a total of -1 means that it is unknown."""
        self.query_one("#bar", ProgressBar).update(total=total if total >= 0 else None, progress=current)

    def on_unmount(self) -> None:
        """Cancel the request if it still runs."""
        self.request.cancel()


if __name__ == "__main__":
    print(Fetch(sys.argv[1]).run())
