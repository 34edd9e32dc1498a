"""Heads: values worked out by hand, shapes, and the dueling streams' gradient."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.networks.heads import DuelingHead, LinearHead, SoftmaxHead
from dqn_zoo_ext.learning.networks.layers import NoisyLinear


def fill(layer: object, weight: Sequence[Sequence[float]], bias: Sequence[float]) -> None:
    assert isinstance(layer, nn.Linear)
    layer.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})


def dueling_of_two(gradient_scale: float | None = None) -> DuelingHead:
    """V = x_0 + 2 x_1 + 0.5; A = x_0 and 3 x_1 - 1."""
    head = DuelingHead(2, 2) if gradient_scale is None else DuelingHead(2, 2, gradient_scale=gradient_scale)
    fill(head.value[0], [[1.0, 2.0]], [0.5])
    fill(head.advantage[0], [[1.0, 0.0], [0.0, 3.0]], [0.0, -1.0])
    return head


def test_linear_head_with_hidden_layers() -> None:
    head = LinearHead(8, 3, net_arch=[16], activation="elu")
    assert [type(layer).__name__ for layer in head] == ["Dense", "ELU", "Dense"]
    assert head(torch.zeros(5, 8)).shape == (5, 3, 1)
    assert head(torch.zeros(5, 7, 8)).shape == (5, 7, 3, 1)


def test_linear_head_gives_an_actions_numbers_side_by_side() -> None:
    head = LinearHead(1, 2, n_outputs=3)
    fill(head[0], [[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    assert head(torch.tensor([[10.0]])).tolist() == [[[10.0, 20.0, 30.0], [40.0, 50.0, 61.0]]]


def test_the_softmax_of_q_values_by_hand() -> None:
    head = SoftmaxHead(1, 3)
    fill(head[0], [[1.0], [0.0], [0.0]], [0.0, 0.0, 0.0])
    # x = ln 2: (ln 2, 0, 0), whose exponentials are 2, 1, 1
    assert head(torch.tensor([[math.log(2)]])).flatten().tolist() == pytest.approx([0.5, 0.25, 0.25])
    # however large the value of an action is, it says 1, and it cannot say less than a third of the best one
    assert head(torch.tensor([[500.0]])).flatten().tolist() == [1.0, 0.0, 0.0]
    assert head(torch.zeros(4, 1)).amax(dim=1).flatten().tolist() == pytest.approx([1 / 3] * 4)


def test_the_softmax_is_over_actions_for_each_number_of_theirs() -> None:
    outputs = SoftmaxHead(8, 3, n_outputs=5, net_arch=[4])(torch.randn(2, 8))
    assert outputs.shape == (2, 3, 5)
    assert torch.allclose(outputs.sum(dim=1), torch.ones(2, 5))


def test_unknown_activation() -> None:
    with pytest.raises(UserError, match="unknown activation 'rellu'; did you mean 'relu'"):
        LinearHead(8, 3, net_arch=[4], activation="rellu")  # type: ignore[arg-type]


def test_dueling_by_hand() -> None:
    # x = (2, 3): V = 8.5, A = (2, 8), mean 5: Q = (5.5, 11.5). x = (0, 1): V = 2.5, A = (0, 2), mean 1: Q = (1.5, 3.5)
    values = dueling_of_two()(torch.tensor([[2.0, 3.0], [0.0, 1.0]]))
    assert values.squeeze(-1).tolist() == [[5.5, 11.5], [1.5, 3.5]]


def test_dueling_joins_the_streams_for_each_output_by_itself() -> None:
    head = DuelingHead(1, 2, n_outputs=2)
    fill(head.value[0], [[1.0], [10.0]], [0.0, 0.0])
    fill(head.advantage[0], [[1.0], [2.0], [3.0], [6.0]], [0.0] * 4)
    # x = 2: V = (2, 20); A = (2, 4) and (6, 12), mean over the actions (4, 8)
    expected = [[2.0 + 2 - 4, 20.0 + 4 - 8], [2.0 + 6 - 4, 20.0 + 12 - 8]]
    assert head(torch.tensor([[2.0]])).tolist() == [expected]
    # a dimension of fractions between batch and features changes nothing
    assert head(torch.tensor([[[2.0], [2.0], [0.0]]])).tolist() == [[expected, expected, [[0.0, 0.0], [0.0, 0.0]]]]


def gradients(head: DuelingHead) -> tuple[Tensor, Tensor, Tensor]:
    """Of action 1's value at x = (2, 3): for x, for the value stream's weight and for the advantages'."""
    x = torch.tensor([[2.0, 3.0]], requires_grad=True)
    head(x)[0, 1, 0].backward()
    value, advantage = head.value[0].weight.grad, head.advantage[0].weight.grad
    assert isinstance(x.grad, Tensor)
    assert isinstance(value, Tensor)
    assert isinstance(advantage, Tensor)
    return x.grad, value, advantage


def test_the_streams_gradient_into_the_torso_is_scaled_and_their_own_is_not() -> None:
    into_torso, value, advantage = gradients(dueling_of_two())
    unscaled, *own = gradients(dueling_of_two(gradient_scale=1.0))
    # dV + dA_1 - mean dA = (1, 2) + (0, 3) - (0.5, 1.5)
    assert unscaled.tolist() == [[0.5, 3.5]]
    torch.testing.assert_close(into_torso, unscaled / 2**0.5)
    # V counts once; A_1 less half of it, A_0 less half
    assert value.tolist() == own[0].tolist() == [[2.0, 3.0]]
    assert advantage.tolist() == own[1].tolist() == [[-1.0, -1.5], [1.0, 1.5]]


def test_each_stream_has_hidden_layers_of_its_own_made_of_the_given_layer() -> None:
    head = DuelingHead(8, 3, n_outputs=5, net_arch=[16], activation="tanh", layer=NoisyLinear)
    for stream, outputs in ((head.value, 5), (head.advantage, 15)):
        assert [type(layer).__name__ for layer in stream] == ["NoisyLinear", "Tanh", "NoisyLinear"]
        means = [weight.shape for name, weight in stream.named_parameters() if name.endswith(".weight")]
        assert means == [(16, 8), (outputs, 16)]
    assert head.value[0].weight is not head.advantage[0].weight
    assert head(torch.zeros(4, 8)).shape == (4, 3, 5)
