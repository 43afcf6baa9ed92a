"""A download manager for pygame: progress, pause and resume, and how each download ended.

Run it as it is: it starts a server of its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pygame

import urlrequest
from download_server import Meter, make_server
from urlrequest import UrlRequest


class Row:
    """One download: its name, a progress bar, its state, and a button that pauses it, resumes it or tries again."""

    def __init__(self, top: int, url: str, folder: Path) -> None:
        self.url = url
        self.path = folder / url.rsplit("/", 1)[-1]
        self.part = 0.0
        self.state = "waiting"
        self.top = top
        self.button = pygame.Rect(900, top, 90, 28)
        self.start()

    def start(self) -> None:
        self.meter = Meter()
        self.action: str | None = "Pause"
        self.request = UrlRequest(
            self.url,
            on_success=lambda _, __: self.end("done", None),
            on_failure=lambda request, _: self.fail(f"{request.resp_status} {request.resp_reason}"),
            on_error=lambda _, error: self.fail(str(error)),
            on_cancel=lambda _: self.end(f"paused at {self.part:.0%}", "Resume"),
            on_progress=self.show_progress,
            progress_interval=0.05,
            file_path=self.path,
            resume=True,  # what was received is kept, and the next request goes on from there
        )

    def press(self) -> None:
        if self.action == "Pause":
            self.request.cancel()
        elif self.action is not None:
            self.start()

    def show_progress(self, _: UrlRequest, current: int, total: int) -> None:
        self.part = current / max(total, 1)
        self.state = self.meter.text(current, total)

    def fail(self, text: str) -> None:
        self.part = 0.0
        self.end(text, "Retry")

    def end(self, text: str, action: str | None) -> None:
        self.state, self.action = text, action

    def draw(self, screen: pygame.Surface, font: pygame.font.Font) -> None:
        pygame.draw.rect(screen, "gray30", (130, self.top + 4, 220, 20))
        pygame.draw.rect(screen, "seagreen3", (130, self.top + 4, 220 * self.part, 20))
        if self.action == "Retry":
            pygame.draw.rect(screen, "tomato", (130, self.top + 4, 220, 20), width=2)
        pygame.draw.rect(screen, "steelblue" if self.action else "gray40", self.button, border_radius=4)
        for text, left in ((self.path.name, 12), (self.state, 364), (self.action or "Done", 914)):
            screen.blit(font.render(text, True, "white"), (left, self.top + 5))


class Game:
    """All downloads, one below the other."""

    def __init__(self, urls: list[str], folder: Path) -> None:
        pygame.init()
        self.screen = pygame.display.set_mode((1000, 180))
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
                        row.press()
        self.screen.fill("gray15")
        for row in self.rows:
            row.draw(self.screen, self.font)
        pygame.display.flip()
        return True


if __name__ == "__main__":
    server, urls = make_server()
    with tempfile.TemporaryDirectory() as folder:
        game, clock = Game(urls, Path(folder)), pygame.time.Clock()
        while game.run_frame():
            clock.tick(60)
        urlrequest.cancel_all()
        pygame.quit()
    server.close()
