"""``results.json``: what a run was, where it ran, and what came of it."""

import json
import platform
import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from math import isclose
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter, ValidationError

from dqn_zoo_ext.errors import UserError, first_line
from dqn_zoo_ext.process import usable_cores
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically
from dqn_zoo_ext.version import VERSION

FORMAT_VERSION = 1

Count = Annotated[int, Field(ge=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Versions:
    """The packages that made the run."""

    __pydantic_config__ = _STRICT

    dqn_zoo_ext: str
    torch: str
    stable_baselines3: str
    ale_py: str
    gymnasium: str
    python: str

    @classmethod
    def here(cls) -> "Versions":
        """Those of this process."""
        return cls(
            dqn_zoo_ext=VERSION,
            torch=torch.__version__,
            stable_baselines3=metadata.version("stable-baselines3"),
            ale_py=metadata.version("ale-py"),
            gymnasium=metadata.version("gymnasium"),
            python=platform.python_version(),
        )


@dataclass(frozen=True)
class Machine:
    """Where the run was made. cores: those this process may use. gpu: the device's name, or None without one."""

    __pydantic_config__ = _STRICT

    cpu: str
    cores: Count
    gpu: str | None

    @classmethod
    def here(cls) -> "Machine":
        """The one that this process runs on."""
        return cls(_cpu_model(), usable_cores(), torch.cuda.get_device_name() if torch.cuda.is_available() else None)


@dataclass(frozen=True)
class EvaluationRecord:
    """One evaluation. episodes: each game's raw score. result: mean - std.

    repeat_action_probability: how often actions repeated; None where that is not known, as in older files.
    """

    __pydantic_config__ = _STRICT

    agent_steps: Count
    protocol: str
    episodes: Annotated[tuple[Finite, ...], Field(min_length=1)]
    mean: Finite
    std: NotNegative
    result: Finite
    repeat_action_probability: Annotated[float, Field(ge=0, le=1)] | None = None

    def __post_init__(self) -> None:
        if not isclose(self.result, self.mean - self.std, rel_tol=1e-6, abs_tol=1e-6):
            raise ValueError(f"result must be mean - std = {self.mean - self.std:g}")

    @classmethod
    def at(cls, agent_steps: int, evaluation: Mapping[str, Any], sticky: float | None = None) -> "EvaluationRecord":
        """From ``Evaluation.as_dict()``, measured after so many agent steps of training. sticky: how actions repeat."""
        measured = {key: evaluation[key] for key in ("protocol", "mean", "std", "result")}
        return cls(agent_steps, episodes=tuple(evaluation["episodes"]), **measured, repeat_action_probability=sticky)


@dataclass(frozen=True)
class RunResults:
    """The whole file.

    started: UTC. frames: emulator frames, 4 per agent step of Atari. best: the evaluation that chose best_model.zip.
    final: the evaluation of the agent at the end. finished: whether it came to its end, or was stopped before.
    seconds_spent: on what the training's own thread was busy, as far as that is known (``learning.time_spent``).
    preset: the name of the training that it is one of (``config.presets``), if it has one. most_memory: the most bytes
    that a process of the run had, on a GPU those of the GPU; 0 if unknown.
    """

    __pydantic_config__ = _STRICT

    versions: Versions
    machine: Machine
    algo: str
    env: str
    seed: int
    command: str
    started: AwareDatetime
    seconds: NotNegative
    agent_steps: Count
    frames: Count
    updates: Count
    agent_steps_per_second: NotNegative
    evaluations: tuple[EvaluationRecord, ...] = ()
    best: EvaluationRecord | None = None
    final: EvaluationRecord | None = None
    finished: bool = True
    seconds_spent: Mapping[str, NotNegative] = field(default_factory=dict)
    preset: str | None = None
    most_memory: Count = 0
    format_version: int = FORMAT_VERSION

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as it stands in the file."""
        return {
            "format_version": self.format_version,
            **asdict(self),
            "started": self.started.isoformat(timespec="seconds"),
        }


_READER = TypeAdapter(RunResults)


def write_results(results: RunResults, path: Path) -> None:
    """Write the file whole or not at all. UserError if it cannot be written; ValueError if a number is not finite."""
    write_atomically(path, json.dumps(results.as_dict(), indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> tuple[bytes, Any]:
    """A file's bytes, and what they say. UserError if it cannot be read, or is no JSON."""
    with plain_os_errors(f"cannot read {path}"):
        content = path.read_bytes()
    try:
        return content, json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {first_line(error)}") from error


def read_results(path: Path) -> RunResults:
    """Read the file and check every value in it; UserError in one line if it is absent, no JSON, or not ours."""
    content, data = read_json(path)
    version = data.get("format_version") if isinstance(data, dict) else None
    if version != FORMAT_VERSION:
        raise UserError(f"{path}: format_version is {version!r:.40}; this program reads {FORMAT_VERSION}")
    try:
        return _READER.validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UserError(f"{path}: {where}: {first['msg']}; given {reprlib.repr(first['input'])}") from error


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine() or "unknown"
