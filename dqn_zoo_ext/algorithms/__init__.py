"""The algorithms, one file each. Importing this package registers them, here and with RL-Zoo."""

from rl_zoo3 import ALGOS

from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms.double_dqn import DoubleDQN
from dqn_zoo_ext.algorithms.dqn import DQN
from dqn_zoo_ext.algorithms.sb3_dqn import SB3DQN
from dqn_zoo_ext.algorithms.sb3_qrdqn import SB3QRDQN

__all__ = ["DQN", "SB3DQN", "SB3QRDQN", "DoubleDQN", "join_rl_zoo"]


def join_rl_zoo() -> None:
    """Add the registered algorithms to ``rl_zoo3.ALGOS``, so that RL-Zoo's own scripts know them.

    Names that RL-Zoo has already keep its meaning there: its ``dqn`` stays Stable-Baselines3's. Call it again after
    registering more.
    """
    for name in registry.algorithms.names():
        ALGOS.setdefault(name, registry.algorithms.get(name))


join_rl_zoo()
