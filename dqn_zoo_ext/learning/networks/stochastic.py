"""Parts of a network that draw random numbers: noisy layers, fractions of implicit quantiles.

Outside of ``drawing`` nothing is random: a noisy layer is its mean, and fractions lie evenly. So evaluations, warnings
and pictures take no random number from a training, and the same state has the same values whoever asks.
"""

import contextlib
from collections.abc import Iterator
from typing import Literal

from torch import nn

Draws = Literal["nothing", "once", "for_each_row"]


class Stochastic(nn.Module):
    """A part that draws when it is called, from PyTorch's generator of its device.

    draws: ``nothing``; ``once`` in a call, for all rows of the batch (learning: Fortunato et al. hold one sample fixed
    over a batch); ``for_each_row`` anew (acting: each environment explores by itself).
    """

    draws: Draws = "nothing"


def stochastic_parts(network: nn.Module) -> list[Stochastic]:
    """Those of a network that draw."""
    return [part for part in network.modules() if isinstance(part, Stochastic)]


@contextlib.contextmanager
def drawing(*networks: nn.Module, draws: Draws = "once") -> Iterator[None]:
    """Inside, the stochastic parts of `networks`, which may be such parts themselves, draw anew at every call."""
    parts = [part for network in networks for part in stochastic_parts(network)]
    before = [part.draws for part in parts]
    for part in parts:
        part.draws = draws
    try:
        yield
    finally:
        for part, drew in zip(parts, before, strict=True):
            part.draws = drew
