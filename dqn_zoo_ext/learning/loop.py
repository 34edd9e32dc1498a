"""The training loop: act, let the environments step, learn meanwhile where they can do without us, store, look around.

The order is fixed, whatever takes how long, so that a training with the same seed is the same training::

    act(t)    step_async(t)    updates due by step t - 1    step_wait(t)    store(t)    act(t + 1)    ...

Where environments work in the background the updates cost no time of theirs, and the network that acts is older by the
updates of one vector step than it could be. Where they do not (``DummyVecEnv``) nothing would be gained: updates then
follow the step that made them due, as in Stable-Baselines3.
"""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeVar

import numpy as np
from stable_baselines3 import DQN as SB3DQN
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv, VecEnvWrapper

from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.time_spent import Activity, TimeSpent

SelfLoop = TypeVar("SelfLoop", bound="TrainingLoop")


class Seen(NamedTuple):
    """What a vector step was and what came of it, by Stable-Baselines3's names, which callbacks know.

    Each (n_envs, ...); buffer_actions: as they are stored.
    """

    actions: np.ndarray
    buffer_actions: np.ndarray
    new_obs: Any
    rewards: np.ndarray
    dones: np.ndarray
    infos: list[dict[str, Any]]


class TrainingLoop(SB3DQN):
    """``learn`` of a DQN whose updates are made while the environments step.

    rows_stored: vector steps stored in the replay since it was made, however often each is stored. updates_due: those
    that what is stored has made due, and that have not been made yet. time_spent: on what, since this object was made.
    """

    rows_stored: int
    updates_due: int
    time_spent: TimeSpent

    def _begin_counting(self) -> None:
        """To be called before Stable-Baselines3's constructor, which may load and learn already."""
        self.rows_stored = self.updates_due = 0
        self.time_spent = TimeSpent()

    @abstractmethod
    def count_updates_due(self) -> None:
        """Add to `updates_due` what the vector step that was stored last has made due."""

    def learn(
        self: SelfLoop,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = 4,
        tb_log_name: str = "DQN",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> SelfLoop:
        """Collect and learn for `total_timesteps` agent steps, over all environments together.

        log_interval: episodes between log lines, None for none. Where a lost life ends an episode, it counts as one, as
        for Stable-Baselines3.
        """
        total_timesteps, callbacks = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        with self.time_spent.on("callbacks"):
            callbacks.on_training_start(locals(), globals())
        whole = False
        try:
            whole = self._learn_until(total_timesteps, callbacks, log_interval)
        finally:
            if not whole:
                # stopped between a step and its storing: the last observation is stale, the next learn() resets
                self._last_obs = None
        with self.time_spent.on("callbacks"):
            callbacks.on_training_end()
        return self

    def seconds_spent(self) -> dict[str, float]:
        """On what the time of all trainings of this object went."""
        return dict(self.time_spent.seconds)

    def spending_on(self, activity: Activity) -> AbstractContextManager[None]:
        """The block's time is spent on this."""
        return self.time_spent.on(activity)

    def dump_logs(self) -> None:
        """Write the log, with what the time since the last line was spent on."""
        for activity, share in self.time_spent.read_shares().items():
            self.logger.record(f"time/share_{activity}", share)
        super().dump_logs()

    def _learn_until(self, total: int, callbacks: BaseCallback, log_interval: int | None) -> bool:
        """Vector steps until there are so many agent steps; False if a callback has ended them before."""
        assert self.env is not None
        learns_meanwhile = works_in_background(self.env)
        while self.num_timesteps < total:
            with self.time_spent.on("callbacks"):
                callbacks.on_rollout_start()
            seen = self._step(learns_meanwhile)
            with self.time_spent.on("callbacks"):
                callbacks.update_locals({**seen._asdict(), "env": self.env, "replay_buffer": self.replay_buffer})
                if not callbacks.on_step():
                    return False
            with self.time_spent.on("storing"):
                self._store(seen)
            with self.time_spent.on("callbacks"):
                self._log(int(seen.dones.sum()), log_interval)
                callbacks.on_rollout_end()
            if not learns_meanwhile:
                self._make_updates_due()
        self._make_updates_due()
        return True

    def _step(self, learns_meanwhile: bool) -> Seen:
        """Act, and learn while the environments step."""
        env = self.env
        assert env is not None
        with self.time_spent.on("acting"):
            if self.policy.training:
                self.policy.set_training_mode(False)
            actions, buffer_actions = self._sample_action(self.learning_starts, None, env.num_envs)
            env.step_async(actions)
        if learns_meanwhile:
            try:
                self._make_updates_due()
            except BaseException:
                env.step_wait()  # else the next reset would take this step's answer for its own
                raise
        with self.time_spent.on("emulating"):
            new_obs, rewards, dones, infos = env.step_wait()
        self.num_timesteps += env.num_envs
        return Seen(actions, buffer_actions, new_obs, rewards, dones, infos)

    def _make_updates_due(self) -> None:
        if self.updates_due > 0:
            with self.time_spent.on("learning"):
                self.train(self.updates_due, self.batch_size)
                self.updates_due = 0

    def _store(self, seen: Seen) -> None:
        if seen.dones.any():  # infos tell of whole games then, and only then
            self._update_info_buffer(seen.infos, seen.dones)
        assert self.replay_buffer is not None
        _, *transition = seen
        self._store_transition(self.replay_buffer, *transition)
        self._update_current_progress_remaining(self.num_timesteps, self._total_timesteps)
        self._on_step()
        self.count_updates_due()

    def _store_transition(
        self, replay_buffer: Any, buffer_action: Any, new_obs: Any, reward: Any, dones: Any, infos: Any
    ) -> None:
        if isinstance(replay_buffer, FrameRing):
            # without the deep copy of what the next row brings anyway; a ring goes with no VecNormalize
            assert isinstance(self._last_obs, np.ndarray)
            replay_buffer.add(self._last_obs, new_obs, buffer_action, reward, dones, infos)
            self._last_obs = new_obs
        else:
            super()._store_transition(replay_buffer, buffer_action, new_obs, reward, dones, infos)
        self.rows_stored += 1

    def _log(self, episodes: int, log_interval: int | None) -> None:
        for _ in range(episodes):
            self._episode_num += 1
            if log_interval is not None and self._episode_num % log_interval == 0:
                self.dump_logs()

    def _excluded_save_params(self) -> list[str]:
        # an agent that is loaded has no replay yet, and nothing is due by it
        return [*super()._excluded_save_params(), "time_spent", "rows_stored", "updates_due"]


def works_in_background(env: VecEnv) -> bool:
    """Whether the environments step by themselves between ``step_async`` and ``step_wait``."""
    while isinstance(env, VecEnvWrapper):
        env = env.venv
    return isinstance(env, SubprocVecEnv) or getattr(env, "steps_in_background", False)
