"""The slow path: gymnasium environments, one Python object each, in SB3's vectors."""

import multiprocessing
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.spaces import Discrete
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from dqn_zoo_ext.envs.game_log import GameLog, GameMonitor
from dqn_zoo_ext.envs.replaying.replayable_env import ReplayableEnv
from dqn_zoo_ext.envs.request import EnvRequest
from dqn_zoo_ext.errors import UserError, first_line, nearest
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.process import modules_of_ours

GymEnv = gymnasium.Env[Any, Any]

_SECONDS_TO_LIVE = 30  # what schedulers grant at least between SIGTERM and SIGKILL

_PLAIN = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
"""The spaces that Stable-Baselines3 knows; of observations a Dict of them too."""

VECTORS: Mapping[str, type[DummyVecEnv | SubprocVecEnv]] = {"dummy": DummyVecEnv, "subproc": SubprocVecEnv}


def make_gym_env(gym_id: str, render_mode: str | None, env_kwargs: Mapping[str, Any]) -> GymEnv:
    """``gymnasium.make`` whose failures are one line: a missing dependency, an unknown argument, an unknown id, a space
    that Stable-Baselines3 does not know.

    An environment that knows no ``render_mode`` at all can be played, and not filmed.
    """
    given = {**env_kwargs, **({} if render_mode is None else {"render_mode": render_mode})}
    try:
        env = gymnasium.make(gym_id, **given)
    except (gymnasium.error.Error, ImportError) as error:
        raise UserError(f"environment '{gym_id}' cannot be made: {first_line(error)}") from error
    except (TypeError, ValueError, AssertionError, KeyError) as error:
        if not given:
            raise
        what = f"env_kwargs {dict(env_kwargs)}" if env_kwargs else f"render_mode '{render_mode}'"
        raise UserError(f"environment '{gym_id}' does not take {what}: {first_line(error)}") from error
    unknown = _unknown_space(env)
    if unknown is not None:
        env.close()
        raise UserError(f"environment '{gym_id}' cannot be used: {unknown}")
    return env


def _unknown_space(env: GymEnv) -> str | None:
    """Which space of the environment Stable-Baselines3 does not know, in words; None if it knows both."""
    names = ", ".join(each.__name__ for each in _PLAIN)
    seen = env.observation_space
    parts = list(seen.spaces.values()) if isinstance(seen, spaces.Dict) else [seen]
    if not parts or not all(isinstance(part, _PLAIN) for part in parts):
        return f"its observations must be one of {names}, or a Dict of such, not {one_line(str(seen))}"
    if not isinstance(env.action_space, _PLAIN):
        return f"its actions must be one of {names}, not {one_line(str(env.action_space))}"
    return None


def make_gym_vector(
    request: EnvRequest, env_kwargs: Mapping[str, Any], wrap: Callable[[GymEnv], GymEnv] | None = None
) -> VecEnv:
    """The environments of `request`, each with SB3's Monitor beneath `wrap`, our log of games above it.

    Where actions are discrete, the outermost wrapper is a ReplayableEnv, so that a run on them can be resumed exactly.
    """
    if request.vec_env not in VECTORS:
        raise UserError(f"unknown vec_env '{request.vec_env}'{nearest(request.vec_env, VECTORS)}")
    if request.vec_env == "subproc":  # what cannot be made must fail here, with its reason, not in a child process
        make_gym_env(request.env.gym_id, request.render_mode, env_kwargs).close()
        if "forkserver" in multiprocessing.get_all_start_methods():  # then it is Stable-Baselines3's choice
            multiprocessing.get_context("forkserver").set_forkserver_preload(["__main__", *modules_of_ours()])

    def maker_of(rank: int) -> Callable[[], GymEnv]:
        def make() -> GymEnv:
            if request.vec_env == "subproc":
                _leave_signals_to_the_parent()
            env = make_gym_env(request.env.gym_id, request.render_mode, env_kwargs)
            env.action_space.seed(request.seed + rank)
            monitor = Monitor(env)
            log = GameLog(monitor_path_of(request.monitor_path, rank), request.env.gym_id)
            logged = GameMonitor(wrap(monitor) if wrap else monitor, monitor, log)
            return ReplayableEnv(logged, log) if isinstance(env.action_space, Discrete) else logged

        return make

    venv = VECTORS[request.vec_env]([maker_of(rank) for rank in range(request.n_envs)])
    venv.seed(request.seed)
    return venv


def monitor_path_of(path: Path | None, rank: int) -> Path | None:
    """Where the environment number `rank` logs its games: ``0.monitor.csv``, beside it ``1.monitor.csv`` and so on."""
    if path is None or rank == 0:
        return path
    return path.with_name(f"{rank}.{path.name.removeprefix('0.')}")


def _leave_signals_to_the_parent() -> None:
    """Signals to a whole group of processes ask the training to end in order, for which it needs its environments.

    A process of an environment ends when its pipe is closed; after a SIGTERM it does so in any case, a while later.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(_SECONDS_TO_LIVE))
