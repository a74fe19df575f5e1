"""The window of render_mode="human". The only file of environments that imports pygame."""

from __future__ import annotations

import numpy as np
import pygame

BAR = 28  # px below the pictures, for a line of text


class Window:
    """Shows target and canvas, at least 256 pixels high, a line between them and one of text below.

    Args:
        shape: of both pictures side by side, ``(H, W, 3)``.
        fps: pictures shown per second.
    """

    def __init__(self, shape: tuple[int, ...], fps: int):
        pygame.display.init()
        pygame.font.init()
        zoom = max(1, 256 // shape[0])
        self.size = shape[1] * zoom, shape[0] * zoom
        self.surface = pygame.display.set_mode((self.size[0], self.size[1] + BAR))
        pygame.display.set_caption("drawenv: target and canvas")
        self.clock, self.fps, self.font = pygame.time.Clock(), fps, pygame.font.Font(None, 22)

    def show(self, picture: np.ndarray, text: str) -> None:
        """Show both pictures, uint8 ``[H, W, 3]``, and a text, and wait until they have had their time."""
        image = pygame.surfarray.make_surface(picture.swapaxes(0, 1))
        self.surface.fill((24, 24, 24))
        self.surface.blit(pygame.transform.scale(image, self.size), (0, 0))
        middle = self.size[0] // 2
        pygame.draw.line(self.surface, (90, 90, 90), (middle, 0), (middle, self.size[1]))
        self.surface.blit(self.font.render(text, True, (220, 220, 220)), (8, self.size[1] + 7))
        pygame.event.pump()
        pygame.display.flip()
        self.clock.tick(self.fps)

    def close(self) -> None:
        pygame.display.quit()
        pygame.quit()
