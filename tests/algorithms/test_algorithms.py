"""What the algorithms' files say, and where they are known."""

import rl_zoo3
import torch
from stable_baselines3 import DQN as SB3DQN
from stable_baselines3.common.env_util import make_vec_env
from tables import BATCH

from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms import DQN, DoubleDQN, join_rl_zoo
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.losses import huber
from dqn_zoo_ext.learning.targets import double_q_learning


class Table(torch.nn.Module):
    """Action values looked up by a whole-numbered state."""

    def __init__(self, values: list[list[float]]) -> None:
        super().__init__()
        self.values = torch.nn.Parameter(torch.tensor(values))

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        return self.values[obs[:, 0].long()]


ONLINE = Table([[1.0, 2.0], [3.0, 4.0], [9.0, 8.0], [0.0, 0.0]])
TARGET = Table([[0.0, 0.0], [0.0, 0.0], [4.0, 6.0], [5.0, 5.0]])


def model(algorithm: type[DeepQ], loss: str = "huber") -> DeepQ:
    return algorithm("MlpPolicy", make_vec_env("CartPole-v1"), loss=loss)


def test_dqn_by_hand() -> None:
    # the target net's greatest value: 1 + 0.5 * 6 - 2 = 2, Huber 1.5; 2 + 0 - 3 = -1, Huber 0.5
    loss = model(DQN).loss(ONLINE, TARGET, BATCH)
    assert loss.per_sample.tolist() == [1.5, 0.5]
    assert loss.priority.tolist() == [2.0, 1.0]


def test_double_dqn_by_hand() -> None:
    # the online net picks action 0, the target net says 4: 1 + 0.5 * 4 - 2 = 1, Huber 0.5
    loss = model(DoubleDQN).loss(ONLINE, TARGET, BATCH)
    assert loss.per_sample.tolist() == [0.5, 0.5]


class GraphNoting(Table):
    """A table that notes for each forward pass whether its values carry a graph."""

    def __init__(self, values: list[list[float]]) -> None:
        super().__init__(values)
        self.with_graph: dict[float, bool] = {}

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        values = super().forward(obs)
        self.with_graph[float(obs[0, 0])] = values.requires_grad
        return values


def test_double_dqns_selector_builds_no_graph_and_loses_no_gradient() -> None:
    online = GraphNoting(ONLINE.values.tolist())
    model(DoubleDQN).loss(online, TARGET, BATCH).per_sample.sum().backward()
    assert online.with_graph == {0.0: True, 2.0: False}  # obs_tm1 begins with 0, obs_t with 2
    gradient = online.values.grad
    slow = Table(ONLINE.values.tolist())
    td_error = double_q_learning(
        q_tm1=slow(BATCH.obs_tm1),
        a_tm1=BATCH.a_tm1,
        r_t=BATCH.r_t,
        discount_t=BATCH.discount_t,
        q_t_value=TARGET(BATCH.obs_t),
        q_t_selector=slow(BATCH.obs_t),
    )
    huber(td_error).sum().backward()
    assert gradient is not None
    assert slow.values.grad is not None
    assert torch.equal(gradient, slow.values.grad)
    assert gradient.tolist() == [[0.0, -1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]  # minus the errors 1 and -1


def test_the_loss_of_the_td_error_is_configured() -> None:
    assert model(DQN, loss="mse").loss(ONLINE, TARGET, BATCH).per_sample.tolist() == [4.0, 1.0]


def test_priorities_carry_no_gradient() -> None:
    assert not model(DQN).loss(ONLINE, TARGET, BATCH).priority.requires_grad


def test_rl_zoo_knows_them_and_keeps_its_own_dqn() -> None:
    assert rl_zoo3.ALGOS["double_dqn"] is DoubleDQN
    assert rl_zoo3.ALGOS["dqn"] is SB3DQN
    registry.algorithms.add("from_outside", DQN)
    try:
        join_rl_zoo()
        assert rl_zoo3.ALGOS["from_outside"] is DQN
    finally:
        del registry.algorithms._entries["from_outside"], rl_zoo3.ALGOS["from_outside"]
