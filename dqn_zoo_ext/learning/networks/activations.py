"""Activations by name."""

from typing import Literal

from torch import nn

from dqn_zoo_ext.errors import UserError, nearest

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
}

Activation = Literal["relu", "elu", "tanh", "leaky_relu", "gelu"]


def activation_class(name: str | type[nn.Module]) -> type[nn.Module]:
    """The activation called `name`, or the class itself; UserError with the nearest name otherwise."""
    if not isinstance(name, str):
        return name
    if name not in ACTIVATIONS:
        raise UserError(f"unknown activation '{name}'{nearest(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]


def activation_name(activation: type[nn.Module]) -> str | type[nn.Module]:
    """The activation's name; the class itself if it has none. ``activation_class`` takes both."""
    return next((name for name, known in ACTIVATIONS.items() if known is activation), activation)
