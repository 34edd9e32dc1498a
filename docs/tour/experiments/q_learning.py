"""Q-learning on a corridor of six fields with a reward at its right end. Run: python q_learning.py [UPDATES]."""

import sys

import torch

from dqn_zoo_ext.learning.targets import q_learning

FIELDS, GAMMA = 6, 0.9


def learn(reward: float, softmax: bool, updates: int) -> torch.Tensor:
    """(FIELDS, 2) action values, left and right, from transitions drawn at random. softmax: behind the table."""
    table = torch.zeros(FIELDS, 2, requires_grad=True)
    optimizer = torch.optim.Adam([table], lr=0.05)
    q = (lambda: table.softmax(dim=1)) if softmax else (lambda: table)
    generator = torch.Generator().manual_seed(1)
    for _ in range(updates):
        s, a = torch.randint(FIELDS, (32,), generator=generator), torch.randint(2, (32,), generator=generator)
        ends = (s == FIELDS - 1) & (a == 1)
        successor = torch.where(ends, s, (s + 2 * a - 1).clamp(0, FIELDS - 1))
        td_error = q_learning(q()[s], a, reward * ends, GAMMA * ~ends, q()[successor].detach())
        optimizer.zero_grad()
        (td_error**2).mean().backward()
        optimizer.step()
    return q().detach()


if __name__ == "__main__":
    updates = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    for reward in (1.0, 10.0):
        true = [reward * GAMMA ** (FIELDS - 1 - field) for field in range(FIELDS)]
        for name, values in (("linear", learn(reward, False, updates)), ("softmax", learn(reward, True, updates))):
            print(f"reward {reward:4g}, {name:>7}: value of going right", *(f"{x:5.2f}" for x in values[:, 1].tolist()))
        print(f"{'the truth':>21}:                     ", *(f"{x:5.2f}" for x in true))
