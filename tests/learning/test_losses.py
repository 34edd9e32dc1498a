"""Losses against values worked out by hand, and the gradient that the paper describes."""

import torch

from dqn_zoo_ext.learning.losses import huber, mse

TD_ERROR = torch.tensor([0.0, 0.5, -0.5, 1.0, 2.0, -3.0])


def test_huber_by_hand() -> None:
    # below 1: half the square; above: |x| - 1/2
    torch.testing.assert_close(huber(TD_ERROR), torch.tensor([0.0, 0.125, 0.125, 0.5, 1.5, 2.5]))


def test_huber_with_another_delta_by_hand() -> None:
    # delta 2: 0.5 * 1**2; 2 * (3 - 2) + 0.5 * 2**2 = 4
    torch.testing.assert_close(huber(torch.tensor([1.0, -3.0]), delta=2.0), torch.tensor([0.5, 4.0]))


def test_huber_is_pytorchs() -> None:
    x = torch.linspace(-4, 4, 101)
    torch.testing.assert_close(huber(x), torch.nn.functional.huber_loss(x, torch.zeros_like(x), reduction="none"))


def test_gradient_of_huber_is_the_td_error_clipped_to_one() -> None:
    x = TD_ERROR.clone().requires_grad_()
    huber(x).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, TD_ERROR.clamp(-1, 1))


def test_mse_by_hand() -> None:
    torch.testing.assert_close(mse(TD_ERROR), torch.tensor([0.0, 0.25, 0.25, 1.0, 4.0, 9.0]))
