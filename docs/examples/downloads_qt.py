"""A download manager for Qt: progress, pause and resume, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt  # with PyQt6: the same names from PyQt6
from PySide6.QtWidgets import QApplication, QGridLayout, QLabel, QProgressBar, QPushButton, QWidget

from download_server import Meter, make_server
from urlrequest import UrlRequest

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent


class Row:
    """One download: its name, a progress bar, its state, and a button that pauses it, resumes it or tries again."""

    def __init__(self, grid: QGridLayout, url: str, folder: Path) -> None:
        self.url = url
        self.path = folder / url.rsplit("/", 1)[-1]
        self.bar = QProgressBar(maximum=100, value=0)
        self.state = QLabel("waiting")
        self.state.setMinimumWidth(430)
        self.button = QPushButton()
        self.button.clicked.connect(self.press)
        line = grid.rowCount()
        for column, widget in enumerate((QLabel(self.path.name), self.bar, self.state, self.button)):
            grid.addWidget(widget, line, column, Qt.AlignmentFlag.AlignVCenter)
        self.start()

    def start(self) -> None:
        self.meter = Meter()
        self.bar.setStyleSheet("")
        self.button.setText("Pause")
        self.request = UrlRequest(
            self.url,
            on_success=lambda _, __: self.end("done", None),
            on_failure=lambda request, _: self.fail(f"{request.resp_status} {request.resp_reason}"),
            on_error=lambda _, error: self.fail(str(error)),
            on_cancel=lambda _: self.end(f"paused at {self.bar.value()} %", "Resume"),
            on_progress=self.show_progress,
            progress_interval=0.05,
            file_path=self.path,
            resume=True,  # what was received is kept, and the next request goes on from there
        )

    def press(self) -> None:
        if self.request.is_finished:
            self.start()
        else:
            self.request.cancel()

    def show_progress(self, _: UrlRequest, current: int, total: int) -> None:
        self.bar.setValue(100 * current // max(total, 1))
        self.state.setText(self.meter.text(current, total))

    def fail(self, text: str) -> None:
        self.bar.setValue(0)
        self.bar.setStyleSheet("background: #f4b8b8")
        self.end(text, "Retry")

    def end(self, text: str, action: str | None) -> None:
        self.state.setText(text)
        self.button.setText(action or "Done")
        self.button.setEnabled(action is not None)


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


if __name__ == "__main__":
    server, urls = make_server()
    with tempfile.TemporaryDirectory() as folder:
        app = QApplication(sys.argv)
        window = Window(urls, Path(folder))
        window.show()
        app.exec()
    server.close()
