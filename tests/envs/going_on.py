"""Two vectors of environments that should go on alike: what is compared, and how."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv

Fingerprint = tuple[Any, ...]
"""All that one step returned but for the clock; observations as a digest."""


def fingerprint(step: tuple[Any, ...]) -> Fingerprint:
    obs, rewards, dones, infos = step
    return _digest(obs), rewards.tolist(), dones.tolist(), [_plain(info) for info in infos]


def go_on(venv: VecEnv, rows_of_actions: Iterable[npt.NDArray[np.int64]]) -> list[Fingerprint]:
    return [fingerprint(venv.step(actions)) for actions in rows_of_actions]


def equal_states(one: Any, other: Any) -> bool:
    """Plain data with arrays in it."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(equal_states(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return type(one) is type(other) and bool(one == other)


def leaves(state: Any) -> Iterable[Any]:
    if isinstance(state, dict):
        assert all(type(key) is str for key in state)
        for value in state.values():
            yield from leaves(value)
    elif isinstance(state, list):
        for value in state:
            yield from leaves(value)
    else:
        yield state


def _digest(array: npt.NDArray[Any]) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


def _plain(info: Mapping[str, Any]) -> dict[str, Any]:
    plain = dict(info)
    if "terminal_observation" in plain:
        plain["terminal_observation"] = _digest(plain["terminal_observation"])
    if "episode" in plain:
        plain["episode"] = {key: value for key, value in plain["episode"].items() if key != "t"}
    return plain
