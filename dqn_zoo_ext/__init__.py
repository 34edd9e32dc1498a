"""Deep Q-learning for Atari: the DQN family as plug-ins for Stable-Baselines3, configured as in RL-Zoo."""

from dqn_zoo_ext.process import end_at_ctrl_c, keep_freed_memory, share_cores
from dqn_zoo_ext.version import VERSION

end_at_ctrl_c()
share_cores()  # must come before PyTorch is loaded
keep_freed_memory()

__version__ = VERSION
