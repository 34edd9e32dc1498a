"""One run's folder, laid out as RL-Zoo lays it out: ``<log folder>/<algo>/<env>_<n>/``."""

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.storage import run_lock
from dqn_zoo_ext.storage.atomic import plain_os_errors
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder

_RUN = re.compile(r"(.+)_\d+(?:_[0-9a-f-]{36})?")
NUMBER_AND_UUID = re.compile(r"\d+_[0-9a-f-]{36}")
"""What stands behind the environment in the name of a run that was claimed with a UUID."""
_CHECKPOINT = re.compile(r"rl_model_(\d+)_steps\.zip")
_SHOWN = 10  # names in an error line


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, and where each thing in it lies.

    env: the environment's folder name, e.g. ``SpaceInvadersNoFrameskip-v4`` or ``ALE-Pong-v5``.
    """

    path: Path
    algo: str
    env: str
    replay_buffer_name: ClassVar[str] = "replay_buffer.safetensors"
    made: tuple[Path, ...] = field(default=(), compare=False, repr=False)
    """The folders that `claim` made for it, outermost first."""

    @classmethod
    def claim(
        cls, log_folder: Path, algo: str, env: str, unique: bool = False, number: int | None = None
    ) -> "RunFolder":
        """Make the folder of a new run, with the number after the highest one there, and its config folder.

        Two processes that claim at the same moment get different folders. unique: append a UUID, as with RL-Zoo's
        ``--uuid``. number: instead of the one after the highest; the next free one from there. UserError if it cannot
        be made; then nothing is left behind.
        """
        parent = log_folder / algo
        made: list[Path] = []
        try:
            _check_name(parent)
            _make_folders(parent, made)
            path = _make_numbered_folder(parent, env, f"_{uuid.uuid4()}" if unique else "", number, made)
            run = cls(path, algo, env, tuple(made))
            run.config_folder.mkdir()
        except (OSError, ValueError) as error:  # ValueError: a file in the way, a zero byte in the path
            for folder in reversed(made):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            why = getattr(error, "strerror", None) or error
            raise UserError(f"cannot make a run folder in log folder {str(log_folder)!r}: {why}") from error
        return run

    @classmethod
    def find(cls, log_folder: Path, algo: str, env: str, exp_id: int | str = 0) -> "RunFolder":
        """The folder of a run that exists, by RL-Zoo's ``--exp-id``.

        0: the run with the highest number (or the algorithm's folder itself if it holds the agent); a number: that run;
        -1: the algorithm's folder itself. A run that was claimed with a UUID is found by its number when no plain run
        stands before it, and always by number and UUID (`NUMBER_AND_UUID`). UserError that names the runs which are
        there, if there is no such run.
        """
        parent = log_folder / algo
        flat = cls(parent, algo, env)
        number = int(str(exp_id).partition("_")[0])
        if number < 0:
            if parent.is_dir():
                return flat
            raise UserError(f"no folder {str(parent)!r}{_what_lies_in(log_folder, algo, env, number)}")
        runs = [run for run in _numbered(parent, env) if run.path.is_dir() and exp_id in (0, *run.ids())]
        if runs:
            return cls(max(runs, key=_Numbered.rank).path, algo, env)
        if exp_id == 0 and flat.final_model.is_file():
            return flat
        wanted = "no run" if exp_id == 0 else f"no run {exp_id}"
        there = _what_lies_in(log_folder, algo, env, number)
        raise UserError(f"{wanted} of '{one_line(algo)}' on '{env}' in {str(log_folder)!r}{there}")

    @classmethod
    def at(cls, path: Path) -> "RunFolder":
        """The run that lies in this folder. UserError if its name or what is in it is not that of a run."""
        if not path.is_dir():
            there = path.parent.iterdir() if path.parent.is_dir() else ()
            runs = [str(folder) for folder in there if _RUN.fullmatch(folder.name)]
            raise UserError(f"no run folder {str(path)!r}{nearest(str(path), runs)}")
        if {path.name, path.parent.name} & {"", ".."}:  # relative to folders whose names have to be known
            path = path.resolve()
        name = _RUN.fullmatch(path.name)
        run = cls(path, path.parent.name, name[1] if name else path.name)
        if name is None or not run.config_folder.is_dir():
            inside = [str(folder) for folder in _runs_in(path)]
            such = f"; in it lie {_listed(inside)}" if inside else ", such as logs/dqn/PongNoFrameskip-v4_1"
            raise UserError(f"{str(path)!r} is not the folder of a run{such}")
        return run

    @classmethod
    def all_of(cls, log_folder: Path, algo: str, env: str) -> "list[RunFolder]":
        """All runs of `algo` on `env`, the newest first."""
        runs = [run for run in _numbered(log_folder / algo, env) if run.path.is_dir()]
        return [cls(run.path, algo, env) for run in sorted(runs, key=_Numbered.age)]

    def discard(self) -> None:
        """Remove the folder with all that is in it, and those above it that `claim` made and nobody else uses."""
        shutil.rmtree(self.path, ignore_errors=True)
        for folder in reversed(self.made):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def empty(self) -> None:
        """Remove what a lost process has left in it, so that it is as if just claimed. For who has its lock.

        UserError if that cannot be.
        """
        with plain_os_errors(f"cannot empty {self.path}"):
            for path in self.path.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                elif path.name != run_lock.NAME:
                    path.unlink()
            self.config_folder.mkdir()

    def model_file(
        self, load_best: bool = False, load_checkpoint: int | None = None, load_last_checkpoint: bool = False
    ) -> Path:
        """The agent that RL-Zoo's flags ask for: the best one, the one at so many agent steps, the last checkpoint, or
        by default the one saved at the end. A zip, or the folder of a checkpoint for exact resume. UserError that names
        the agents which are there, if that one is not.
        """
        if load_best:
            wanted = self.best_model
        elif load_checkpoint is not None or load_last_checkpoint:
            wanted = self._checkpoint_file(load_checkpoint)
        else:
            wanted = self.final_model
        if wanted.exists():
            return wanted
        there = self._agents_there()
        listed = f"{'is' if len(there) == 1 else 'are'} {_listed(there)}" if there else "is no agent in it"
        raise UserError(f"no agent '{wanted.name}' in {str(self.path)!r}; there {listed}")

    def _agents_there(self) -> list[str]:
        """Each agent's file with the option that takes it; what other zips there are without."""
        options = {self.final_model: "without an option", self.best_model: "--load-best"}
        zips = {steps: self.checkpoint(steps) for steps in self.checkpoints()}
        states = CheckpointFolder(self.checkpoint_folder).unchecked()
        options |= {file: f"--load-checkpoint {steps}" for steps, file in sorted((states | zips).items())}
        others = {*self.path.glob("*.zip")} - {*options}
        return [
            *(f"{file.relative_to(self.path)} ({option})" for file, option in options.items() if file.exists()),
            *sorted(file.name for file in others if not file.name.startswith(".")),
        ]

    def _checkpoint_file(self, agent_steps: int | None) -> Path:
        """The checkpoint at so many agent steps, None for the last one; a zip where there is one."""
        zips = {steps: self.checkpoint(steps) for steps in self.checkpoints()}
        there = CheckpointFolder(self.checkpoint_folder).unchecked() | zips
        if agent_steps is not None:
            return there.get(agent_steps, self.checkpoint(agent_steps))
        return there[max(there)] if there else self.path / "rl_model_*_steps.zip"

    @property
    def final_model(self) -> Path:
        """The agent at the end of training."""
        return self.path / f"{self.env}.zip"

    @property
    def best_model(self) -> Path:
        """The agent with the best evaluation so far."""
        return self.path / "best_model.zip"

    def checkpoint(self, agent_steps: int) -> Path:
        """The agent as it was after so many agent steps."""
        return self.path / f"rl_model_{agent_steps}_steps.zip"

    def checkpoints(self) -> tuple[int, ...]:
        """The agent steps of all checkpoints there, ascending."""
        names = (_CHECKPOINT.fullmatch(file.name) for file in self.path.iterdir())
        return tuple(sorted(int(name[1]) for name in names if name))

    @property
    def evaluations(self) -> Path:
        """The evaluations during training, as SB3's EvalCallback writes them."""
        return self.path / "evaluations.npz"

    @property
    def monitor(self) -> Path:
        """Every training game's score, length and time, as SB3's Monitor writes them."""
        return self.path / "0.monitor.csv"

    @property
    def results(self) -> Path:
        """What the run was and what came of it (storage/results.py)."""
        return self.path / "results.json"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def tensorboard_elsewhere(self) -> Path:
        """Says where TensorBoard's event files lie, if they do not lie in the run's folder."""
        return self.config_folder / "tensorboard.txt"

    @property
    def replay_buffer(self) -> Path:
        """The replay ring, if it was saved."""
        return self.path / self.replay_buffer_name

    @property
    def checkpoint_folder(self) -> Path:
        """Where the checkpoints for exact resume lie (storage/exact/checkpoints.py)."""
        return self.path / "checkpoints"

    @property
    def video(self) -> Path:
        """A recorded game, under the name that the Hub's widget looks for."""
        return self.path / "replay.mp4"

    @property
    def config_folder(self) -> Path:
        """Where config.yml, args.yml and command.txt lie."""
        return self.path / self.env

    @property
    def config(self) -> Path:
        """The merged hyperparameters."""
        return self.config_folder / "config.yml"

    @property
    def args(self) -> Path:
        """The command line's arguments."""
        return self.config_folder / "args.yml"

    @property
    def command(self) -> Path:
        """The command line as it was typed."""
        return self.config_folder / "command.txt"


@dataclass(frozen=True)
class _Numbered:
    path: Path
    number: int
    plain: bool  # no UUID behind the number

    def ids(self) -> tuple[int | str, ...]:
        uuid_behind = self.path.name.rpartition("_")[2]
        return (self.number,) if self.plain else (self.number, f"{self.number}_{uuid_behind}")

    def age(self) -> tuple[int, float]:
        return -self.number, -self.path.stat().st_mtime

    def rank(self) -> tuple[bool, int, float]:
        return self.plain, self.number, self.path.stat().st_mtime


def _numbered(parent: Path, env: str) -> Iterator[_Numbered]:
    """Everything in `parent` with a name that a run of `env` could have, files too: they also take a number."""
    pattern = re.compile(rf"{re.escape(env)}_(\d+)(_[0-9a-f-]{{36}})?")
    if parent.is_dir():
        for entry in parent.iterdir():
            if name := pattern.fullmatch(entry.name):
                yield _Numbered(entry, int(name[1]), plain=name[2] is None)


def each_once(folders: Iterable[Path]) -> list[Path]:
    """The folders without those that another path before them leads to."""
    found: dict[str, Path] = {}
    for folder in folders:  # not `resolve`, which raises where links lead in a circle
        found.setdefault(os.path.realpath(folder), folder)
    return list(found.values())


def _check_name(path: Path) -> None:
    """ValueError for a name of bytes that are no text: the files of a run could not say where they lie."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ValueError("its name is not UTF-8 text") from None


def _make_folders(path: Path, made: list[Path]) -> None:
    """``mkdir -p`` that notes in `made` which folders it made."""
    for folder in reversed([path, *path.parents]):
        if not folder.is_dir():
            try:
                folder.mkdir()
            except FileExistsError:
                if folder.is_dir():  # another process was faster
                    continue
                raise ValueError(f"{str(folder)!r} is not a folder") from None
            made.append(folder)


def _make_numbered_folder(parent: Path, env: str, suffix: str, number: int | None, made: list[Path]) -> Path:
    if number is None:
        number = 1 + max((run.number for run in _numbered(parent, env) if run.plain), default=0)
    while True:
        path = parent / f"{env}_{number}{suffix}"
        try:
            path.mkdir()  # the claim: exactly one process can make it
        except FileExistsError:
            number += 1
            continue
        made.append(path)
        return path


def _what_lies_in(log_folder: Path, algo: str, env: str, exp_id: int) -> str:
    """The tail of an error line: the nearest runs there are, or else the nearest environment or algorithm with runs."""
    if not log_folder.is_dir():
        return ": there is no such folder"
    if not (log_folder / algo).is_dir():
        algos = [folder.name for folder in log_folder.iterdir() if _runs_in(folder) or any(folder.glob("*.zip"))]
        if not algos:
            return "; there are no runs in it"
        near = nearest(algo, algos)
        return f"{near} Or train it first" if near.endswith("?") else f"{near}, or train it first"
    numbers = {run.number for run in _numbered(log_folder / algo, env) if run.path.is_dir()}
    if numbers:
        by_distance = sorted(numbers, key=lambda number: (abs(number - exp_id), number))
        return f"; there are runs {_listed(by_distance)}"
    others = {folder.name.rpartition("_")[0] for folder in (log_folder / algo).iterdir() if folder.is_dir()}
    return nearest(env, others - {""}) or f"; '{one_line(algo)}' has no runs there, train it first"


def _runs_in(folder: Path) -> list[Path]:
    """The folders of runs in `folder`, by name."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    named = ((each, _RUN.fullmatch(each.name)) for each in inside)
    return [each for each, name in named if name is not None and (each / name[1]).is_dir()]


def _listed(names: Sequence[int | str]) -> str:
    shown = ", ".join(str(name) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
