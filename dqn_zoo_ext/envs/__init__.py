"""Environments: any id to a vectorised environment with Stable-Baselines3's contract."""

from dqn_zoo_ext.envs import minatar as minatar  # registers minatar
from dqn_zoo_ext.envs import preprocessing as preprocessing  # registers atari, sb3_atari, none
from dqn_zoo_ext.envs import rewards as rewards  # registers raw, sign, clip, scaled, at_end
