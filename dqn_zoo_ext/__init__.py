"""Deep Q-learning for Atari: the DQN family as plug-ins for Stable-Baselines3, configured as in RL-Zoo."""

from dqn_zoo_ext.version import VERSION

__version__ = VERSION
