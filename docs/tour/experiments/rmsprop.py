"""Four RMSProps roll into the floor of three valleys. Run: python rmsprop.py [UPDATES]."""

import sys
from functools import partial

import torch
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike

from dqn_zoo_ext.learning.optim import DeepMindRMSprop, RMSprop

VALLEYS = ((0.1, 0.03), (0.1, 0.3), (0.001, 0.0003))
LR, EPS = 0.01, 0.01 / 32**2
OPTIMIZERS = {
    "DeepMind's": partial(DeepMindRMSprop, lr=LR, decay=0.95, eps=EPS),
    "centred, epsilon outside": partial(RMSprop, lr=LR, alpha=0.95, eps=EPS, centered=True),
    "not centred": partial(RMSprop, lr=LR, alpha=0.95, eps=EPS),
    "accumulators from one": partial(RMSpropTFLike, lr=LR, alpha=0.95, eps=EPS, centered=True),
}


def roll(make_optimizer: partial[torch.optim.Optimizer], slope: float, noise: float, updates: int) -> list[float]:
    """Where the weight is after each update, from 3 on, in the valley slope * sqrt(1 + w**2) with noisy gradients."""
    weight = torch.tensor([3.0], requires_grad=True)
    optimizer = make_optimizer([weight])
    generator = torch.Generator().manual_seed(1)
    path = []
    for _ in range(updates):
        steepness = weight.detach() / (1 + weight.detach() ** 2).sqrt()
        weight.grad = slope * steepness + noise * torch.randn(1, generator=generator)
        optimizer.step()
        path.append(weight.item())
    return path


if __name__ == "__main__":
    updates = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    print("updates until |w| < 1 at slope, noise:", *(f"{f'{slope}, {noise}':>14}" for slope, noise in VALLEYS))
    for name, make_optimizer in OPTIMIZERS.items():
        paths = [roll(make_optimizer, *valley, updates) for valley in VALLEYS]
        needed = [next((n for n, w in enumerate(path, start=1) if abs(w) < 1), None) for path in paths]
        print(f"{name:>37}:", *(f"{n or 'never':>14}" for n in needed))
