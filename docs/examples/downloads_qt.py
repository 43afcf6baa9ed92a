"""A download manager for Qt: progress bars, cancel buttons, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt  # with PyQt6: the same names from PyQt6
from PySide6.QtWidgets import QApplication, QGridLayout, QLabel, QProgressBar, QPushButton, QWidget

from urlrequest import UrlRequest
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtGui import QCloseEvent


class Row:
    """One download: its name, a progress bar, its state, and a cancel button."""

    def __init__(self, grid: QGridLayout, url: str, folder: Path) -> None:
        name = url.rsplit("/", 1)[-1]
        self.bar = QProgressBar(maximum=100, value=0)
        self.state = QLabel("waiting")
        self.state.setMinimumWidth(220)
        self.button = QPushButton("Cancel")
        self.button.clicked.connect(self.cancel)
        line = grid.rowCount()
        for column, widget in enumerate((QLabel(name), self.bar, self.state, self.button)):
            grid.addWidget(widget, line, column, Qt.AlignmentFlag.AlignVCenter)
        self.request = UrlRequest(
            url,
            on_success=lambda _, __: self.end("done"),
            on_failure=lambda request, _: self.end(f"failed: {request.resp_status} {request.resp_reason}"),
            on_error=lambda _, error: self.end(f"error: {type(error).__name__}"),
            on_cancel=lambda _: self.end("cancelled"),
            on_progress=self.show_progress,
            progress_interval=0.05,
            file_path=folder / name,
        )

    def cancel(self) -> None:
        self.request.cancel()

    def show_progress(self, _: UrlRequest, current: int, total: int) -> None:
        self.bar.setValue(100 * current // total if total > 0 else 0)
        self.state.setText(f"{current // 1024:,} of {total // 1024:,} KiB")

    def end(self, text: str) -> None:
        self.state.setText(text)
        self.button.setEnabled(False)


class Window(QWidget):
    """All downloads, one below the other."""

    def __init__(self, urls: list[str], folder: Path) -> None:
        super().__init__()
        self.setWindowTitle("Downloads with Qt")
        grid = QGridLayout(self)
        self.rows = [Row(grid, url, folder) for url in urls]

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        for row in self.rows:
            row.request.cancel()
        event.accept()


def drip(size: int, pause: float) -> Iterator[bytes]:
    for _ in range(size // 65536):
        yield bytes(65536)
        time.sleep(pause)


def make_server() -> tuple[Server, list[str]]:
    """Start a server with a quick file, a slow one and a missing one; nothing listens at the fourth URL."""
    with Server() as gone:
        nowhere = gone.url
    server = Server()
    server.start()
    server.respond("/quick.bin", bytes(300_000))
    size = 64 * 1024 * 1024
    server.route("/slow.bin", lambda _: Reply(body=drip(size, 0.02), headers={"Content-Length": str(size)}))
    return server, [
        f"{server.url}/quick.bin",
        f"{server.url}/slow.bin",
        f"{server.url}/missing.bin",
        f"{nowhere}/lost.bin",
    ]


if __name__ == "__main__":
    server, urls = make_server()
    with tempfile.TemporaryDirectory() as folder:
        app = QApplication(sys.argv)
        window = Window(urls, Path(folder))
        window.show()
        app.exec()
    server.close()
