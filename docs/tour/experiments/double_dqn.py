"""How much DQN and Double DQN overrate actions that are all worth 0. Run: python double_dqn.py [STATES]."""

import sys

import torch

from dqn_zoo_ext.learning.targets import double_q_learning, q_learning


def overestimation(n_actions: int, shared: float, states: int) -> tuple[float, float]:
    """Mean target of DQN and of Double DQN. shared: what part of their error, of variance 1, they have in common."""
    common, first, second = torch.randn(3, states, n_actions, generator=torch.Generator().manual_seed(1))
    target_net, online_net = (shared**0.5 * common + (1 - shared) ** 0.5 * own for own in (first, second))
    nothing = torch.zeros(states)
    batch = {
        "q_tm1": torch.zeros(states, n_actions),
        "a_tm1": nothing.long(),
        "r_t": nothing,
        "discount_t": nothing + 1,
    }
    dqn = q_learning(**batch, q_t=target_net)
    double = double_q_learning(**batch, q_t_value=target_net, q_t_selector=online_net)
    return float(dqn.mean()), float(double.mean())


if __name__ == "__main__":
    states = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    print("actions    DQN    Double DQN with errors in common: none   half    all")
    for n_actions in (2, 4, 6, 18):
        dqn = overestimation(n_actions, 0.0, states)[0]
        double = [overestimation(n_actions, shared, states)[1] for shared in (0.0, 0.5, 1.0)]
        print(f"{n_actions:7} {dqn:6.2f}", " " * 33, *(f"{value:6.2f}" for value in double))
