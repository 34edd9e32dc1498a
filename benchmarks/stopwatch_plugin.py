"""Registers the stopwatch with this project: ``--gym-packages stopwatch_plugin``. RL-Zoo takes it by its path."""

from stopwatch import Stopwatch

from dqn_zoo_ext.registry import callbacks

callbacks.add("stopwatch", Stopwatch)
