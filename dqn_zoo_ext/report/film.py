"""Games as pictures: what a person sees of them, what the network sees, and where it looks."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from stable_baselines3.common.policies import BasePolicy

from dqn_zoo_ext.evaluation.saliency import saliency
from dqn_zoo_ext.evaluation.screens import Picture
from dqn_zoo_ext.evaluation.watch import Moment
from dqn_zoo_ext.report.pictures import beside, enlarged, glowing, newest_frame, whole_stack

View = Literal["screen", "network", "attention"]
VIEWS: tuple[View, ...] = get_args(View)

_HEIGHT = 420  # of what stands beside a screen: two pixels for one of Atari's, five for one of the network's
_LOOK_EVERY = 4  # agent steps: a saliency map costs as much as a hundred steps of play
_DIMMING = 0.99  # of the brightest glow so far, at each look


def sees_screens(policy: BasePolicy) -> bool:
    """Whether the policy's observations are stacks of frames, (planes * frames, H, W) uint8."""
    space = policy.observation_space
    return isinstance(space, Box) and len(space.shape) == 3 and space.dtype == np.uint8


def filmed(moments: Iterable[Moment], policy: BasePolicy, view: View, planes: int = 1) -> Iterator[Picture]:
    """The pictures of a game, all of one size; the moments must have pictures, and for other views than ``screen`` the
    policy must see screens.

    screen: as people see it. network: the frames that the network is given, the oldest on the left, one picture for
    each agent step. attention: the screen, and beside it the newest of the network's frames, with a glow where it
    looks (evaluation/saliency.py). planes: of each of the network's frames (the environments' ``Stacking``).
    """
    glow = _Glow(policy, planes)
    for moment in moments:
        if view == "network":
            yield whole_stack(moment.observation, planes)
        elif view == "screen":
            yield from moment.pictures
        else:
            seen = enlarged(glow.over(moment.observation), _HEIGHT)
            yield from (beside([enlarged(picture, _HEIGHT), seen]) for picture in moment.pictures)


def side_by_side(films: Sequence[Iterable[Picture]]) -> Iterator[Picture]:
    """Films beside each other, until the longest ends; of those that have ended the last picture stays."""
    last: list[Picture] = []
    for pictures in itertools.zip_longest(*films):
        shown = [picture if picture is not None else last[index] for index, picture in enumerate(pictures)]
        yield beside(shown)
        last = shown


class _Glow:
    """Saliency over a game's frames; one map serves several steps, and a slowly fading maximum is full brightness."""

    def __init__(self, policy: BasePolicy, planes: int) -> None:
        self._policy = policy
        self._planes = planes
        self._age = 0
        self._brightest = 0.0
        self._heat = np.zeros((1, 1), dtype=np.float32)

    def over(self, stack: npt.NDArray[np.uint8]) -> Picture:
        if self._age % _LOOK_EVERY == 0:
            self._heat = saliency(self._policy, stack)
            self._brightest = max(self._brightest * _DIMMING, float(self._heat.max()))
        self._age += 1
        return glowing(newest_frame(stack, self._planes), self._heat, self._brightest)
