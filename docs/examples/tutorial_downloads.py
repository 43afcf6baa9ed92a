"""Two downloads in a window, which can be paused."""

import tempfile
import time
import tkinter as tk
from collections.abc import Iterator
from pathlib import Path
from tkinter import ttk

from urlrequest import UrlRequest
from urlrequest.testing import RecordedRequest, Reply, Server

SIZE = 20_000_000


class Download:
    """One download: a bar, what it is doing, and a button."""

    def __init__(self, window: tk.Tk, url: str, path: Path) -> None:
        self.url, self.path = url, path
        self.bar = ttk.Progressbar(window, length=300)
        self.bar.pack(padx=12, pady=(12, 0))
        self.label = ttk.Label(window)
        self.label.pack()
        self.button = ttk.Button(window)
        self.button.pack(pady=(0, 12))
        self.start()

    def start(self) -> None:
        self.button.configure(text="Pause", command=self.pause)
        self.request = UrlRequest(
            self.url,
            on_success=self.show_end,
            on_failure=self.show_problem,
            on_error=self.show_problem,
            on_cancel=self.show_pause,
            on_progress=self.show_progress,
            progress_interval=0.05,
            file_path=self.path,
            resume=True,
        )

    def pause(self) -> None:
        self.request.cancel()

    def show_progress(self, request: UrlRequest, current: int, total: int) -> None:
        self.bar.configure(maximum=total, value=current)
        self.label.configure(text=f"{current / 1e6:.1f} of {total / 1e6:.1f} MB")

    def show_pause(self, request: UrlRequest) -> None:
        self.label.configure(text="paused")
        self.button.configure(text="Resume", command=self.start)

    def show_end(self, request: UrlRequest, result: object) -> None:
        self.label.configure(text=f"saved as {self.path.name}")
        self.button.configure(state="disabled")

    def show_problem(self, request: UrlRequest, problem: object) -> None:
        self.label.configure(text=f"failed: {request.error or request.resp_status}")
        self.button.configure(text="Try again", command=self.start)


def send_slowly(request: RecordedRequest) -> Reply:
    """Send a large file, some 5 MB in a second; the rest of it, if that is what was asked for."""
    asked = request.header("Range")  # such as "bytes=1000-"
    begin = int(asked[len("bytes=") :].partition("-")[0]) if asked else 0

    def chunks() -> Iterator[bytes]:
        for position in range(begin, SIZE, 50_000):
            yield bytes(min(50_000, SIZE - position))
            time.sleep(0.01)

    headers = {"Content-Length": str(SIZE - begin), "ETag": '"1"'}
    if begin:
        headers["Content-Range"] = f"bytes {begin}-{SIZE - 1}/{SIZE}"
    return Reply(206 if begin else 200, chunks(), headers)


def main() -> None:
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        server.route("/one.bin", send_slowly)
        server.route("/two.bin", send_slowly)
        window = tk.Tk()
        window.title("Downloads")
        downloads = [Download(window, f"{server.url}/{name}", Path(folder) / name) for name in ("one.bin", "two.bin")]
        window.mainloop()
        for download in downloads:
            download.request.cancel()
            download.request.join()  # its file is closed then, and the folder can go


if __name__ == "__main__":
    main()
