"""Baselines of a game, measured once and kept: the same question is answered from a file."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.baselines import Baseline, games_of, measure_baseline
from dqn_zoo_ext.evaluation.evaluate import MOST_ENVS
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.experiment.build import action_names, build_venv
from dqn_zoo_ext.storage.atomic import write_atomically
from dqn_zoo_ext.storage.user_cache import user_cache

FORMAT_VERSION = 1

_KEPT_FAMILIES = ("atari", "box2d", "classic_control")  # of other packages the version is unknown
_READER = TypeAdapter(Baseline)


@dataclass(frozen=True)
class MeasuredBaseline:
    """A baseline and how it was come by.

    action_name: of its action, if it has one. seconds: that the measurement took, whenever it was made. file: where it
    is kept, None if nowhere. was_kept: whether it was there already.
    """

    baseline: Baseline
    action_name: str | None
    seconds: float
    file: Path | None
    was_kept: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        found = {"baseline": self.baseline.name, "seconds": self.seconds, **self.baseline.evaluation.as_dict()}
        if self.baseline.action is not None:
            found |= {"action": self.baseline.action, "action_name": self.action_name}
            found["mean_of_each_action_when_chosen"] = list(self.baseline.tried)
        return found


def baseline_of(
    name: str,
    env: EnvId,
    protocol: Protocol,
    episodes: int | None = None,
    seed: int = 0,
    n_envs: int | None = None,
    configuration: Configuration | None = None,
    on_total: Callable[[int], None] | None = None,
    on_game: Callable[[float, int], None] | None = None,
) -> MeasuredBaseline:
    """The score of a baseline in `env` by `protocol`, from the cache or measured now.

    n_envs: games side by side; None: up to 8. configuration: of the agent that it is to be compared with, in whose
    environments it plays; None for those of ``--algo dqn``. on_total: told how many games will be played, if any are.
    """
    episodes = episodes or protocol.episodes
    n_envs = n_envs or min(episodes, MOST_ENVS)
    configuration = configuration or load("dqn", env)
    facts = _facts(name, configuration, protocol, episodes, seed, n_envs)
    file = _file_for(facts, env, name, protocol) if env.family in _KEPT_FAMILIES else None
    kept = None if file is None else _read(file, facts)
    if kept is not None:
        return MeasuredBaseline(*kept, file, was_kept=True)
    began = time.monotonic()
    venv = build_venv(configuration, n_envs, seed, evaluation=protocol.rules)
    try:
        if on_total is not None:
            on_total(games_of(name, venv, episodes))
        baseline = measure_baseline(name, venv, protocol, episodes, seed, on_game)
        action_name = None if baseline.action is None else action_names(configuration, venv)[baseline.action]
    finally:
        venv.close()
    seconds = round(time.monotonic() - began, 1)
    if file is not None and not _write(file, facts, baseline, action_name, seconds):
        file = None
    return MeasuredBaseline(baseline, action_name, seconds, file, was_kept=False)


def cache_folder() -> Path:
    """Where baselines are kept."""
    return user_cache("baselines")


def _facts(
    name: str, configuration: Configuration, protocol: Protocol, episodes: int, seed: int, n_envs: int
) -> dict[str, Any]:
    """All that the games depend on."""
    parameters = configuration.hyperparameters
    return {
        "format_version": FORMAT_VERSION,
        "baseline": name,
        "env": configuration.env.gym_id,
        "preprocessing": parameters.preprocessing,
        "preprocessing_kwargs": dict(parameters.preprocessing_kwargs),
        "env_kwargs": dict(parameters.env_kwargs),
        "protocol": {key: value for key, value in asdict(protocol).items() if key not in ("source", "pass_mark")},
        "episodes": episodes,
        "seed": seed,
        "n_envs": n_envs,
        "ale_py": metadata.version("ale-py"),
        "gymnasium": metadata.version("gymnasium"),
    }


def _file_for(facts: Mapping[str, Any], env: EnvId, name: str, protocol: Protocol) -> Path:
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    return cache_folder() / f"{env.folder_name}_{name}_{protocol.name}_{key}.json"


def _read(file: Path, facts: Mapping[str, Any]) -> tuple[Baseline, str | None, float] | None:
    """What the file says if it answers this very question; None otherwise, whatever is wrong with it."""
    try:
        content = json.loads(file.read_bytes())
        if content["facts"] != json.loads(json.dumps(facts)):
            return None
        baseline = _READER.validate_python(content["baseline"])
        if len(baseline.evaluation.scores) != facts["episodes"]:
            return None
        return baseline, content["action_name"], float(content["seconds"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ValidationError):
        return None


def _write(file: Path, facts: Mapping[str, Any], baseline: Baseline, action_name: str | None, seconds: float) -> bool:
    """False if it cannot be written, which is no reason to lose what was measured."""
    content = {"facts": facts, "baseline": asdict(baseline), "action_name": action_name, "seconds": seconds}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(content, indent=1) + "\n")
    except (OSError, UserError):
        return False
    return True
