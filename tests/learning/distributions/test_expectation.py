"""The mean alone: a head's single number is the action's value."""

import torch
from torch import nn

from dqn_zoo_ext.learning.distributions.expectation import Expectation


def test_an_actions_number_is_its_value() -> None:
    assert Expectation(3).mean(torch.tensor([[[1.0], [-2.0]]])).tolist() == [[1.0, -2.0]]


def test_values_are_what_the_head_says() -> None:
    head = nn.Unflatten(-1, (2, 1))  # two features, taken as the numbers of two actions
    assert Expectation(2).values(head, torch.tensor([[3.0, 4.0], [5.0, 6.0]])).tolist() == [[3.0, 4.0], [5.0, 6.0]]
    assert Expectation.n_outputs == 1
