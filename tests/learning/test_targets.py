"""Both TD errors against values worked out by hand."""

import pytest
import torch

from dqn_zoo_ext.learning.targets import double_q_learning, q_learning

# three transitions: an ordinary one, one where the episode truly ended, one n-step window with discount 0.9**3 = 0.729
Q_TM1 = torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 5.0], [4.0, 4.0, 0.5]])
A_TM1 = torch.tensor([1, 2, 0])
R_T = torch.tensor([1.0, -1.0, 0.5])
DISCOUNT_T = torch.tensor([0.9, 0.0, 0.729])
Q_T = torch.tensor([[10.0, 20.0, 0.0], [7.0, 8.0, 9.0], [1.0, -2.0, 0.0]])
SELECTOR = torch.tensor([[5.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 3.0, 1.0]])  # picks 0, 2, 1


def test_q_learning_by_hand() -> None:
    # 1 + 0.9 * 20 - 2 = 17;  -1 + 0 - 5 = -6;  0.5 + 0.729 * 1 - 4 = -2.771
    td_error = q_learning(Q_TM1, A_TM1, R_T, DISCOUNT_T, Q_T)
    torch.testing.assert_close(td_error, torch.tensor([17.0, -6.0, -2.771]))


def test_double_q_learning_by_hand() -> None:
    # 1 + 0.9 * 10 - 2 = 8;  -1 + 0 - 5 = -6;  0.5 + 0.729 * -2 - 4 = -4.958
    td_error = double_q_learning(Q_TM1, A_TM1, R_T, DISCOUNT_T, Q_T, SELECTOR)
    torch.testing.assert_close(td_error, torch.tensor([8.0, -6.0, -4.958]))


def test_double_q_learning_with_itself_as_selector_is_q_learning() -> None:
    single = q_learning(Q_TM1, A_TM1, R_T, DISCOUNT_T, Q_T)
    torch.testing.assert_close(double_q_learning(Q_TM1, A_TM1, R_T, DISCOUNT_T, Q_T, Q_T), single)


@pytest.mark.parametrize("double", [False, True])
def test_gradient_reaches_only_the_chosen_online_value(double: bool) -> None:
    q_tm1, q_t = Q_TM1.clone().requires_grad_(), Q_T.clone().requires_grad_()
    selectors = (SELECTOR.clone().requires_grad_(),) if double else ()
    function = double_q_learning if double else q_learning
    function(q_tm1, A_TM1, R_T, DISCOUNT_T, q_t, *selectors).sum().backward()
    assert q_tm1.grad is not None
    torch.testing.assert_close(q_tm1.grad, torch.tensor([[0.0, -1, 0], [0, 0, -1], [-1, 0, 0]]))
    assert q_t.grad is None
    assert all(selector.grad is None for selector in selectors)


@pytest.mark.parametrize(
    ("r_t", "discount_t", "q_t"),
    [
        (R_T.unsqueeze(1), DISCOUNT_T, Q_T),
        (R_T, DISCOUNT_T.unsqueeze(1), Q_T),
        (R_T, DISCOUNT_T, Q_T[:, :2]),
        (R_T[:2], DISCOUNT_T, Q_T),
    ],
)
def test_shapes_that_would_broadcast_are_refused(
    r_t: torch.Tensor, discount_t: torch.Tensor, q_t: torch.Tensor
) -> None:
    with pytest.raises(ValueError, match="one batch, got shapes"):
        q_learning(Q_TM1, A_TM1, r_t, discount_t, q_t)
