"""What a training run is told besides its hyperparameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

DEFAULT_SAVE_FREQ = 50_000
"""Agent steps between checkpoints, in runs that are long enough for it."""


def default_save_freq(n_timesteps: int) -> int:
    """Agent steps between checkpoints where nothing is said: ten in a short run, none closer than 1,000 steps."""
    return min(DEFAULT_SAVE_FREQ, max(n_timesteps // 10, 1_000))


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of one run, as the command line gives them.

    seed: of everything random. eval_freq, eval_episodes: None leaves the configuration's; an eval_freq below 1 means no
    evaluation. save_freq: agent steps between checkpoints, below 1 for none; None: DEFAULT_SAVE_FREQ, and then without
    an agent file for each. keep_checkpoints: how many of the last ones stay. n_eval_envs: None for as many as suit.
    trained_agent: a zip to go on from. tensorboard_log: None for the run's own folder. log_interval: episodes between
    log lines, None for none; see ``episodes_between_lines``. profile: whether to record a trace. preset: the training's
    name, if it has one. verbose: 0 silent, 1 progress, 2 also Stable-Baselines3's tables.
    """

    log_folder: Path
    seed: int
    device: str = "auto"
    vec_env: Literal["dummy", "subproc"] = "dummy"
    eval_freq: int | None = None
    eval_episodes: int | None = None
    n_eval_envs: int | None = None
    eval_env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    save_freq: int | None = None
    keep_checkpoints: int = 2
    save_replay_buffer: bool = False
    trained_agent: Path | None = None
    tensorboard_log: Path | None = None
    log_interval: int | Literal["default"] | None = "default"
    unique_folder: bool = False
    profile: bool = False
    preset: str | None = None
    verbose: int = 1
    live_progress: bool | None = None
    command: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def episodes_between_lines(self, n_envs: int) -> int | None:
        """How many episodes end between two lines of the log; None if there are to be no lines.

        By default 4, as for Stable-Baselines3, or as many as there are environments, if those are more: their episodes
        end so much more often, each line takes milliseconds, and for each a GPU is waited for.
        """
        return max(4, n_envs) if self.log_interval == "default" else self.log_interval
