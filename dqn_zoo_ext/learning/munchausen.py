"""Munchausen: a softmax policy in the target, and its scaled log-policy added to the reward."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor

from dqn_zoo_ext.learning.targets import check_shapes, of_action


@dataclass(frozen=True)
class SoftPolicy:
    """pi = softmax(q / temperature), of values q (B, A), and the bonus that Munchausen makes of it.

    temperature, bonus_scale, bonus_floor: the paper's tau, alpha and l_0, with its values for Atari (section 4).
    Source: Vieillard, Pietquin & Geist 2020, "Munchausen reinforcement learning", section 2; the floor: section 4.
    """

    temperature: Annotated[float, Field(gt=0)] = 0.03
    bonus_scale: Annotated[float, Field(ge=0, le=1)] = 0.9
    bonus_floor: Annotated[float, Field(le=0)] = -1.0

    def policy(self, q: Tensor) -> Tensor:
        """(B, A): pi."""
        return (q / self.temperature).softmax(dim=1)

    def log_policy(self, q: Tensor) -> Tensor:
        """(B, A): tau * log pi. From q less its greatest value, as in appendix B.1: no exponent overflows."""
        return self.temperature * (q / self.temperature).log_softmax(dim=1)

    def bonus(self, q: Tensor, a: Tensor) -> Tensor:
        """(B,): alpha * [tau log pi(a)], where [.] cuts to [l_0, 0]."""
        return self.bonus_scale * of_action(self.log_policy(q), a).clamp(self.bonus_floor, 0)


def munchausen_q_learning(
    q_tm1: Tensor,
    a_tm1: Tensor,
    r_t: Tensor,
    discount_t: Tensor,
    q_t: Tensor,
    q_tm1_target: Tensor,
    soft: SoftPolicy,
) -> Tensor:
    """TD error of Munchausen DQN: a soft target, and a bonus for actions that the target net's policy was sure of.

    q_tm1: (B, A) of the online net; q_t, q_tm1_target: (B, A) of the target net, at both times; a_tm1: (B,) int64;
    r_t, discount_t: (B,). With pi = softmax(q / tau), returns (B,)
    r_t + bonus + discount_t * sum_a pi(a) (q_t[a] - tau log pi(a)) - q_tm1[a_tm1]; no gradient through the target.
    In a window of several steps the bonus is the first one's.
    Source: Vieillard, Pietquin & Geist 2020, "Munchausen reinforcement learning", equation 2.
    """
    check_shapes(q_tm1, a_tm1, r_t, discount_t, q_t, q_tm1_target)
    value = (soft.policy(q_t) * (q_t - soft.log_policy(q_t))).sum(dim=1)
    target = r_t + soft.bonus(q_tm1_target, a_tm1) + discount_t * value
    return target.detach() - of_action(q_tm1, a_tm1)
