"""A request in a pyglet window: its clock drains once a frame."""

import sys

import pyglet

import urlrequest
from urlrequest import UrlRequest

window = pyglet.window.Window(400, 80, caption="pyglet")
label = pyglet.text.Label("waiting", x=20, y=30)


@window.event
def on_draw() -> None:
    """Draw the label."""
    window.clear()
    label.draw()


def show(text: str) -> None:
    """Show how the request ended, and end the program a moment later."""
    label.text = text
    print(text)
    pyglet.clock.schedule_once(lambda _: pyglet.app.exit(), 0.2)


pyglet.clock.schedule_interval(lambda _: urlrequest.drain(0.008), 1 / 60)
UrlRequest(
    sys.argv[1],
    on_success=lambda request, _: show(f"{len(request.content)} bytes"),
    on_failure=lambda request, _: show(f"{request.resp_status}"),
    on_error=lambda _, error: show(f"{error}"),
)
pyglet.app.run()
