"""A few seconds of the real environments and the real network, to tell how long a run will take. Leaves no file."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.experiment.breakdowns import plain_memory_errors
from dqn_zoo_ext.experiment.build import build_model, build_venv
from dqn_zoo_ext.experiment.doctor.forecast import Forecast
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.learning.model import Model

_SMALL_RING = 2_000  # transitions
_WARM_UP = 0.3  # seconds: libraries load, caches fill
_ROWS = 50  # vector steps, more than any stack of frames
_UPDATES_AT_ONCE = 10  # between two looks at the clock: a GPU is waited for as seldom as in training
_NEVER = 2**62  # agent steps


@dataclass(frozen=True, kw_only=True)
class Measured:
    """seconds_per_agent_step: acting and emulating, over all environments together. device: where the network lay.

    frames_per_agent_step: as the emulator counted them; None where no emulator tells. weights, agent: bytes of the
    network's weights, and of an agent's file (both networks and the optimizer's state).
    """

    device: str
    seconds_per_agent_step: float
    seconds_per_update: float
    frames_per_agent_step: int | None
    weights: int
    agent: int

    def seconds(self, run: Forecast) -> float:
        """How long the run will take without its evaluations, acting and learning by turns."""
        return run.agent_steps * self.seconds_per_agent_step + run.updates * self.seconds_per_update


@plain_memory_errors()
def measure(configuration: Configuration, options: RunOptions, seconds: float = 4.0) -> Measured:
    """Act for half of `seconds`, update for the other half, with a small replay. UserError for what cannot be made."""
    parameters = configuration.hyperparameters
    small = replace(
        parameters,
        buffer_size=min(parameters.buffer_size, _SMALL_RING),
        learning_starts=0,
        # this run only acts, at the epsilon that the real one ends with
        train_freq=_NEVER // parameters.n_envs * parameters.n_envs,
        exploration=replace(parameters.exploration, name="constant", arguments={"value": 0.1}),
    )
    venv = build_venv(configuration, parameters.n_envs, options.seed, vec_env=options.vec_env)
    try:
        model = build_model(replace(configuration, hyperparameters=small), venv, options.seed, options.device)
        model.set_logger(Logger(None, []))
        watch = _Watch(seconds / 2)
        model.learn(_NEVER, callback=watch, log_interval=None)  # type: ignore[arg-type]  # None: never
        per_update = _time_updates(model, parameters.batch_size, seconds / 2)
    finally:
        venv.close()
    weights = sum(weight.nbytes for weight in model.online_net.parameters())
    return Measured(
        device=str(model.device),
        seconds_per_agent_step=watch.seconds_per_agent_step,
        seconds_per_update=per_update,
        frames_per_agent_step=watch.frames_per_agent_step,
        weights=weights,
        agent=_bytes_in(model.policy.state_dict()) + _bytes_in(model.policy.optimizer.state_dict()["state"]),
    )


class _Watch(BaseCallback):
    """Ends the acting when its time is over, and looks at the emulator's own count of frames."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._begun = self._ended = self._until = 0.0
        self._begun_at = self._ended_at = 0
        self._frame = 0
        self._frames: list[int] = []

    def _on_training_start(self) -> None:
        self._until = time.perf_counter() + _WARM_UP + self._seconds

    def _on_step(self) -> bool:
        now = time.perf_counter()
        if not self._begun and now >= self._until - self._seconds:
            self._begun, self._begun_at = now, self.num_timesteps
        self._count_frames(self.locals["infos"][0])
        self._ended, self._ended_at = now, self.num_timesteps
        assert isinstance(self.model, Model)
        enough_to_draw_from = self.n_calls > _ROWS + self.model.n_steps
        return now < self._until or not self._begun or self._ended_at == self._begun_at or not enough_to_draw_from

    def _count_frames(self, info: Mapping[str, Any]) -> None:
        frame = info.get("episode_frame_number")
        if isinstance(frame, int):
            if 0 < self._frame < frame and len(self._frames) < 200:
                self._frames.append(frame - self._frame)
            self._frame = frame

    @property
    def seconds_per_agent_step(self) -> float:
        return (self._ended - self._begun) / (self._ended_at - self._begun_at)

    @property
    def frames_per_agent_step(self) -> int | None:
        return sorted(self._frames)[len(self._frames) // 2] if self._frames else None


def _time_updates(model: Model, batch_size: int, seconds: float) -> float:
    model.train(_UPDATES_AT_ONCE, batch_size)
    _wait_for(model)
    begun, updates = time.perf_counter(), 0
    while updates == 0 or time.perf_counter() - begun < seconds:
        model.train(_UPDATES_AT_ONCE, batch_size)
        _wait_for(model)
        updates += _UPDATES_AT_ONCE
    return (time.perf_counter() - begun) / updates


def _wait_for(model: Model) -> None:
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)


def _bytes_in(state: Any) -> int:
    if isinstance(state, torch.Tensor):
        return state.nbytes
    return sum(_bytes_in(part) for part in state.values()) if isinstance(state, Mapping) else 0
