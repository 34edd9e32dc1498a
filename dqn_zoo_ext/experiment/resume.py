"""Finding a run to go on with, and what has changed since."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from dqn_zoo_ext.config.brought import makes_checkpoints
from dqn_zoo_ext.config.load import Configuration, flatten
from dqn_zoo_ext.errors import UserError, first_line, nearest
from dqn_zoo_ext.experiment.argument_kinds import kind_missed
from dqn_zoo_ext.experiment.live_run import identity
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.keywords import one_line, shown
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.atomic import plain_os_errors
from dqn_zoo_ext.storage.exact.checkpoints import Checkpoint, CheckpointFolder
from dqn_zoo_ext.storage.results import RunResults, Versions, read_results
from dqn_zoo_ext.storage.run_folder import RunFolder

_ABSENT = "nothing"
_NEVER_OTHER = {"algo", "env", "seed", "optimizer", "n_envs", "eval_episodes"}
"""What cannot change within a run: its states would mean nothing, or, as with the seed, too little.

evaluations.npz has as many games in each evaluation, and so have the files of Stable-Baselines3, which others read.
"""
REPLAY = "replay"
"""Allowed to change: goes on with an empty replay, where the one that was saved is damaged."""
_DAMAGE = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError)
"""What PyYAML raises for broken documents."""


class Changed(UserError):  # noqa: N818  # it says what is wrong
    """A run is to go on as another one than it was."""


def stored_arguments(run: RunFolder) -> dict[str, Any]:
    """The command line's arguments with which the run was begun. UserError if they cannot be read, or one of them is
    not of the kind that its option has.
    """
    with plain_os_errors(f"cannot read {run.args}"):
        content = run.args.read_bytes()
    try:
        arguments = yaml.safe_load(content.decode())
    except RecursionError:
        raise UserError(f"{run.args} is not YAML: nested too deeply") from None
    except _DAMAGE as error:
        raise UserError(f"{run.args} is not YAML: {one_line(first_line(error))}") from error
    if not isinstance(arguments, dict):
        raise UserError(f"{run.args} holds no arguments of a run")
    for name, value in {"seed": None, **arguments}.items():
        kind = kind_missed(name, value)
        if kind is not None:
            given = "something else" if isinstance(value, list | dict) else shown(value)
            raise UserError(f"{run.args}: {one_line(str(name))} must be {kind}, not {given}")
    return arguments


def resume_words(run: RunFolder, gym_packages: Sequence[str]) -> str:
    """What to type after ``train`` to go on with that run, which was begun with these modules."""
    words = ["--resume", str(run.path), *(["--gym-packages", *gym_packages] if gym_packages else [])]
    return shlex.join(words)


def latest_run(log_folder: Path, algo: str, env: str, seed: int | None) -> RunFolder | None:
    """The newest run of `algo` on `env` that has a checkpoint, of that seed if one is given."""
    for run in RunFolder.all_of(log_folder, algo, env):
        if CheckpointFolder(run.checkpoint_folder).is_there() and seed in (None, stored_arguments(run).get("seed")):
            return run
    return None


def why_not_resumed(log_folder: Path, algo: str, env: str, seed: int | None) -> str | None:
    """Where ``latest_run`` finds none: which run is the newest there, and why not that one. None if there is no run."""
    runs = [(run, _seed_of(run)) for run in RunFolder.all_of(log_folder, algo, env)]
    if not runs:
        return None
    run, its_seed = next((each for each in runs if each[1] in (None, seed)), runs[0])
    if seed is not None and its_seed not in (None, seed):
        return f"run {run.path.name} cannot be resumed: it is of seed {its_seed}, not {seed}"
    if not makes_checkpoints(algo):
        return f"run {run.path.name} cannot be resumed: runs of '{algo}' make no checkpoints"
    told = " (it was told --save-freq -1)" if _stored(run).get("save_freq") == -1 else ""
    return f"run {run.path.name} cannot be resumed: there is no checkpoint in it{told}"


def _seed_of(run: RunFolder) -> int | None:
    seed = _stored(run).get("seed")
    return seed if isinstance(seed, int) else None


def _stored(run: RunFolder) -> dict[str, Any]:
    """Its arguments; none if it was killed before they were written."""
    try:
        return stored_arguments(run)
    except UserError:
        return {}


def finished_results(run: RunFolder, checkpoint: Checkpoint) -> RunResults | None:
    """What came of the run, if it had come to its end and everything was written; None if there is something to do."""
    if not run.results.is_file() or not run.final_model.is_file():
        return None
    results = read_results(run.results)
    return results if results.finished and results.agent_steps >= checkpoint.agent_steps else None


def refuse_without_checkpoints(run: RunFolder) -> None:
    """UserError if runs with this algorithm make no checkpoints."""
    if not makes_checkpoints(run.algo):
        raise UserError(
            f"--resume: runs of '{run.algo}' make no checkpoints; for more training: --trained-agent {run.final_model}"
        )


def no_checkpoint(run: Path, wrong: list[str], checkpoints: CheckpointFolder) -> UserError:
    """The error that says why a run cannot go on. wrong: a line for each checkpoint that is not whole."""
    if not wrong:
        return UserError(f"no checkpoint in {str(run)!r}: a run makes them unless it is told --save-freq -1")
    without, _ = checkpoints.newest(with_replay=False)
    hint = ""
    if without is not None:
        hint = (
            f"; only the replay is lost at {without.agent_steps:,} agent steps: --allow-change {REPLAY} fills a new one"
        )
    return UserError(f"no usable checkpoint in {str(run)!r}: {'; '.join(wrong)}{hint}")


def other_versions(checkpoint: Checkpoint) -> list[str]:
    """A line for each package that is not the one that made the checkpoint."""
    there, here = asdict(checkpoint.manifest.versions), asdict(Versions.here())
    return [
        f"warning: the checkpoint was made with {name} {version}, here is {here[name]}: not the same bytes, perhaps"
        for name, version in there.items()
        if here[name] != version
    ]


def refuse_changes(
    stored: State, configuration: Configuration, options: RunOptions, allowed: Collection[str]
) -> dict[str, tuple[Any, Any]]:
    """The differences between a run as it was saved and as it is to go on, by key: there and here.

    Changed, listing them with the words that would allow them, if some are not among `allowed`; UserError for one of
    those that is no key.
    """
    found = _differences(stored, identity(configuration, options))
    for name in allowed:
        known = [*configuration.flat(), *found, REPLAY]
        if name not in known and not any(key.startswith(f"{name}.") for key in known):
            raise UserError(f"--allow-change: there is no '{name}'{nearest(name, known)}")
    for key in _NEVER_OTHER & found.keys():
        was, now = found[key]
        raise Changed(f"--resume: {key} was {was!r} and cannot become {now!r}; begin a new run for that")
    refused = {key: values for key, values in found.items() if not _is_allowed(key, allowed)}
    if refused:
        listed = ", ".join(f"{key} was {_told(there)} and is {_told(here)}" for key, (there, here) in refused.items())
        raise Changed(f"--resume: the run has changed: {listed}; to allow it: --allow-change {' '.join(refused)}")
    return found


def _differences(stored: State, given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    there, here = _decided(stored), _decided(given)
    keys = [key for key in {**there, **here} if there.get(key) != {} and here.get(key) != {}]
    pairs = {key: (there.get(key, _ABSENT), here.get(key, _ABSENT)) for key in keys}
    return {key: values for key, values in pairs.items() if _as_saved(values[0]) != _as_saved(values[1])}


def _decided(identity_of_run: Mapping[str, Any]) -> dict[str, Any]:
    """By key; an option that was not given leaves the word to the configuration."""
    configured = flatten({key: value for key, value in identity_of_run["configuration"].items() if key != "search"})
    options = flatten(identity_of_run["options"])
    given = {key: value for key, value in options.items() if value is not None or key not in configured}
    return {**{key: identity_of_run[key] for key in ("algo", "env")}, **configured, **given}


def _told(value: Any) -> str:
    """As what is typed; None stands for an option that was not."""
    return "not given" if value is None else repr(value)


def _as_saved(value: Any) -> Any:
    """Tuples come back from JSON as lists."""
    if isinstance(value, Mapping):
        return {key: _as_saved(each) for key, each in value.items()}
    return [_as_saved(each) for each in value] if isinstance(value, list | tuple) else value


def _is_allowed(key: str, allowed: Collection[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in allowed)
