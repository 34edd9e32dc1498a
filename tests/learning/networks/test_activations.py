"""Activations by name."""

import pytest
import torch

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.networks.activations import ACTIVATIONS, activation_class, activation_name


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_name_and_its_class_stand_for_each_other(name: str) -> None:
    assert activation_name(activation_class(name)) == name


def test_a_class_without_a_name_stands_for_itself() -> None:
    assert activation_class(activation_name(torch.nn.SiLU)) is torch.nn.SiLU


@pytest.mark.parametrize(
    ("name", "of_minus_one"),
    [("relu", 0.0), ("elu", -0.6321206), ("tanh", -0.7615942), ("leaky_relu", -0.01), ("gelu", -0.1586553)],
)
def test_the_names_mean_what_they_say(name: str, of_minus_one: float) -> None:
    # exp(-1) - 1; tanh(1); slope 0.01; the normal distribution below -1
    assert activation_class(name)()(torch.tensor(-1.0)).item() == pytest.approx(of_minus_one, abs=1e-6)


def test_unknown_activation() -> None:
    with pytest.raises(UserError, match=r"^unknown activation 'rellu'; did you mean 'relu'\?$"):
        activation_class("rellu")
