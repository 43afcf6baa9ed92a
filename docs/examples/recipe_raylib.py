"""A request in a raylib window: the frame loop drains once a frame."""

import sys

import pyray as rl

import urlrequest
from urlrequest import UrlRequest

rl.init_window(400, 80, "raylib")
rl.set_target_fps(60)
lines = ["waiting"]
with UrlRequest(
    sys.argv[1],
    on_success=lambda request, _: lines.append(f"{len(request.content)} bytes"),
    on_failure=lambda request, _: lines.append(f"{request.resp_status}"),
    on_error=lambda _, error: lines.append(f"{error}"),
) as request:
    while not (rl.window_should_close() or request.is_finished):
        urlrequest.drain(0.004)
        rl.begin_drawing()
        rl.clear_background(rl.RAYWHITE)
        rl.draw_text(lines[-1], 20, 30, 20, rl.BLACK)
        rl.end_drawing()
rl.close_window()
print(lines[-1])
