"""Munchausen's soft policy, bonus and TD error: by hand, in the limit, and where gradients go."""

import math

import pytest
import torch
from torch import Tensor

from dqn_zoo_ext.learning.munchausen import SoftPolicy, munchausen_q_learning
from dqn_zoo_ext.learning.targets import q_learning

LN3 = math.log(3)
# softmax of ln 3, 0 at temperature 1, and of 2 ln 3, 0 at temperature 2: 3/4 and 1/4
SOFT = SoftPolicy(temperature=1.0, bonus_scale=0.5, bonus_floor=-1.0)
Q = torch.tensor([[LN3, 0.0], [0.0, LN3]])


def test_policy_by_hand() -> None:
    torch.testing.assert_close(SOFT.policy(Q), torch.tensor([[0.75, 0.25], [0.25, 0.75]]))
    torch.testing.assert_close(SoftPolicy(temperature=2.0).policy(2 * Q), torch.tensor([[0.75, 0.25], [0.25, 0.75]]))


def test_log_policy_by_hand() -> None:
    # tau ln pi: 2 ln 3/4, 2 ln 1/4
    expected = torch.tensor([[2 * math.log(0.75), 2 * math.log(0.25)]])
    torch.testing.assert_close(SoftPolicy(temperature=2.0).log_policy(2 * Q[:1]), expected)


def test_log_policy_of_numbers_whose_exponents_overflow() -> None:
    # at temperature 0.03 exp(1000 / 0.03) is infinite; the worse action's is 0 - 1000, the better one's 0
    log_policy = SoftPolicy().log_policy(torch.tensor([[1000.0, 0.0], [-1000.0, 0.0]]))
    torch.testing.assert_close(log_policy, torch.tensor([[0.0, -1000.0], [-1000.0, 0.0]]))


def test_bonus_by_hand() -> None:
    # 0.5 ln 3/4;  ln 1/4 = -1.386 is cut to -1: 0.5 * -1
    torch.testing.assert_close(SOFT.bonus(Q, torch.tensor([0, 0])), torch.tensor([0.5 * math.log(0.75), -0.5]))


def test_a_bonus_is_never_above_zero() -> None:
    # an action that is certain: ln 1 = 0
    assert SoftPolicy().bonus(torch.tensor([[50.0, -50.0]]), torch.tensor([0])).tolist() == [0.0]
    values = torch.randn(2000, 6, generator=torch.Generator().manual_seed(0))
    bonus = SoftPolicy().bonus(values, torch.zeros(2000, dtype=torch.long))
    assert ((bonus >= -0.9) & (bonus <= 0)).all()  # alpha * l_0 to 0
    assert bonus.min() == -0.9


def test_the_papers_numbers() -> None:
    assert SoftPolicy() == SoftPolicy(temperature=0.03, bonus_scale=0.9, bonus_floor=-1.0)


Q_TM1 = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
A_TM1 = torch.tensor([0, 0])
R_T = torch.tensor([1.0, -1.0])
DISCOUNT_T = torch.tensor([0.5, 0.0])
Q_T = torch.tensor([[0.0, LN3], [7.0, 8.0]])


def test_td_error_by_hand() -> None:
    # value: 1/4 (0 - ln 1/4) + 3/4 (ln 3 - ln 3/4) = 1/4 ln 4 + 3/4 ln 4 = ln 4
    # 1 + 0.5 ln 3/4 + 0.5 ln 4 - 1 = 0.5 ln 3;  the end, with a bonus cut to -0.5: -1 - 0.5 - 3 = -4.5
    td_error = munchausen_q_learning(Q_TM1, A_TM1, R_T, DISCOUNT_T, Q_T, Q, SOFT)
    torch.testing.assert_close(td_error, torch.tensor([0.5 * LN3, -4.5]))


def random_arguments(rows: int, actions: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """q_tm1, a_tm1, r_t, discount_t, q_t, q_tm1_target, in float64."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    a_tm1 = torch.randint(actions, (rows,), generator=generator)
    discount_t = 0.99 * (torch.rand(rows, dtype=torch.float64, generator=generator) < 0.8)
    return normal(rows, actions), a_tm1, normal(rows), discount_t, normal(rows, actions), normal(rows, actions)


@pytest.mark.parametrize("temperature", [0.03, 0.5, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_against_a_loop(temperature: float, seed: int) -> None:
    soft = SoftPolicy(temperature, bonus_scale=0.7, bonus_floor=-0.4)
    arguments = random_arguments(8, 4, seed)

    def log_policy(q: list[float], a: int) -> float:
        return q[a] / temperature - math.log(sum(math.exp(other / temperature) for other in q))

    slow = []
    for q, a, r, discount, q_next, q_target in zip(*(x.tolist() for x in arguments), strict=True):
        bonus = 0.7 * max(temperature * log_policy(q_target, a), -0.4)
        value = 0.0
        for b, q_b in enumerate(q_next):
            value += math.exp(log_policy(q_next, b)) * (q_b - temperature * log_policy(q_next, b))
        slow.append(r + bonus + discount * value - q[a])
    fast = munchausen_q_learning(*arguments, soft)
    torch.testing.assert_close(fast, torch.tensor(slow, dtype=torch.float64), rtol=1e-9, atol=1e-9)


def test_a_soft_value_is_the_smooth_maximum() -> None:
    # sum of pi (q - tau ln pi) = tau ln sum of exp(q / tau); no bonus, r = 0, discount 1, q_tm1 = 0
    q_t = random_arguments(50, 5, 0)[4]
    nothing = torch.zeros(50, dtype=torch.float64)
    td_error = munchausen_q_learning(
        torch.zeros_like(q_t), nothing.long(), nothing, nothing + 1, q_t, q_t, SoftPolicy(0.3, bonus_scale=0)
    )
    torch.testing.assert_close(td_error, 0.3 * (q_t / 0.3).logsumexp(1))


def test_without_bonus_and_in_the_limit_of_temperature_0_it_is_q_learning() -> None:
    arguments = random_arguments(200, 5, 0)
    single = q_learning(*arguments[:5])
    distances = []
    for temperature in (1.0, 0.1, 0.01, 1e-4):
        soft = SoftPolicy(temperature, bonus_scale=0.0)
        distance = (munchausen_q_learning(*arguments, soft) - single).abs().max().item()
        assert distance <= temperature * math.log(5)  # how far the smooth maximum of five can lie above the maximum
        distances.append(distance)
    assert distances[0] > 0.5  # which it is not at a temperature of 1


def test_gradient_reaches_only_the_chosen_online_value() -> None:
    q_tm1, q_t, q_target = (x.clone().requires_grad_() for x in (Q_TM1, Q_T, Q))
    munchausen_q_learning(q_tm1, A_TM1, R_T, DISCOUNT_T, q_t, q_target, SOFT).sum().backward()
    assert q_tm1.grad is not None
    assert q_tm1.grad.tolist() == [[-1.0, 0.0], [-1.0, 0.0]]
    assert q_t.grad is None
    assert q_target.grad is None


def test_gradient_of_its_squared_error() -> None:
    q_tm1, a_tm1, r_t, discount_t, q_t, q_target = random_arguments(4, 3, 0)
    assert torch.autograd.gradcheck(
        lambda q: munchausen_q_learning(q, a_tm1, r_t, discount_t, q_t, q_target, SoftPolicy()) ** 2,
        q_tm1.requires_grad_(),
    )


@pytest.mark.parametrize(
    ("r_t", "q_t", "q_tm1_target"),
    [(R_T.unsqueeze(1), Q_T, Q), (R_T, Q_T[:1], Q), (R_T, Q_T, Q[:1]), (R_T, Q_T, Q[:, :1])],
)
def test_shapes_that_would_broadcast_are_refused(r_t: Tensor, q_t: Tensor, q_tm1_target: Tensor) -> None:
    with pytest.raises(ValueError, match="one batch, got shapes"):
        munchausen_q_learning(Q_TM1, A_TM1, r_t, DISCOUNT_T, q_t, q_tm1_target, SOFT)


@pytest.mark.parametrize("a", [torch.tensor([0]), torch.tensor([[0], [1]])])
def test_actions_of_another_batch_are_refused(a: Tensor) -> None:
    with pytest.raises(ValueError, match="and actions"):
        SOFT.bonus(Q, a)
