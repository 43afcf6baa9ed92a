"""A download in a Flet page: the handler awaits it; a page that closes cancels it."""

import flet as ft

from urlrequest import UrlRequest
from urlrequest.errors import RequestCancelled


def main(page: ft.Page) -> None:
    """Show the page of one user."""
    url, bar, state = ft.TextField(label="URL"), ft.ProgressBar(value=0), ft.Text("")

    def show_progress(_: UrlRequest, current: int, total: int) -> None:
        """Move the bar; a callback has to update the page by itself."""
        bar.value = current / total if total > 0 else None
        bar.update()

    async def fetch(_: ft.Event) -> None:
        """Fetch the URL while the page stays alive."""
        request = UrlRequest(url.value, on_progress=show_progress, progress_interval=0.1)
        page.on_disconnect = lambda _: request.cancel()
        try:
            await request
        except RequestCancelled:
            return  # the page was closed
        except OSError as error:
            state.value = str(error)
        else:
            state.value = f"{len(request.content)} bytes"
        state.update()

    page.add(url, ft.Button("Fetch", on_click=fetch), bar, state)


if __name__ == "__main__":
    ft.run(main)
