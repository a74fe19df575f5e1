"""The window of render_mode="human". The only file that imports pygame."""

from __future__ import annotations

import numpy as np
import pygame


class Window:
    """Shows pictures, enlarged to at least 256 pixels high.

    Args:
        shape: of the pictures, ``(H, W, 3)``.
        fps: pictures shown per second.
    """

    def __init__(self, shape: tuple[int, ...], fps: int):
        pygame.init()
        zoom = max(1, 256 // shape[0])
        self.surface = pygame.display.set_mode((shape[1] * zoom, shape[0] * zoom))
        pygame.display.set_caption("drawenv: target and canvas")
        self.clock, self.fps = pygame.time.Clock(), fps

    def show(self, picture: np.ndarray) -> None:
        """Show a picture, uint8 ``[H, W, 3]``, and wait until it has had its time."""
        image = pygame.surfarray.make_surface(picture.swapaxes(0, 1))
        pygame.transform.scale(image, self.surface.get_size(), self.surface)
        pygame.event.pump()
        pygame.display.flip()
        self.clock.tick(self.fps)

    def close(self) -> None:
        pygame.display.quit()
        pygame.quit()
