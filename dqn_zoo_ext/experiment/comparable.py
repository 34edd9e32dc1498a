"""Runs of several algorithms, games and seeds by their last evaluations, and whether those may be put together."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dqn_zoo_ext.config.layers import COMPLETE, SEARCH
from dqn_zoo_ext.config.load import first_difference, flatten
from dqn_zoo_ext.config.of_run import plain_run_file
from dqn_zoo_ext.envs.ids import resolve, resolve_folder
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.storage.run_history import read_history

Played = tuple[str, float]
"""What was played: the environment's name in the folder, and how often the last action repeated in training."""

_SAME_LENGTH = 0.01
"""Ends that differ by no more than this share are one: environments step together, and evaluations wait for them."""


@dataclass(frozen=True)
class LastEvaluation:
    """A run by its last evaluation.

    game: the ROM's name, None outside Atari. protocol: None if it does not say. score: the mean, raw.
    configuration: every value by its dotted key. finished: whether it came to its end. Both None of RL-Zoo's runs.
    """

    folder: Path
    algo: str
    played: Played
    game: str | None
    protocol: str | None
    agent_steps: int
    score: float
    configuration: Mapping[str, Any] | None
    finished: bool | None


def last_evaluation(folder: Path) -> LastEvaluation:
    """That of the run in `folder`, ours or RL-Zoo's. UserError if it has none, or a file in it is damaged."""
    history = read_history(folder)
    if history.evaluations is None:
        raise UserError(f"run {str(history.folder)!r} has no evaluations")
    run = RunFolder.at(folder)
    settings = _settings(run.config)
    ours = settings.pop(COMPLETE, None) is True
    settings.pop(SEARCH, None)
    flat = flatten(settings)
    return LastEvaluation(
        folder=history.folder,
        algo=history.algo,
        played=(history.env, _sticky(run, flat)),
        game=history.game,
        protocol=history.protocol,
        agent_steps=int(history.evaluations.agent_steps[-1]),
        score=float(history.evaluations.scores[-1].mean()),
        configuration=flat if ours else None,
        finished=(run.results.is_file() and read_results(run.results).finished) if ours else None,
    )


def names_of_games(runs: Iterable[LastEvaluation]) -> dict[Played, str]:
    """What to call each thing that was played: the game, with the environment where that is not all there is of it."""
    every = sorted({(run.game or run.played[0], run.played) for run in runs})
    games, named = [game for game, _ in every], [(game, env) for game, (env, _) in every]
    found = {}
    for game, (env, sticky) in every:
        alone = f"{env}, sticky actions {sticky:g}" if named.count((game, env)) > 1 else env
        found[env, sticky] = game if games.count(game) == 1 else f"{game} ({alone})"
    return found


def why_not_together(runs: Sequence[LastEvaluation]) -> list[str]:
    """A line for each reason why these are not seeds of some algorithms on some games; nothing if they are."""
    return [*_several_configurations(runs), *_unfinished(runs), *_several_lengths(runs)]


def _several_configurations(runs: Sequence[LastEvaluation]) -> list[str]:
    names, lines = names_of_games(runs), dict[tuple[str, Played], str]()
    first: dict[tuple[str, Played], LastEvaluation] = {}
    for run in runs:
        key = run.algo, run.played
        one = first.setdefault(key, run)
        differs = _first_difference(one, run)
        if differs is not None and key not in lines:
            name, was, now = differs
            lines[key] = (
                f"'{run.algo}' has several configurations on {names[run.played]}: {name} is {was} in {one.folder} and "
                f"{now} in {run.folder}"
            )
    return list(lines.values())


def _first_difference(one: LastEvaluation, other: LastEvaluation) -> tuple[str, str, str] | None:
    there, here = one.configuration, other.configuration
    if there is None or here is None:
        return None
    key = first_difference(there, here)
    if key is None:
        return None
    was, now = (repr(each[key]) if key in each else "not set" for each in (there, here))
    return key, was, now


def _unfinished(runs: Sequence[LastEvaluation]) -> list[str]:
    found = [run for run in runs if run.finished is False]
    if not found:
        return []
    others = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    run = found[0]
    return [f"{run.folder} has not come to its end (its last evaluation is after {run.agent_steps:,}){others}"]


def _several_lengths(runs: Sequence[LastEvaluation]) -> list[str]:
    low, high = (choose(runs, key=lambda run: run.agent_steps) for choose in (min, max))
    if high.agent_steps - low.agent_steps <= _SAME_LENGTH * high.agent_steps:
        return []
    return [
        f"the last evaluation is after {low.agent_steps:,} agent steps in {low.folder} and after {high.agent_steps:,} "
        f"in {high.folder}"
    ]


def _settings(path: Path) -> dict[str, Any]:
    try:
        return plain_run_file(path)
    except UserError:  # as in read_history: the scores beside it can be read all the same
        return {}


def _sticky(run: RunFolder, configuration: Mapping[str, Any]) -> float:
    """As configured, or else as the environment was asked for: ``Adventure`` has no sticky actions, and its folder is
    that of ``ALE/Adventure-v5``, which has.
    """
    for kwargs in ("env_kwargs", "preprocessing_kwargs"):
        given = configuration.get(f"{kwargs}.repeat_action_probability")
        if isinstance(given, int | float):
            return float(given)
    asked = _settings(run.args).get("env")
    for name, meant in ((asked, resolve), (run.env, resolve_folder)):
        with suppress(UserError):  # of a package that is not installed here
            env = meant(str(name))
            if env.folder_name == run.env:
                return env.repeat_action_probability
    return 0.0
