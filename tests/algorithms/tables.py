"""Networks as tables: what they say of a whole-numbered state stands in the test. They note what they were asked."""

from typing import Any

import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning.batch import Batch

# states 0 and 1 led to 2 and 3; the second transition ended its episode
BATCH = Batch(
    obs_tm1=torch.tensor([[0.0], [1.0]]),
    a_tm1=torch.tensor([1, 0]),
    r_t=torch.tensor([1.0, 2.0]),
    discount_t=torch.tensor([0.5, 0.0]),
    obs_t=torch.tensor([[2.0], [3.0]]),
    weights=torch.ones(2),
    cells=torch.arange(2),
)


class Outputs(nn.Module):
    """The head's numbers of each action, by state: (states, A, n_outputs). asked: the first state of each batch."""

    def __init__(self, distribution: Any, outputs: Any) -> None:
        super().__init__()
        self.distribution = distribution
        self.table = nn.Parameter(torch.as_tensor(outputs, dtype=torch.float32))
        self.asked: list[int] = []

    def outputs(self, obs: Tensor) -> Tensor:
        self.asked.append(int(obs[0, 0]))
        return self.table[obs[:, 0].long()]

    def forward(self, obs: Tensor) -> Tensor:
        values: Tensor = self.distribution.mean(self.outputs(obs))
        return values


class Lines(nn.Module):
    """Quantiles that are straight lines, base + slope * tau, of each action, by state: tables (states, A).

    An action's value is base + slope / 2, their mean. fractions: those asked for; asked: whose features, in order.
    """

    def __init__(self, base: Any, slope: Any) -> None:
        super().__init__()
        self.base = nn.Parameter(torch.tensor(base))
        self.slope = nn.Parameter(torch.tensor(slope))
        self.fractions: list[Tensor] = []
        self.asked: list[int] = []

    def torso(self, obs: Tensor) -> Tensor:
        self.asked.append(int(obs[0, 0]))
        return obs

    def quantiles(self, features: Tensor, fractions: Tensor) -> Tensor:
        self.fractions.append(fractions)
        states = features[:, 0].long()
        return self.base[states].unsqueeze(2) + self.slope[states].unsqueeze(2) * fractions.unsqueeze(1)

    def values(self, features: Tensor) -> Tensor:
        states = features[:, 0].long()
        return self.base[states] + self.slope[states] / 2

    def forward(self, obs: Tensor) -> Tensor:
        return self.values(self.torso(obs))


def gradients_of(loss: Tensor, online: nn.Module, target: nn.Module) -> dict[str, Tensor]:
    """The online net's gradients, by name of its weights. The target net must have none."""
    online.zero_grad()
    target.zero_grad()
    loss.sum().backward()
    assert all(weight.grad is None for weight in target.parameters())
    return {name: weight.grad for name, weight in online.named_parameters() if weight.grad is not None}
