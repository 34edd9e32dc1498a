"""The process's random generators: Python's, numpy's, PyTorch's and, where it is used, CUDA's."""

import random
from typing import Any

import numpy as np
import torch

from dqn_zoo_ext.state import State


def random_state(device: torch.device) -> State:
    """Where all generators stand that belong to nobody in particular."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002  # Stable-Baselines3 draws from it
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return {
        "python": [version, list(words), gauss],
        "numpy": [name, keys, position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": cuda,
    }


def set_random_state(state: State, device: torch.device) -> None:
    """Put them there. A run that goes on with another kind of device keeps that device's generator as it is."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    np.random.set_state(tuple(state["numpy"]))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


def generator_state(generator: np.random.Generator) -> dict[str, Any]:
    """Where one of numpy's generators stands."""
    return dict(generator.bit_generator.state)


def set_generator_state(generator: np.random.Generator, state: dict[str, Any]) -> None:
    """Put it there. ValueError or TypeError if it is of another kind."""
    generator.bit_generator.state = state
