"""A policy's weights alone, as safetensors: plain numbers, in which no code can stand."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.storage.atomic import write_atomically

SUFFIX = ".safetensors"
_TARGETS = {"q_net_target.": "q_net.", "quantile_net_target.": "quantile_net."}
"""Target networks by what their tensors' names begin with, and the networks that they are copies of."""


def write_plain_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write a policy's state dict whole or not at all; the same weights give the same bytes."""
    write_atomically(path, safetensors.torch.save({name: _alone(each) for name, each in weights.items()}))


def without_target(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Less the target network: half of a file that is only to be played."""
    return {name: each for name, each in weights.items() if not name.startswith(tuple(_TARGETS))}


def with_target(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With a copy of the network as target network, as far as there is none: a policy is built with both."""
    copies = {
        name.replace(online, target, 1): each
        for target, online in _TARGETS.items()
        for name, each in weights.items()
        if name.startswith(online)
    }
    return {**copies, **weights}


def read_plain_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in such a file, on the CPU. UserError if it is absent or no safetensors file."""
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {one_line(str(error))}") from error


def _alone(weight: Tensor) -> Tensor:
    """Contiguous and in memory of its own: what two tensors share the format has no words for."""
    return weight.clone(memory_format=torch.contiguous_format)
