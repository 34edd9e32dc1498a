"""How many bytes a run needs, in memory and on disk."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.preprocessing import get_action_dim, get_obs_shape

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.brought import makes_checkpoints
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.experiment.build import atari_rules, build_venv
from dqn_zoo_ext.experiment.doctor.forecast import Forecast
from dqn_zoo_ext.experiment.options import RunOptions, default_save_freq
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.replay.repeating import RepeatingBuffer

_IN_A_CHECKPOINT = 2  # agents: the one that learns, and a copy of the best one
_AT_THE_END = 2  # agents: the last one and the best one
_ACTIONS_OF_THE_JOYSTICK = 18


@dataclass(frozen=True)
class Spaces:
    """What the agent sees and does. planes: of each frame in an observation."""

    observation: spaces.Space[Any]
    action: spaces.Space[Any]
    planes: int = 1


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Bytes.

    replay: the whole buffer, replay_at_once: about the largest of its arrays, and replay_filled: what a run of this
    length writes into it; None for a class that cannot tell. checkpoints: for exact resume, before compression, and the
    replay if it is to be saved. agents: their files; None if the network has not been made. checkpoints_at_once: how
    many there are at a time. agent_files: how many are written.
    """

    replay: int | None
    replay_at_once: int | None
    replay_filled: int | None
    checkpoints: int
    agents: int | None
    checkpoints_at_once: int
    agent_files: int

    def with_agent(self, size: int) -> "Sizes":
        """The same, now that an agent's bytes are known: both networks and the optimizer's state."""
        return replace(
            self,
            checkpoints=self.checkpoints + self.checkpoints_at_once * _IN_A_CHECKPOINT * size,
            agents=self.agent_files * size,
        )

    @property
    def disk(self) -> int:
        """All that a run leaves on disk, as far as it is known."""
        return self.checkpoints + (self.agents or 0)


def checkpoint_interval(configuration: Configuration, options: RunOptions) -> int:
    """Agent steps between checkpoints; below 1: none."""
    if not makes_checkpoints(configuration.algo):
        return 0
    if options.save_freq is None:
        return default_save_freq(configuration.hyperparameters.n_timesteps)
    return options.save_freq


def spaces_of(configuration: Configuration) -> Spaces:
    """The spaces of the training environments; on Atari without starting an emulator.

    There the number of actions is that of the game's file, or else the joystick's.
    """
    rules = atari_rules(configuration)
    if rules is None:
        venv = build_venv(configuration, 1, seed=0)
        venv.close()
        return Spaces(venv.observation_space, venv.action_space)
    planes, height, width = rules.picture_shape
    shape = (planes * configuration.hyperparameters.frame_stack, height, width)
    minimal = len(configuration.game.get("actions", ())) or _ACTIONS_OF_THE_JOYSTICK
    n_actions = _ACTIONS_OF_THE_JOYSTICK if rules.full_action_space else minimal
    return Spaces(spaces.Box(0, 255, shape, np.uint8), spaces.Discrete(n_actions), planes)


def replay_bytes(configuration: Configuration, seen: Spaces, transitions: int) -> int | None:
    """Bytes of the configured replay buffer for so many transitions; None for a class that cannot tell."""
    parameters = configuration.hyperparameters
    buffer = registry.replay_buffers.get(parameters.replay_buffer_class)
    if issubclass(buffer, FrameRing):
        if not isinstance(seen.observation, spaces.Box):
            return None
        return buffer.bytes_needed(
            transitions,
            seen.observation,
            parameters.n_envs,
            parameters.n_steps,
            planes=seen.planes,
            **parameters.replay_buffer_kwargs,
        )
    if buffer in (ReplayBuffer, RepeatingBuffer):
        rows = max(transitions // parameters.n_envs, 1)
        once = getattr(configuration.settings, "optimize_memory_usage", False)
        return rows * parameters.n_envs * _bytes_of_a_transition(seen, observations=1 if once else 2)
    return None


def sizes(configuration: Configuration, options: RunOptions, seen: Spaces, run: Forecast) -> Sizes:
    """What a run needs, without making the network; `agents` is then unknown."""
    parameters = configuration.hyperparameters
    buffer = registry.replay_buffers.get(parameters.replay_buffer_class)
    copies = int(parameters.replay_buffer_kwargs.get("copies", 1)) if buffer is RepeatingBuffer else 1
    filled = min(parameters.buffer_size, run.last_step * copies)
    replay_filled = replay_bytes(configuration, seen, filled)
    every, checkpoints = checkpoint_interval(configuration, options), 0
    if every > 0:
        fresh = replay_bytes(configuration, seen, min(every * options.keep_checkpoints * copies, filled))
        checkpoints = (replay_filled or 0) + (fresh or 0)
    agent_files = run.agent_steps // options.save_freq if options.save_freq and options.save_freq > 0 else 0
    whole = replay_bytes(configuration, seen, parameters.buffer_size)
    arrays = 1 if issubclass(buffer, FrameRing) else 2  # Stable-Baselines3 keeps the next observations apart
    return Sizes(
        replay=whole,
        replay_at_once=None if whole is None else whole // arrays,
        replay_filled=replay_filled,
        checkpoints=checkpoints + options.save_replay_buffer * (replay_filled or 0),
        agents=None,
        checkpoints_at_once=options.keep_checkpoints if every > 0 else 0,
        agent_files=agent_files + _AT_THE_END,
    )


def _bytes_of_a_transition(seen: Spaces, observations: int) -> int:
    """Of Stable-Baselines3's arrays: one or two observations, the action, and reward, done and timeout as float32."""
    shape = get_obs_shape(seen.observation)
    if isinstance(shape, dict):
        assert isinstance(seen.observation, spaces.Dict)
        observation = sum(_bytes(part, seen.observation[name]) for name, part in shape.items())
    else:
        observation = _bytes(shape, seen.observation)
    return observations * observation + _bytes((get_action_dim(seen.action),), seen.action) + 3 * 4


def _bytes(shape: tuple[int, ...], space: spaces.Space[Any]) -> int:
    return int(np.prod(shape)) * np.dtype(space.dtype).itemsize
