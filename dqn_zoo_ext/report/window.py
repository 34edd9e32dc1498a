"""A window that shows pictures at their own pace, by pygame."""

import os
import sys

import numpy as np

from dqn_zoo_ext.errors import UserError

_SMALLEST_HEIGHT = 420


def has_display() -> bool:
    """Whether there may be one: on Linux, whether a variable names it."""
    variables = ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform != "linux" or any(os.environ.get(name) for name in variables)


def check_display() -> None:
    """UserError if there is no display. Asked before SDL, which would complain in lines of its own."""
    if not has_display():
        raise UserError("no window can be opened without a display; use --no-render, or record_video for a file")


class Window:
    """Opens at the first picture; enlarges small ones by a whole factor. UserError if there is no display."""

    def __init__(self, title: str, pictures_per_second: float) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame

        self._pygame = pygame
        self._title = title
        self._pictures_per_second = pictures_per_second
        self._screen: pygame.Surface | None = None
        self._clock = pygame.time.Clock()

    def show(self, picture: np.ndarray | None) -> bool:
        """Show a picture, (H, W, 3) uint8, and wait for its time to pass. False once the window has been closed."""
        if picture is None:
            return True  # the environment has none to show
        height, width, _ = picture.shape
        factor = max(1, -(-_SMALLEST_HEIGHT // height))
        if self._screen is None:
            self._open((width * factor, height * factor))
        surface = self._pygame.surfarray.make_surface(picture.swapaxes(0, 1))
        assert self._screen is not None  # _open has set it
        self._pygame.transform.scale(surface, self._screen.get_size(), self._screen)
        self._pygame.display.flip()
        self._clock.tick(self._pictures_per_second)
        return not any(event.type == self._pygame.QUIT for event in self._pygame.event.get())

    def close(self) -> None:
        """Close the window; may be called twice."""
        self._screen = None
        self._pygame.quit()

    def _open(self, size: tuple[int, int]) -> None:
        check_display()
        try:
            self._pygame.display.init()
            self._screen = self._pygame.display.set_mode(size)
        except self._pygame.error as error:
            raise UserError(
                f"no window can be opened ({error}); use --no-render, or record_video for a file"
            ) from error
        self._pygame.display.set_caption(self._title)
