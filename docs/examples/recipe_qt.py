"""A request in a Qt window: the application's loop runs its callbacks."""

import sys

from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QVBoxLayout, QWidget

from urlrequest import UrlRequest


def fetch() -> None:
    """Request the URL, and show how that ended."""
    UrlRequest(
        sys.argv[1],
        on_success=lambda request, _: label.setText(f"{len(request.content)} bytes"),
        on_failure=lambda request, _: label.setText(f"{request.resp_status}"),
        on_error=lambda _, error: label.setText(f"{error}"),
    )


app = QApplication([])
window = QWidget()
layout = QVBoxLayout(window)
button, label = QPushButton("Fetch"), QLabel()
button.clicked.connect(fetch)
layout.addWidget(button)
layout.addWidget(label)
window.show()
app.exec()
