"""A request in a pygame window: each frame runs the callbacks that are due."""

import sys

import pygame

import urlrequest
from urlrequest import UrlRequest

pygame.init()
screen, clock = pygame.display.set_mode((400, 80)), pygame.time.Clock()
lines = ["waiting"]
UrlRequest(
    sys.argv[1],
    on_success=lambda request, _: lines.append(f"{len(request.content)} bytes"),
    on_failure=lambda request, _: lines.append(f"{request.resp_status}"),
    on_error=lambda _, error: lines.append(f"{error}"),
)
while not pygame.event.get(pygame.QUIT):
    urlrequest.drain(0.008)
    screen.fill("gray15")
    screen.blit(pygame.font.Font(None, 24).render(lines[-1], True, "white"), (20, 30))
    pygame.display.flip()
    clock.tick(60)
