"""The algorithms, one file each. Importing this package registers them, here and with RL-Zoo."""

from rl_zoo3 import ALGOS

from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms.btr import BTR
from dqn_zoo_ext.algorithms.c51 import C51
from dqn_zoo_ext.algorithms.data_efficient_rainbow import DataEfficientRainbow
from dqn_zoo_ext.algorithms.double_dqn import DoubleDQN
from dqn_zoo_ext.algorithms.dqn import DQN
from dqn_zoo_ext.algorithms.dueling_dqn import DuelingDQN
from dqn_zoo_ext.algorithms.impala_dqn import ImpalaDQN
from dqn_zoo_ext.algorithms.iqn import IQN
from dqn_zoo_ext.algorithms.munchausen_dqn import MunchausenDQN
from dqn_zoo_ext.algorithms.munchausen_iqn import MunchausenIQN
from dqn_zoo_ext.algorithms.n_step_dqn import NStepDQN
from dqn_zoo_ext.algorithms.noisy_dqn import NoisyDQN
from dqn_zoo_ext.algorithms.prioritized_dqn import PrioritizedDQN
from dqn_zoo_ext.algorithms.qrdqn import QRDQN
from dqn_zoo_ext.algorithms.rainbow import Rainbow
from dqn_zoo_ext.algorithms.sb3_dqn import SB3DQN
from dqn_zoo_ext.algorithms.sb3_qrdqn import SB3QRDQN

__all__ = [
    "BTR",
    "C51",
    "DQN",
    "IQN",
    "QRDQN",
    "SB3DQN",
    "SB3QRDQN",
    "DataEfficientRainbow",
    "DoubleDQN",
    "DuelingDQN",
    "ImpalaDQN",
    "MunchausenDQN",
    "MunchausenIQN",
    "NStepDQN",
    "NoisyDQN",
    "PrioritizedDQN",
    "Rainbow",
    "join_rl_zoo",
]


def join_rl_zoo() -> None:
    """Add the registered algorithms to ``rl_zoo3.ALGOS``, so that RL-Zoo's own scripts know them.

    Names that RL-Zoo has already keep its meaning there: its ``dqn`` stays Stable-Baselines3's. Call it again after
    registering more.
    """
    for name in registry.algorithms.names():
        ALGOS.setdefault(name, registry.algorithms.get(name))


join_rl_zoo()
