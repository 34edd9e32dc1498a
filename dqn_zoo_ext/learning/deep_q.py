"""``DeepQ``: the machine that all algorithms of the family share, a Stable-Baselines3 DQN with its loss left open.

An algorithm adds a ``loss`` and nothing else. What differs from ``stable_baselines3.DQN``:

- epsilon is drawn for each environment, not once for all of them;
- ``train_freq`` counts transitions, so the number of environments never changes the ratio of updates to data;
- target copies are counted in agent steps or in updates, as ``target_update_unit`` says;
- exploration and learning rate follow any schedule, over agent steps or over a fraction of the run;
- losses stay on the device until a log line needs them;
- environments that work in the background step while it learns (``loop``).
"""

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, TrainFrequencyUnit
from torch import Tensor, nn

from dqn_zoo_ext import registry
from dqn_zoo_ext.keywords import signature_of
from dqn_zoo_ext.learning.acting import GreedyActions
from dqn_zoo_ext.learning.batch import Batch, from_sb3_samples
from dqn_zoo_ext.learning.exploration import epsilon_greedy
from dqn_zoo_ext.learning.hardware.graphs import Capture, CudaGraph
from dqn_zoo_ext.learning.hardware.precision import Precision
from dqn_zoo_ext.learning.known_spaces import refuse_dictionary, refuse_unknown_spaces
from dqn_zoo_ext.learning.loop import TrainingLoop
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.learning.model import Model
from dqn_zoo_ext.learning.parts import (
    laid_over,
    misfit_of_distribution,
    misfit_of_loss,
    parts_of,
    settings_among,
)
from dqn_zoo_ext.learning.policies import CnnPolicy, MlpPolicy, MultiInputPolicy, QNetwork
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.replay.told_by_env import with_stacking
from dqn_zoo_ext.learning.schedules import AsProgress, Delayed, Linear, Schedule, as_schedule
from dqn_zoo_ext.learning.updates.captured import CapturedUpdates, can_be_captured, keep_on_device, set_rate
from dqn_zoo_ext.learning.updates.eager import eager_updates
from dqn_zoo_ext.learning.updates.learner import Learner, copy_weights

_EXPLORATION = {"exploration_fraction", "exploration_initial_eps", "exploration_final_eps"}


class DeepQ(TrainingLoop, Model):
    """Deep Q-learning with a loss left open.

    Takes the arguments of ``stable_baselines3.DQN``, by name from the fourth on, and these:

    exploration: epsilon's schedule; without one, the three ``exploration_*`` arguments make the linear one.
    exploration_begins: where the schedule's count begins, at the run's ``start`` or at ``learning_starts``.
    target_update_unit: what ``target_update_interval`` counts, ``agent_steps`` or ``updates``.
    loss: a registered loss that fits what is learned, by default Huber's of a TD error.
    precision: of the torso (``hardware.precision``); weights, heads, losses and optimizers are fp32 in any case.
    learning_rate: a number, a schedule of ours, or one of Stable-Baselines3's.
    train_freq: transitions, over all environments together, between rounds of updates (episodes are refused);
    gradient_steps: updates in a round, -1 for as many as transitions.
    settings: the algorithm's own numbers, the fields of its ``Settings`` class.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "CnnPolicy": CnnPolicy,
        "MlpPolicy": MlpPolicy,
        "MultiInputPolicy": MultiInputPolicy,
    }
    Settings: ClassVar[type[Any] | None] = None
    distribution: ClassVar[str] = "expectation"
    """What the algorithm learns of the return: the registered distribution that its loss is made for."""
    parts: ClassVar[Mapping[str, Any]] = {}
    """What makes it this algorithm besides its loss, in the words of a configuration: defaults that both take over."""

    def __init__(
        self,
        policy: str | type[BasePolicy],
        env: GymEnv | str,
        learning_rate: float | Callable[[float], float] | Schedule = 1e-4,
        *,
        exploration: Schedule | None = None,
        exploration_begins: Literal["start", "learning_starts"] = "start",
        target_update_unit: Literal["agent_steps", "updates"] = "agent_steps",
        loss: str | None = None,
        precision: Precision = "fp32",
        replay_buffer_class: str | type[Any] | None = None,
        settings: Any = None,
        **sb3_arguments: Any,
    ) -> None:
        parts = parts_of(type(self))
        if exploration is None and "exploration" in parts and not _EXPLORATION & sb3_arguments.keys():
            exploration = as_schedule(parts["exploration"])
        self.exploration = exploration
        self.exploration_begins = exploration_begins
        self.target_update_unit = target_update_unit
        self.precision: Precision = precision
        self.loss_name = loss or parts.get("loss", "huber")
        misfit = misfit_of_loss(self.distribution, self.loss_name)
        if misfit is not None:
            raise ValueError(f"loss: {misfit}")
        if settings is None and self.Settings is not None:
            settings = self.Settings(**settings_among(parts, self.Settings))
        self.settings = settings
        self.goes_on = False
        """Whether the next ``learn`` goes on exactly where a restored state left off (``deep_q_state.restore``)."""
        self._transitions_to_learn_from = 0
        self._first_update_after = 0
        self.capture: Capture | None = None
        """What makes one graph of an update, and of choosing actions; None: they are made operation by operation."""
        self._captured: CapturedUpdates | None = None
        self._greedy: GreedyActions | None = None
        self._learner: Learner | None = None
        self._begin_counting()
        if isinstance(policy, str) and policy not in self.policy_aliases:
            policy = registry.policies.get(policy)
        sb3_arguments["policy_kwargs"] = laid_over(
            parts.get("policy_kwargs", {}), sb3_arguments.get("policy_kwargs") or {}
        )
        super().__init__(
            policy,  # type: ignore[arg-type]  # any policy class with a q_net
            env,
            learning_rate=learning_rate,  # type: ignore[arg-type]  # _setup_lr_schedule takes ours too
            replay_buffer_class=replay_buffer_class or parts.get("replay_buffer_class"),  # type: ignore[arg-type]
            **{"n_steps": parts.get("n_steps", 1), **sb3_arguments},
        )

    @abstractmethod
    def loss(self, online: Any, target: Any, batch: Batch) -> Loss:
        """How a batch becomes a loss and a priority for each of its samples.

        online, target: the policy's ``QNetwork`` and its copy, called with observations for action values (B, A).
        """

    def loss_of_td_error(self, td_error: Tensor) -> Loss:
        """The configured loss of (B,) TD errors, with their sizes as priorities."""
        return Loss(per_sample=registry.losses.get(self.loss_name)(td_error), priority=td_error.detach().abs())

    # -- set-up ------------------------------------------------------------------------------------------------------

    def _setup_lr_schedule(self) -> None:
        self.lr_schedule = AsProgress(as_schedule(self.learning_rate))

    def _setup_model(self) -> None:
        refuse_unknown_spaces(self.observation_space, self.action_space)
        self._choose_replay()
        with warnings.catch_warnings():
            # "n_steps is ignored because a custom replay_buffer_class was passed": _choose_replay passes it on
            warnings.filterwarnings("ignore", message="`n_steps=")
            super()._setup_model()
        refuse_dictionary(self.policy)
        network = self.q_net
        if isinstance(network, QNetwork):
            given = network.parts["distribution"]
            misfit = misfit_of_distribution(type(self).__name__, self.distribution, given)
            if misfit is not None:
                raise ValueError(f"policy_kwargs.distribution: {misfit}")
            for each in (network, self.q_net_target):
                assert isinstance(each, QNetwork)
                each.precision = self.precision
        if self.batch_size == 1 and any(isinstance(part, nn.BatchNorm1d) for part in network.modules()):
            raise ValueError("batch_size must be at least 2 with batch normalisation, which one transition has none of")
        if self.device.type == "cuda":
            optimizer = self.policy.optimizer
            keep_on_device(optimizer, self.device)  # before any state is loaded into it
            self.capture = CudaGraph if can_be_captured(optimizer) else None
        if self.train_freq.unit != TrainFrequencyUnit.STEP:  # type: ignore[union-attr]  # a TrainFreq by now
            raise ValueError("train_freq counts transitions here and cannot be given in episodes")
        seed = self.seed if self.seed is not None else int(np.random.randint(2**31))  # noqa: NPY002
        self.exploration_rng = np.random.default_rng(seed)

    def _choose_replay(self) -> None:
        if isinstance(self.replay_buffer_class, str):
            self.replay_buffer_class = registry.replay_buffers.get(self.replay_buffer_class)
        if self.replay_buffer_class is None or self.replay_buffer_class is ReplayBuffer:
            self.replay_buffer_class = None  # Stable-Baselines3 picks the one of its own that fits
            return
        if issubclass(self.replay_buffer_class, FrameRing) and self._vec_normalize_env is not None:
            raise ValueError("FrameRing does not know VecNormalize; use replay_buffer_class: sb3 with it")
        if issubclass(self.replay_buffer_class, FrameRing) and self.env is not None:
            self.replay_buffer_kwargs = with_stacking(self.replay_buffer_kwargs, self.env)
        window = {"n_steps": self.n_steps, "gamma": self.gamma}
        known = signature_of(self.replay_buffer_class).parameters
        if window.keys() <= known.keys():
            self.replay_buffer_kwargs = {**self.replay_buffer_kwargs, **window}
        elif self.n_steps > 1:
            raise ValueError(f"{self.replay_buffer_class.__name__} takes no n_steps, and n_steps is {self.n_steps}")

    def _setup_learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        reset_num_timesteps: bool = True,
        tb_log_name: str = "run",
        progress_bar: bool = False,
    ) -> tuple[int, BaseCallback]:
        if self.goes_on:
            return self._setup_going_on(callback, tb_log_name, progress_bar)
        if isinstance(self.replay_buffer, FrameRing) and (reset_num_timesteps or self._last_obs is None):
            self.replay_buffer.cut()
        total, callbacks = super()._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        assert self.replay_buffer is not None
        if reset_num_timesteps or self.replay_buffer.size() == 0:
            self.updates_due = self._transitions_to_learn_from = 0
        # an agent that goes on with an empty replay fills it first, acting as it has learned to
        begun = 0 if self.replay_buffer.size() > 0 else self.num_timesteps
        self._first_update_after = begun + self.learning_starts
        assert isinstance(self.lr_schedule, AsProgress)  # set by _setup_lr_schedule
        self.lr_schedule.total_agent_steps = total
        self.exploration_rate = self._exploration_now()
        return total, callbacks

    def begin_new_games(self, seed: int) -> None:
        """Go on with an empty replay: in new games, seeded so, without updates for `learning_starts` agent steps."""
        assert self.env is not None
        self.env.seed(seed)
        self._last_obs = self.env.reset()  # type: ignore[assignment]  # as in Stable-Baselines3's own _setup_learn
        self._first_update_after = self.num_timesteps + self.learning_starts
        self.rows_stored = self.updates_due = 0

    def _setup_going_on(
        self, callback: MaybeCallback, tb_log_name: str, progress_bar: bool
    ) -> tuple[int, BaseCallback]:
        """Nothing is counted from anew: only the callbacks and the total of the schedules are set up."""
        self.goes_on = False
        steps_left = self._total_timesteps - self.num_timesteps
        total, callbacks = super()._setup_learn(steps_left, callback, False, tb_log_name, progress_bar)
        assert isinstance(self.lr_schedule, AsProgress)  # set by _setup_lr_schedule
        self.lr_schedule.total_agent_steps = total
        return total, callbacks

    # -- acting ------------------------------------------------------------------------------------------------------

    def predict(
        self,
        observation: np.ndarray | dict[str, np.ndarray],
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """The greedy action, or, unless `deterministic`, an epsilon-greedy one drawn for each environment by itself.

        A noisy network draws its noise for that too, and implicit quantiles their fractions.
        """
        action, state = self.policy.predict(observation, state, episode_start, deterministic=deterministic)
        if not deterministic:
            action = epsilon_greedy(action, self.exploration_rate, self._n_actions, self.exploration_rng)
        return action, state

    def _sample_action(
        self, learning_starts: int, action_noise: ActionNoise | None = None, n_envs: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """From the replay's own frames where they lie on the device."""
        from_ring = self._greedy_actions()
        if self.num_timesteps < learning_starts or from_ring is None:
            return super()._sample_action(learning_starts, action_noise, n_envs)
        assert isinstance(self._last_obs, np.ndarray)
        greedy = from_ring.of(self._last_obs)
        actions = epsilon_greedy(greedy, self.exploration_rate, self._n_actions, self.exploration_rng)
        return actions, actions

    def _greedy_actions(self) -> GreedyActions | None:
        """Those for the memory in use now; None where observations are sent whole."""
        ring = self.replay_buffer
        if not isinstance(ring, FrameRing) or ring.storage != self.device:
            return None
        if self.capture is None and not ring.is_on_device:
            return None
        if self._greedy is None or not self._greedy.fits(self.policy, ring, self.capture):
            self._greedy = GreedyActions(self.policy, ring, self.capture)
        return self._greedy

    @property
    def _n_actions(self) -> int:
        assert isinstance(self.action_space, spaces.Discrete)  # Stable-Baselines3's DQN takes no other
        return int(self.action_space.n)

    def _exploration_now(self) -> float:
        schedule: Schedule = self.exploration or Linear(
            self.exploration_initial_eps, self.exploration_final_eps, fraction=self.exploration_fraction
        )
        if self.exploration_begins == "learning_starts":
            schedule = Delayed(schedule, self.learning_starts)
        return schedule.at(self.num_timesteps, self._total_timesteps)

    def _on_step(self) -> None:
        self.exploration_rate = self._exploration_now()
        self.logger.record("rollout/exploration_rate", self.exploration_rate)
        if self.target_update_unit == "agent_steps":
            interval = self.target_update_interval
            if self.num_timesteps // interval > (self.num_timesteps - self.n_envs) // interval:
                copy_weights(self.q_net, self.q_net_target, self.tau)

    # -- learning ----------------------------------------------------------------------------------------------------

    def count_updates_due(self) -> None:
        """Add the updates that the last vector step has made due; transitions short of a round count for the next."""
        if self.num_timesteps <= self._first_update_after:
            return
        if isinstance(self.replay_buffer, FrameRing) and not self.replay_buffer.can_sample:
            return
        self._transitions_to_learn_from += self.n_envs
        every: int = self.train_freq.frequency  # type: ignore[union-attr]  # a TrainFreq since _setup_model
        rounds, self._transitions_to_learn_from = divmod(self._transitions_to_learn_from, every)
        self.updates_due += rounds * (self.gradient_steps if self.gradient_steps >= 0 else every)

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Make `gradient_steps` updates on batches of `batch_size` drawn from the replay."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        self.learner.updates_made = self._n_updates
        if isinstance(self.replay_buffer, FrameRing):
            self.replay_buffer.anneal(self.num_timesteps, self._total_timesteps)
        for _ in self._updates(gradient_steps, batch_size):
            self._n_updates += 1
            if self.target_update_unit == "updates" and self._n_updates % self.target_update_interval == 0:
                copy_weights(self.q_net, self.q_net_target, self.tau)

    def _updates(self, count: int, batch_size: int) -> Iterator[None]:
        """Makes so many updates, each when it is asked for."""
        replay, captured = self.replay_buffer, self._captured_updates(batch_size)
        if captured is not None:
            yield from captured.updates(count)
        elif isinstance(replay, FrameRing):
            renewed_after = self.target_update_interval if self.target_update_unit == "updates" else None
            yield from eager_updates(self.learner, replay, batch_size, count, renewed_after)
        else:
            for _ in range(count):
                self.learner.update(self._draw(batch_size))
                yield

    def _draw(self, batch_size: int) -> Batch:
        """A batch such as updates learn from."""
        if isinstance(self.replay_buffer, FrameRing):
            return self.replay_buffer.sample_batch(batch_size)
        assert self.replay_buffer is not None
        return from_sb3_samples(self.replay_buffer.sample(batch_size, env=self._vec_normalize_env), self.gamma)

    def _captured_updates(self, batch_size: int) -> CapturedUpdates | None:
        """Those for the memory in use now; None where updates are made operation by operation."""
        if self.capture is None or not isinstance(self.replay_buffer, FrameRing):
            return None
        if self._captured is None or not self._captured.fits(self.replay_buffer, batch_size):
            if self.replay_buffer.storage != self.device:
                return None
            self._captured = CapturedUpdates(
                self.learner, self.replay_buffer, batch_size, self.policy.optimizer, self.capture
            )
        return self._captured

    @property
    def learner(self) -> Learner:
        """What makes the updates; made when it is first asked for."""
        if self._learner is None:
            self._learner = Learner(self.loss, self.q_net, self.q_net_target, self.policy.optimizer, self.max_grad_norm)
        return self._learner

    @property
    def online_net(self) -> nn.Module:
        """The network that learns."""
        return self.q_net

    @property
    def learns_after(self) -> int:
        """See Model; later where it goes on with an empty replay."""
        return self._first_update_after

    def check_finite(self) -> None:
        """NotFinite if a loss, a gradient or a weight is not finite."""
        self.learner.check()

    def _update_learning_rate(self, optimizers: Any) -> None:
        rate = self.lr_schedule(self._current_progress_remaining)
        self.logger.record("train/learning_rate", rate)
        for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
            set_rate(optimizer, rate)

    def dump_logs(self) -> None:
        """Write the log, with the means of the updates since the last time."""
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        if self._learner is not None:
            for name, value in self._learner.read_means().items():
                self.logger.record(f"train/{name}", value)
        super().dump_logs()

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_learner", "_captured", "_greedy", "capture"]
