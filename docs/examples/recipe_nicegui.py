"""A download in a NiceGUI page: the handler awaits it, so it may make new elements; a page that closes cancels it."""

from nicegui import Client, ui

from urlrequest import UrlRequest
from urlrequest.errors import RequestCancelled


@ui.page("/")
def page(client: Client, url: str = "") -> None:
    """Show the page of one client."""
    bar = ui.linear_progress(0.0, show_value=False)

    def show_progress(_: UrlRequest, current: int, total: int) -> None:
        """Move the bar; a callback may change elements that are there."""
        if total > 0:
            bar.value = current / total

    async def fetch() -> None:
        """Fetch the URL while other clients are served."""
        request = UrlRequest(url, on_progress=show_progress, progress_interval=0.1)
        client.on_delete(request.cancel)
        try:
            await request
        except RequestCancelled:
            return  # the page was closed
        except OSError as error:
            ui.notify(str(error))
        else:
            ui.label(f"{len(request.content)} bytes")

    ui.button("Fetch", on_click=fetch)


if __name__ in {"__main__", "__mp_main__"}:
    ui.run()
