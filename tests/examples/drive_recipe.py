"""Runs a small program of docs/examples, presses its button when its loop runs, and prints what it shows in the end.

Usage: drive_recipe.py tk|qt|gtk|wx|kivy|pygame EXAMPLES URL
"""

from __future__ import annotations

import runpy
import sys

PERIOD = 0.02  # seconds between two looks


def replace_loop(owner, name, run):
    """Have another function run where the program runs its loop: it gets the program's names and the loop."""
    loop = getattr(owner, name)
    setattr(owner, name, lambda *arguments: run(sys._getframe(1).f_globals, lambda: loop(*arguments)))


def drive_tk():
    import tkinter as tk

    def run(names, loop):
        window, label = names["window"], names["label"]

        def look():
            if label["text"]:
                print(label["text"])
                window.destroy()
            else:
                window.after(int(PERIOD * 1000), look)

        names["button"].invoke()
        look()
        loop()

    replace_loop(tk.Tk, "mainloop", run)


def drive_qt():
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    loop = QApplication.exec

    def run(names, _):
        def look():
            if names["label"].text():
                print(names["label"].text())
                names["app"].quit()

        timer = QTimer()
        timer.timeout.connect(look)
        timer.start(int(PERIOD * 1000))
        names["button"].click()
        loop()

    replace_loop(QApplication, "exec", run)


def drive_gtk():
    import gi

    gi.require_version("Gtk", "3.0")
    from gi.repository import GLib, Gtk

    def run(names, loop):
        def look():
            if not names["label"].get_text():
                return True
            print(names["label"].get_text())
            names["window"].destroy()
            return False

        GLib.timeout_add(int(PERIOD * 1000), look)
        names["button"].clicked()
        loop()

    replace_loop(Gtk, "main", run)


def drive_wx():
    import wx

    def run(names, loop):
        app, button, label = names["app"], names["button"], names["label"]

        def look(_):
            if label.GetLabel():
                timer.Stop()
                print(label.GetLabel())
                names["window"].Close()

        timer = wx.Timer(app)
        app.Bind(wx.EVT_TIMER, look, timer)
        timer.Start(int(PERIOD * 1000))
        wx.PostEvent(button, wx.CommandEvent(wx.wxEVT_BUTTON, button.GetId()))
        loop()

    replace_loop(wx.App, "MainLoop", run)


def drive_kivy():
    from kivy.app import App
    from kivy.clock import Clock

    def press(app):
        button = app.root
        button.dispatch("on_release")

        def look(_):
            if button.text != "Fetch":
                print(button.text)
                app.stop()

        Clock.schedule_interval(look, PERIOD)

    App.on_start = press


def drive_pygame():
    import pygame

    def run(names, flip):
        flip()
        if names["lines"][-1] != "waiting":
            print(names["lines"][-1])
            pygame.event.post(pygame.event.Event(pygame.QUIT))

    replace_loop(pygame.display, "flip", run)


def main():
    toolkit, examples, url = sys.argv[1:]
    sys.argv[1:] = [url]
    globals()[f"drive_{toolkit}"]()
    runpy.run_path(f"{examples}/recipe_{toolkit}.py", run_name="__main__")


main()
