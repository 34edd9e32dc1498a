"""What the words of a command line stand for: numbers, seeds, devices."""

import argparse
import math
import random
import warnings
from collections.abc import Callable

import torch

from dqn_zoo_ext.errors import UserError, first_line
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.storage.run_folder import NUMBER_AND_UUID

_LEAVE_OUT = "(leave --device out to take what is there)"


def whole_number(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """An argparse type: a whole number, of at least `least` and at most `most` where they are given."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None
        if least is not None and number < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}, not {number}")
        if most is not None and number > most:
            raise argparse.ArgumentTypeError(f"must be at most {most}, not {number}")
        return number

    return parse


def number(least: float) -> Callable[[str], float]:
    """An argparse type: a finite number of at least `least`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None
        if not least <= value < math.inf:
            raise argparse.ArgumentTypeError(f"must be at least {least:g} and finite, not {text}")
        return value

    return parse


def run_id(text: str) -> int | str:
    """An argparse type: the number of a run, or the number with the UUID behind it that ``train --uuid`` adds."""
    return text if NUMBER_AND_UUID.fullmatch(text) else whole_number()(text)


def seed_or_random(seed: int) -> int:
    """`seed`, or a random one if negative, as in RL-Zoo. UserError from 2**31 on, which the emulator refuses."""
    if seed >= 2**31:
        raise UserError(f"--seed must be below 2**31, not {seed}")
    return seed if seed >= 0 else random.SystemRandom().randrange(2**31)


def check_device(name: str) -> str:
    """`name` if PyTorch can compute there; UserError, saying which devices are here, otherwise."""
    if name == "auto":
        return name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of kinds that PyTorch has given up
            torch.zeros(1, device=name).item()  # the device `meta` takes numbers, and gives none back
    except (RuntimeError, AssertionError, ImportError) as error:
        why, here = _why_not_there(name, error), ", ".join(_devices_here())
        raise UserError(f"--device: cannot use '{one_line(name)}': {why}; there is {here} {_LEAVE_OUT}") from error
    return name


def _why_not_there(name: str, error: Exception) -> str:
    """PyTorch's own words, unless they are of its inside, or the name is of no device at all."""
    words = first_line(error).split(". ")[0]
    try:
        torch.device(name)
    except RuntimeError:
        return "no such device"
    of_inside = isinstance(error, NotImplementedError | ImportError) or "INTERNAL ASSERT" in words
    return "PyTorch has none here" if of_inside else one_line(words)


def _devices_here() -> list[str]:
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    others = [] if accelerator is None else [f"{accelerator.type}:{i}" for i in range(torch.accelerator.device_count())]
    return ["cpu", *others]
