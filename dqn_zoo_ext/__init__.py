"""Deep Q-learning for Atari: the DQN family as plug-ins for Stable-Baselines3, configured as in RL-Zoo."""

import os

from dqn_zoo_ext.heap import keep_freed_memory
from dqn_zoo_ext.version import VERSION

# PyTorch's CPU threads spin while they wait for each other. Beside emulators, or any other program, on the same cores
# that costs them most of their speed. It must be said before PyTorch is loaded; whoever says otherwise is heeded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
keep_freed_memory()

__version__ = VERSION
