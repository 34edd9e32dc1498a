"""What is asked of a preprocessing: one environment, so many times, under these circumstances."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.envs.rules import EvaluationRules
from dqn_zoo_ext.keywords import Place, check_value, shown

_GYMNASIUMS_OWN: Mapping[str, str] = {
    "max_episode_steps": "how long a game lasts is part of the environment; register one of your own with that limit",
    "disable_env_checker": "gymnasium's checker is no part of a game; leave it out",
    "render_mode": "pictures are no part of a game; leave it out, and see the agent with enjoy or record_video",
}
"""Keywords that ``gymnasium.make`` takes beside an environment's own, and what to do instead."""


@dataclass(frozen=True, kw_only=True)
class EnvRequest:
    """The arguments of ``make_vec_env``, for the preprocessing that builds it. Meanings: see there.

    wants_raw_rewards: the rewards are asked for as the game gives them, because a configuration's `reward` is applied
    to what is built. A preprocessing that changes rewards of its own accord leaves that out then.
    """

    env: EnvId
    n_envs: int
    seed: int
    frame_stack: int
    env_kwargs: Mapping[str, Any]
    monitor_path: Path | None
    vec_env: str
    render_mode: str | None
    evaluation: EvaluationRules | None
    wants_raw_rewards: bool = False


class Preprocessing(Protocol):
    """What the registry holds under kind "preprocessing"; its constructor's keywords are its settings in YAML.

    One that knows which ``env_kwargs`` its environments take has, besides, a class method
    ``check_env_kwargs(given: Mapping[str, Any], place: Place) -> Mapping[str, Any]``: the configuration calls it, so
    that a mistake is found, with file and line, before any environment is made. Without it they are checked by
    ``of_the_environment``.
    """

    def build(self, request: EnvRequest) -> VecEnv:
        """The vectorised environment, seeded with ``request.seed`` for its first reset."""
        ...


def checked_env_kwargs(preprocessing: object, given: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
    """`given` as the registered preprocessing checks it; UserError with its place for what may not be said."""
    check = getattr(preprocessing, "check_env_kwargs", of_the_environment)
    found: Mapping[str, Any] = check(given, place)
    return found


def of_the_environment(given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """`given` if it is finite and all of it may be the environment's own; which names it takes shows when it is made.

    What is gymnasium's would change what a score means, under the name of a protocol, or open a window.
    """
    for name, instead in _GYMNASIUMS_OWN.items():
        if name in given:
            raise place.error(f"{place.dotted(name)}: {shown(given[name])} is refused: {instead}", name)
    return {name: check_value(name, Any, value, place) for name, value in given.items()}
