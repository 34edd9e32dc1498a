"""A run in progress: its parts, and all of their state, to be saved and brought back."""

import contextlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import torch
import yaml
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import get_device

from dqn_zoo_ext.callbacks import ProtocolEvaluation
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.envs.replaying import vec_state
from dqn_zoo_ext.errors import UserError, last_line
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.model import Model
from dqn_zoo_ext.learning.saved import deep_q_state
from dqn_zoo_ext.learning.saved.stored_rows import rows_of
from dqn_zoo_ext.process import most_memory
from dqn_zoo_ext.state import Resumable, State
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically
from dqn_zoo_ext.storage.event_files import EventFiles
from dqn_zoo_ext.storage.exact.checkpoints import Checkpoint, CheckpointFolder, Snapshot
from dqn_zoo_ext.storage.exact.state_file import copied
from dqn_zoo_ext.storage.progress_csv import ProgressCsv
from dqn_zoo_ext.storage.run_folder import RunFolder

DECISIVE_OPTIONS = ("seed", "vec_env", "log_interval", "eval_freq", "eval_episodes", "n_eval_envs", "eval_env_kwargs")
"""The options of a run, besides its configuration, on which its results depend."""


@dataclass
class LiveRun:
    """The parts of a run.

    callbacks: those with a state of their own. started: of the first process that worked on it. seconds_before: spent
    by earlier processes, up to their last checkpoint. memory_before: the most bytes that one of those had. first_step:
    agent steps of the agent that it began with. changed: since the last checkpoint, so that the next one brings its
    configuration with it.
    """

    configuration: Configuration
    options: RunOptions
    folder: RunFolder
    model: Model
    callbacks: list[BaseCallback]
    evaluation: ProtocolEvaluation | None
    progress_csv: ProgressCsv
    event_files: EventFiles
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds_before: float = 0.0
    memory_before: int = 0
    first_step: int = 0
    changed: bool = False
    _clock: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds spent so far, over all processes."""
        return self.seconds_before + time.monotonic() - self._clock

    @property
    def most_memory(self) -> int:
        """The most bytes that any of its processes had; of the GPU's memory if it learns there."""
        here = torch.cuda.max_memory_allocated() if self.model.device.type == "cuda" else most_memory()
        return max(self.memory_before, here)

    @property
    def _deep_q(self) -> DeepQ:
        """The model, whose state is known; any other says in ``why_not_resumable`` that it is not."""
        assert isinstance(self.model, DeepQ)
        return self.model

    def close(self) -> None:
        """Close logs and environments."""
        self.model.logger.close()
        with contextlib.suppress(OSError, EOFError):  # a process of theirs may have died
            if self.model.env is not None:
                self.model.env.close()

    def write_config(self) -> None:
        """Write config.yml and args.yml, and add a line to command.txt. UserError if they cannot be written."""
        folder = self.folder
        write_atomically(folder.config, to_yaml(self.configuration.as_plain_data()))
        write_atomically(folder.args, yaml.safe_dump(dict(self.options.arguments), sort_keys=True))
        before = folder.command.read_text(encoding="utf-8") if folder.command.is_file() else ""
        write_atomically(folder.command, f"{before}{self.options.command}\n")
        self.changed = False

    def why_not_resumable(self) -> str | None:
        """Why no checkpoint can hold all of this run, in words; None if it can."""
        reason = self.model.why_not_resumable()
        if reason is not None:
            return reason
        if rows_of(self._deep_q) is None:
            return f"the replay buffer {type(self.model.replay_buffer).__name__} has no rows that can be saved"
        assert self.model.env is not None
        return vec_state.can_resume(self.model.env)

    def forgetful(self) -> list[str]:
        """The callbacks from outside that will begin afresh on a resume, as they have no ``state``."""
        return [type(each).__name__ for each in self.callbacks if not isinstance(each, Resumable)]

    def snapshot(self, folder: CheckpointFolder) -> Snapshot:
        """The run as it is between two vector steps. OSError if the logs cannot be written, UserError if config.yml."""
        rows = rows_of(self._deep_q)
        assert rows is not None  # why_not_resumable was asked
        if self.changed:
            self.write_config()
        first = max(0, rows.rows_added - rows.rows)
        return Snapshot(
            agent_steps=self.model.num_timesteps,
            state=copied(self._state() | {"replay": rows.rest()}),
            rows=rows,
            first_row=first,
            unsaved_row=max(first, folder.rows_saved),
            last_row=rows.rows_added,
            best_model=folder.hold(self.folder.best_model),
        )

    def restore(self, checkpoint: Checkpoint, state: State, with_replay: bool = True) -> None:
        """Become the run that the checkpoint, with this state, was taken of. UserError if that cannot be.

        with_replay: False to begin with an empty one and new games; it is filled for `learning_starts` agent steps
        first.
        """
        try:
            self._restore_what_may_not_fit(checkpoint, state, with_replay)
            self._restore_callbacks(state["callbacks"])
        except UserError:
            raise
        except (ValueError, KeyError, RuntimeError) as error:
            reason = last_line(error)
            raise UserError(f"checkpoint {checkpoint.path} does not fit this run: {reason}") from error
        # files last: where anything above is refused, they are as they were, or as a callback writes its own
        with plain_os_errors(f"cannot bring back the files in {self.folder.path}"):
            self.progress_csv.load_state(state["progress_csv"])
            self.event_files.load_state(state["event_files"])
            self._restore_best_model(checkpoint)
        self.started = datetime.fromisoformat(state["run"]["started"])
        self.seconds_before = state["run"]["seconds"]
        self.memory_before = state["run"].get("most_memory", 0)
        self.first_step = state["run"]["first_step"]
        self._deep_q.time_spent.add(state["run"].get("seconds_spent", {}))
        deep_q_state.restore_random_state(self._deep_q, state["model"])

    def _restore_what_may_not_fit(self, checkpoint: Checkpoint, state: State, with_replay: bool) -> None:
        names, there = [type(each).__name__ for each in self.callbacks], [each["name"] for each in state["callbacks"]]
        if names != there:
            raise ValueError(f"the callbacks were {', '.join(there)} there and are {', '.join(names)} here")
        rows = rows_of(self._deep_q)
        if rows is None:
            raise ValueError(self.why_not_resumable())
        deep_q_state.restore(self._deep_q, state["model"])
        assert self.model.env is not None
        if with_replay:
            checkpoint.load_rows(rows)
            rows.load_rest(state["replay"])
            vec_state.restore(self.model.env, state["environments"])
        else:
            self._deep_q.begin_new_games(seed=(self.options.seed + checkpoint.agent_steps) % 2**31)

    def _state(self) -> State:
        assert self.model.env is not None
        return {
            "run": {
                **identity(self.configuration, self.options),
                "started": self.started.isoformat(),
                "seconds": self.seconds,
                "most_memory": self.most_memory,
                "first_step": self.first_step,
                "seconds_spent": self.model.seconds_spent(),
            },
            "model": deep_q_state.state_of(self._deep_q),
            "environments": vec_state.state_of(self.model.env),
            "callbacks": [
                {
                    "name": type(each).__name__,
                    "n_calls": each.n_calls,
                    "state": each.state() if isinstance(each, Resumable) else None,
                }
                for each in self.callbacks
            ],
            "progress_csv": self.progress_csv.state(),
            "event_files": self.event_files.state(),
        }

    def _restore_callbacks(self, states: list[State]) -> None:
        for callback, state in zip(self.callbacks, states, strict=True):
            callback.n_calls = state["n_calls"]
            if isinstance(callback, Resumable) and state["state"] is not None:
                callback.load_state(state["state"])

    def _restore_best_model(self, checkpoint: Checkpoint) -> None:
        if checkpoint.best_model is None:
            self.folder.best_model.unlink(missing_ok=True)
            return
        write_atomically(self.folder.best_model, checkpoint.best_model.read_bytes())


def identity(configuration: Configuration, options: RunOptions) -> dict[str, Any]:
    """What must be the same for a run to go on as it would have."""
    return {
        "algo": configuration.algo,
        "env": configuration.env.gym_id,
        "configuration": configuration.as_plain_data(),
        "options": {
            **{name: _plain(getattr(options, name)) for name in DECISIVE_OPTIONS},
            "log_interval": options.episodes_between_lines(configuration.hyperparameters.n_envs),
            "device": get_device(options.device).type,
        },
    }


def _plain(value: Any) -> Any:
    return dict(value) if hasattr(value, "keys") else value
