"""A cell with widgets: a button starts a download, whose callbacks move the bar after the cell has ended."""

import ipywidgets as widgets
from IPython.display import display

from urlrequest import UrlRequest

url = "http://127.0.0.1:8000/"
button, bar, state = widgets.Button(description="Fetch"), widgets.FloatProgress(max=1.0), widgets.Label()
requests: list[UrlRequest] = []


def fetch(_: widgets.Button) -> None:
    """Start the download, and end the one before."""
    while requests:
        requests.pop().cancel()
    requests.append(
        UrlRequest(
            url,
            on_progress=lambda _, current, total: bar.set_trait("value", current / total if total > 0 else 0.0),
            on_success=lambda request, _: state.set_trait("value", f"{len(request.content)} bytes"),
            on_failure=lambda request, _: state.set_trait("value", f"{request.resp_status}"),
            on_error=lambda _, error: state.set_trait("value", f"{error}"),
            progress_interval=0.1,
        )
    )


button.on_click(fetch)
display(widgets.HBox([button, bar, state]))
