"""Runs a download manager of docs/examples in a process of its own, presses buttons, reports what the window shows.

Usage: drive_downloads.py tk|qt|gtk|wx|kivy|pygame EXAMPLES [PICTURE]
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PERIOD = 0.02  # seconds between two looks


PICTURE_PART = 0.3  # of the slow download, for a picture of a window at work
SETTLING = 0.5  # seconds


class Watch:
    """Looks at the rows now and then, pauses the slow download, resumes it, and stops when all have ended."""

    def __init__(self, server, picture):
        self.server = server
        self.picture = picture
        self.paused = ""
        self.has_resumed = False
        self.shown = []

    def look(self, rows):
        """Whether the window may be closed; `rows` are (text, part of the bar, text of the button, press it)."""
        text, part, action, press = rows[1]
        others_have_ended = all(row[2] != "Pause" for row in rows[:1] + rows[2:])
        if self.picture:
            if part < PICTURE_PART or not others_have_ended:
                return False
            take_picture(self.picture)
            return True
        if action == "Pause" and part > 0 and not self.paused:
            self.paused = "asked for"
            press()
        elif action == "Resume" and not self.has_resumed:
            self.has_resumed = True
            self.paused = text
            self.server.pause = 0  # the rest may come at once
            press()
        self.shown = [[row[0], row[1], row[2]] for row in rows]
        return others_have_ended and action == "Done"


def take_picture(path):
    """Take the window with its frame; the window manager has drawn it by now."""
    time.sleep(SETTLING)
    subprocess.run(["import", "-window", "root", "-trim", path], check=True)


def drive_tk(example, urls, folder, watch):
    window = example.Window(urls, folder)

    def look():
        rows = [
            (row.state["text"], row.bar["value"] / 100, row.button["text"], row.button.invoke) for row in window.rows
        ]
        if watch.look(rows):
            window.close()
        else:
            window.after(int(PERIOD * 1000), look)

    window.after(0, look)
    window.mainloop()


def drive_qt(example, urls, folder, watch):
    from PySide6.QtCore import QTimer

    app = example.QApplication([])
    window = example.Window(urls, folder)
    window.show()

    def look():
        rows = [(row.state.text(), row.bar.value() / 100, row.button.text(), row.button.click) for row in window.rows]
        if watch.look(rows):
            timer.stop()
            window.close()

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(int(PERIOD * 1000))
    app.exec()


def drive_gtk(example, urls, folder, watch):
    from gi.repository import GLib

    window = example.Window(urls, folder)
    window.show_all()

    def look():
        rows = [
            (row.state.get_text(), row.bar.get_fraction(), row.button.get_label(), row.button.clicked)
            for row in window.rows
        ]
        if not watch.look(rows):
            return True
        window.destroy()
        return False

    GLib.timeout_add(int(PERIOD * 1000), look)
    example.Gtk.main()


def drive_wx(example, urls, folder, watch):
    wx = example.wx
    app = wx.App()
    window = example.Window(urls, folder)
    window.Show()

    def press(button):
        wx.PostEvent(button, wx.CommandEvent(wx.wxEVT_BUTTON, button.GetId()))

    def look(_):
        rows = [
            (row.state.GetLabel(), row.bar.GetValue() / 100, row.button.GetLabel(), lambda row=row: press(row.button))
            for row in window.rows
        ]
        if watch.look(rows):
            timer.Stop()
            window.Close()

    timer = wx.Timer(app)
    app.Bind(wx.EVT_TIMER, look, timer)
    timer.Start(int(PERIOD * 1000))
    app.MainLoop()


def drive_kivy(example, urls, folder, watch):
    from kivy.clock import Clock

    app = example.Downloads(urls, folder)

    def look(_):
        rows = [(row.state.text, row.bar.value / 100, row.button.text, row.button.trigger_action) for row in app.rows]
        if watch.look(rows):
            app.stop()
            return False
        return True

    Clock.schedule_interval(look, PERIOD)
    app.run()


def drive_pygame(example, urls, folder, watch):
    pygame = example.pygame
    game, clock = example.Game(urls, folder), pygame.time.Clock()

    def press(row):
        pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=row.button.center, button=1))

    while game.run_frame():
        clock.tick(60)
        rows = [(row.state, row.part, row.action or "Done", lambda row=row: press(row)) for row in game.rows]
        if watch.look(rows):
            pygame.quit()
            return


def main(toolkit, examples, picture=None):
    sys.path.insert(0, examples)
    import download_server

    example = importlib.import_module(f"downloads_{toolkit}")
    server, urls = download_server.make_server()
    watch = Watch(download_server, picture)
    with tempfile.TemporaryDirectory() as folder:
        globals()[f"drive_{toolkit}"](example, urls, Path(folder), watch)
        files = {path.name: path.stat().st_size for path in Path(folder).iterdir()}
    ranges = [request.header("Range") for request in server.requests if request.path == "/slow.bin"]
    server.close()
    print(json.dumps({"shown": watch.shown, "paused": watch.paused, "files": files, "ranges": ranges}))


if __name__ == "__main__":
    main(*sys.argv[1:])
