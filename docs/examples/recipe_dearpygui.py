"""A request in a DearPyGui window: the program writes the render loop itself, and drains once a frame."""

import sys

import dearpygui.dearpygui as dpg

import urlrequest
from urlrequest import UrlRequest

dpg.create_context()
dpg.create_viewport(title="DearPyGui", width=400, height=120)
with dpg.window(tag="window"):
    dpg.add_text("waiting", tag="state")
    dpg.add_progress_bar(tag="bar", width=-1)
dpg.set_primary_window("window", value=True)
dpg.setup_dearpygui()
dpg.show_viewport()


def show(text: str) -> None:
    """Show how the request ended."""
    dpg.set_value("state", text)
    print(text)


request = UrlRequest(
    sys.argv[1],
    on_progress=lambda _, current, total: dpg.set_value("bar", current / total if total > 0 else 0.0),
    on_success=lambda request, _: show(f"{len(request.content)} bytes"),
    on_failure=lambda request, _: show(f"{request.resp_status}"),
    on_error=lambda _, error: show(f"{error}"),
    on_finish=lambda _: dpg.stop_dearpygui(),
)
while dpg.is_dearpygui_running():
    urlrequest.drain(0.008)
    dpg.render_dearpygui_frame()
dpg.destroy_context()
