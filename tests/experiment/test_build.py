"""A bound on what is built from a configuration of anybody's."""

import pytest
import torch
from torch import nn

from dqn_zoo_ext.experiment.build import TooLarge, parameters_at_most


class Module(nn.Module):
    """One parameter, one buffer, one that is none, and a buffer that no state dict has."""

    def __init__(self, parameters: int, buffers: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(parameters))
        self.register_buffer("support", torch.zeros(buffers), persistent=False)
        self.register_buffer("none", None)
        self.register_parameter("bias", None)


@pytest.mark.parametrize(("parameters", "buffers", "name"), [(101, 0, "weight"), (0, 101, "support"), (51, 50, "sup")])
def test_parameters_and_buffers_together(parameters: int, buffers: int, name: str) -> None:
    message = rf"^a network with more than 100 parameters \('{name}.*'\) is not that agent's$"
    with parameters_at_most(100), pytest.raises(TooLarge, match=message):
        Module(parameters, buffers)
    with parameters_at_most(101):
        Module(parameters, buffers)


def test_over_all_modules_and_only_meanwhile() -> None:
    with parameters_at_most(100):
        Module(20, 30)
        Module(20, 30)
        with pytest.raises(TooLarge):
            Module(0, 1)
    Module(1_000, 1_000)
