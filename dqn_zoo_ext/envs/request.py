"""What is asked of a preprocessing: one environment, so many times, under these circumstances."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.envs.rules import EvaluationRules


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
    that a mistake is found, with file and line, before any environment is made.
    """

    def build(self, request: EnvRequest) -> VecEnv:
        """The vectorised environment, seeded with ``request.seed`` for its first reset."""
        ...
