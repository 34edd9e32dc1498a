"""Temporal-difference errors: one pure function per Bellman equation, in the papers' symbols.

``q_tm1, a_tm1`` are action values and action at time t - 1, ``r_t`` the reward that followed, ``discount_t`` what the
value of the next state is multiplied by. ``discount_t`` is ``gamma ** m`` for a window of m steps and 0 where the
episode truly ended, so no equation here knows of ends, life losses, time limits or n-step windows.
"""

from torch import Tensor


def q_learning(q_tm1: Tensor, a_tm1: Tensor, r_t: Tensor, discount_t: Tensor, q_t: Tensor) -> Tensor:
    """TD error of Q-learning: the target net both picks the next action and scores it.

    q_tm1, q_t: (B, A); a_tm1: (B,) int64; r_t, discount_t: (B,).
    Returns (B,) r_t + discount_t * max_a q_t[a] - q_tm1[a_tm1]; no gradient through the target.
    Source: Mnih et al. 2015, equation 2.
    """
    check_shapes(q_tm1, a_tm1, r_t, discount_t, q_t)
    target = r_t + discount_t * q_t.amax(dim=1)
    return target.detach() - of_action(q_tm1, a_tm1)


def double_q_learning(
    q_tm1: Tensor, a_tm1: Tensor, r_t: Tensor, discount_t: Tensor, q_t_value: Tensor, q_t_selector: Tensor
) -> Tensor:
    """TD error of Double DQN: the selector picks the next action, the value net scores it.

    q_tm1, q_t_value, q_t_selector: (B, A); a_tm1: (B,) int64; r_t, discount_t: (B,).
    Returns (B,) r_t + discount_t * q_t_value[argmax_a q_t_selector[a]] - q_tm1[a_tm1]; no gradient through the target.
    Source: van Hasselt, Guez & Silver 2016, equation 4.
    """
    check_shapes(q_tm1, a_tm1, r_t, discount_t, q_t_value, q_t_selector)
    target = r_t + discount_t * of_action(q_t_value, q_t_selector.argmax(dim=1))
    return target.detach() - of_action(q_tm1, a_tm1)


def of_action(values: Tensor, a: Tensor) -> Tensor:
    """Of the numbers (B, A, ...) of all actions those of action `a` (B,): (B, ...)."""
    if a.shape != values.shape[:1]:
        raise ValueError(
            f"need numbers (B, A, ...) and actions (B,), got shapes {tuple(values.shape)}, {tuple(a.shape)}"
        )
    index = a.view(-1, *[1] * (values.ndim - 1)).expand(-1, 1, *values.shape[2:])
    return values.gather(1, index).squeeze(1)


def check_shapes(q_tm1: Tensor, a_tm1: Tensor, r_t: Tensor, discount_t: Tensor, *q_t: Tensor) -> None:
    """ValueError unless all belong to one batch: a (B, 1) reward would broadcast to (B, B) without a word."""
    batch = q_tm1.shape[:1]
    vectors_fit = a_tm1.shape == r_t.shape == discount_t.shape == batch
    if q_tm1.ndim != 2 or not vectors_fit or any(q.shape != q_tm1.shape for q in q_t):
        shapes = ", ".join(str(tuple(x.shape)) for x in (q_tm1, a_tm1, r_t, discount_t, *q_t))
        raise ValueError(f"need action values (B, A) and vectors (B,) of one batch, got shapes {shapes}")
