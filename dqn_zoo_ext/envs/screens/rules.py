"""The keywords that say what the agent sees of a screen: names, types and ranges."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from dqn_zoo_ext.errors import nearest
from dqn_zoo_ext.keywords import shown

SCREEN_HEIGHT, SCREEN_WIDTH = 210, 160
"""Pixels of a screen. Thirteen games' have more rows; they are brought to these by area before anything else."""

LARGEST = 2_048
"""Pixels of a side."""

COLOURS = ("luminance", "mean", "rgb", "luminance_int8")
RESIZES = ("area", "bilinear", "nearest")
STACK_STARTS = ("zeros", "repeat")
END_FRAMES = ("repeated", "blank")


def _one_of(names: tuple[str, ...]) -> BeforeValidator:
    def known(given: Any) -> Any:
        if given not in names:
            raise ValueError(f"unknown name {shown(given)}{nearest(str(given), names)}")
        return given

    return BeforeValidator(known)


def _whole(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


def _size(given: Any) -> Any:
    """A `screen_size`, a list as a tuple; ValueError for what is none."""
    sides = given if isinstance(given, list | tuple) else [given, given]
    if given is not None and (len(sides) != 2 or not all(map(_whole, sides))):
        raise ValueError(f"must be a whole number, [height, width] or null, not {shown(given)}")
    if given is not None and not all(1 <= side <= LARGEST for side in sides):
        raise ValueError(f"must be 1 to {LARGEST} pixels a side, not {shown(given)}")
    return tuple(given) if isinstance(given, list) else given


def _span(of: int, what: str) -> Callable[[Any], Any]:
    def within(given: Any) -> Any:
        if given is None:
            return given
        if not isinstance(given, list | tuple) or len(given) != 2 or not all(map(_whole, given)):
            raise ValueError(f"must be [from, until], two whole numbers, or null, not {shown(given)}")
        first, until = given
        if not 0 <= first < until <= of:
            nearest_span = sorted(min(max(each, 0), of) for each in given)
            better = nearest_span if nearest_span[0] < nearest_span[1] else [0, of]
            raise ValueError(
                f"a screen has {what} 0 to {of}, and 'from' must be below 'until', not {shown(list(given))}; "
                f"did you mean {shown(better)}?"
            )
        return first, until

    return within


Size = Annotated[int | tuple[int, int] | None, BeforeValidator(_size)]
Rows = Annotated[tuple[int, int] | None, BeforeValidator(_span(SCREEN_HEIGHT, "rows"))]
Columns = Annotated[tuple[int, int] | None, BeforeValidator(_span(SCREEN_WIDTH, "columns"))]
Colour = Annotated[Literal["luminance", "mean", "rgb", "luminance_int8"], _one_of(COLOURS)]
Resize = Annotated[Literal["area", "bilinear", "nearest"], _one_of(RESIZES)]
StackStart = Annotated[Literal["zeros", "repeat"], _one_of(STACK_STARTS)]
EndFrame = Annotated[Literal["repeated", "blank"], _one_of(END_FRAMES)]


@dataclass(frozen=True, kw_only=True)
class ScreenRules:
    """From the screen of 210 x 160 pixels to a picture, in this order; the defaults are Mnih et al.'s 2015.

    max_pool: the picture is of the brighter of the last two frames, pixel by pixel: of gray ones, or, where `colour` is
        ``mean`` or ``rgb``, of R, G and B each by itself. False: of the last frame alone. (With a frame_skip of 1 there
        is but one.)
    crop_rows, crop_columns: [from, until] of what is kept; None: all.
    subsample: every so many-th pixel in both directions, from the first on.
    colour: ``luminance`` (0.299 R + 0.587 G + 0.114 B); ``mean`` of R, G and B, cut to a whole number; ``rgb``: three
        planes; ``luminance_int8``: luminance that was cast to 8 bits with a sign, the mistake of the program of 2016
        that the Space Invaders preset follows. From 128 on it wraps to -128 and up, so that white is a shade darker
        than black. The cast comes after the resizing, and 128 is added, as observations have no sign.
    screen_size: pixels of both sides, or [height, width]; None: none is changed.
    resize: ``area`` (each pixel is the mean of what it covers), ``bilinear`` (of the nearest two by two; OpenCV's exact
        one, equal on all machines) or ``nearest``.
    stack_start: what stands in for the frames before an episode's first: ``zeros``, or that one, repeated.
    end_frame: the newest frame of an episode's last observation: as the emulator gives it (of a game that is over the
        one before, ``repeated``), or ``blank``, zeros. At a time limit, which is no end, it stays.
    """

    max_pool: bool = True
    crop_rows: Rows = None
    crop_columns: Columns = None
    subsample: Annotated[int, Field(ge=1, le=SCREEN_HEIGHT)] = 1
    colour: Colour = "luminance"
    screen_size: Size = 84
    resize: Resize = "area"
    stack_start: StackStart = "zeros"
    end_frame: EndFrame = "repeated"

    def __post_init__(self) -> None:
        """Lists, as YAML has them, become tuples: rules are compared, and never change."""
        for name in ("crop_rows", "crop_columns", "screen_size"):
            value: Any = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))

    @property
    def kept(self) -> tuple[int, int]:
        """Height and width of what the crop leaves."""
        spans = (self.crop_rows or (0, SCREEN_HEIGHT), self.crop_columns or (0, SCREEN_WIDTH))
        height, width = (until - first for first, until in spans)
        return height, width

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """Planes, height and width of one frame as the agent sees it."""
        planes = 3 if self.colour == "rgb" else 1
        if self.screen_size is None:
            height, width = (-(-side // self.subsample) for side in self.kept)
        elif isinstance(self.screen_size, tuple):
            height, width = self.screen_size
        else:
            height = width = self.screen_size
        return planes, height, width

    def check_together(self) -> None:
        """ValueError, with the names, for keywords that are right one by one and wrong together."""
        side, what = min(zip(self.kept, ("rows", "columns"), strict=True))
        if self.subsample > side:
            raise ValueError(
                f"subsample: every {self.subsample}-th pixel leaves nothing to choose among the {side} {what} that "
                f"there are; it may be 1 to {side}"
            )
