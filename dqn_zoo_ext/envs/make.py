"""From an id and settings to a vectorised environment, whatever the family."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.envs.request import EnvRequest, Preprocessing, checked_env_kwargs
from dqn_zoo_ext.envs.rewarded_vec_env import RewardedVecEnv
from dqn_zoo_ext.envs.rewards import StepName, steps_of, why_not_beside_clipping
from dqn_zoo_ext.envs.rules import EvaluationRules
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import Place, check_arguments
from dqn_zoo_ext.registry import preprocessings


def make_vec_env(
    env: EnvId,
    n_envs: int,
    seed: int,
    *,
    preprocessing: str,
    preprocessing_kwargs: Mapping[str, Any],
    frame_stack: int,
    env_kwargs: Mapping[str, Any],
    monitor_path: Path | None = None,
    vec_env: Literal["dummy", "subproc"] = "dummy",
    render_mode: str | None = None,
    evaluation: EvaluationRules | None = None,
    reward: Sequence[StepName] = (),
) -> VecEnv:
    """`n_envs` times `env`, as the agent is to see it, seeded for the first reset.

    preprocessing, preprocessing_kwargs: a registered name and its settings.
    frame_stack: observations that the agent sees at once.
    env_kwargs: the environment's own arguments; for Atari ``repeat_action_probability`` and ``full_action_space``.
    monitor_path: the csv file of the games played, ``.../0.monitor.csv``; on the slow path environment i writes
        ``i.monitor.csv`` beside it, on the fast path all write into the one.
    vec_env: how the slow path runs its environments; ``subproc``: a process each.
    evaluation: a protocol's rules; None in training.
    reward: what becomes of the rewards in training (``rewards``); none: they are as the preprocessing gives them.
    Infos carry Monitor's ``episode`` with the raw score and the length in agent steps. UserError, one line, for what
    cannot be made.
    """
    if n_envs < 1 or frame_stack < 1:
        raise UserError(f"n_envs and frame_stack must be at least 1, not {n_envs} and {frame_stack}")
    twice = why_not_beside_clipping(reward, preprocessing_kwargs)
    if twice is not None:
        raise UserError(f"preprocessing_kwargs.clip_reward: {twice}")
    steps = steps_of(reward) if evaluation is None else ()
    accepts = preprocessings.get(preprocessing)
    place = Place("preprocessing_kwargs")
    way: Preprocessing = accepts(
        **check_arguments(f"preprocessing '{preprocessing}'", accepts, preprocessing_kwargs, place)
    )
    venv = way.build(
        EnvRequest(
            env=env,
            n_envs=n_envs,
            seed=seed,
            frame_stack=frame_stack,
            env_kwargs=checked_env_kwargs(accepts, env_kwargs, Place("env_kwargs")),
            monitor_path=monitor_path,
            vec_env=vec_env,
            render_mode=render_mode,
            evaluation=evaluation,
            wants_raw_rewards=bool(steps),
        )
    )
    return RewardedVecEnv(venv, steps) if steps else venv
