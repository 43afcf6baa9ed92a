"""A download manager for pygame: progress bars, cancel buttons, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pygame

import urlrequest
from urlrequest import UrlRequest
from urlrequest.testing import Reply, Server

if TYPE_CHECKING:
    from collections.abc import Iterator


class Row:
    """One download: its name, a progress bar, its state, and a cancel button."""

    def __init__(self, top: int, url: str, folder: Path) -> None:
        self.name = name = url.rsplit("/", 1)[-1]
        self.part = 0.0
        self.state = "waiting"
        self.top = top
        self.button = pygame.Rect(700, top, 90, 28)
        self.is_active = True
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

    def show_progress(self, _: UrlRequest, current: int, total: int) -> None:
        self.part = current / total if total > 0 else 0.0
        self.state = f"{current // 1024:,} of {total // 1024:,} KiB"

    def end(self, text: str) -> None:
        self.state = text
        self.is_active = False

    def draw(self, screen: pygame.Surface, font: pygame.font.Font) -> None:
        pygame.draw.rect(screen, "gray30", (150, self.top + 4, 220, 20))
        pygame.draw.rect(screen, "seagreen3", (150, self.top + 4, 220 * self.part, 20))
        pygame.draw.rect(screen, "steelblue" if self.is_active else "gray40", self.button, border_radius=4)
        for text, left in ((self.name, 12), (self.state, 384), ("Cancel", 716)):
            screen.blit(font.render(text, True, "white"), (left, self.top + 5))


class Game:
    """All downloads, one below the other."""

    def __init__(self, urls: list[str], folder: Path) -> None:
        pygame.init()
        self.screen = pygame.display.set_mode((800, 180))
        pygame.display.set_caption("Downloads with pygame")
        self.font = pygame.font.Font(None, 24)
        self.rows = [Row(12 + 40 * number, url, folder) for number, url in enumerate(urls)]

    def run_frame(self) -> bool:
        """Draw once; False when the window was closed."""
        urlrequest.drain(0.008)  # the callbacks run here
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                return False
            if event.type == pygame.MOUSEBUTTONDOWN:
                for row in self.rows:
                    if row.button.collidepoint(event.pos):
                        row.request.cancel()
        self.screen.fill("gray15")
        for row in self.rows:
            row.draw(self.screen, self.font)
        pygame.display.flip()
        return True


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
        game, clock = Game(urls, Path(folder)), pygame.time.Clock()
        while game.run_frame():
            clock.tick(60)
        urlrequest.cancel_all()
        pygame.quit()
    server.close()
