"""Emulators that wait after a lost life, each for itself."""

from typing import Any

import numpy as np
import numpy.typing as npt
from ale_py.vector_env import AtariVectorEnv

NOOP = 0
"""The number of doing nothing, in every game."""

Mask = npt.NDArray[np.bool_]


class PatientEmulators:
    """Single consoles, each in an emulator of its own, as consoles of one vector cannot be stepped one by one.

    After a step in which a life was lost and the game goes on, that console does nothing for `waiting` steps more, all
    of which belong to the step: their rewards are added to its own, the screens between are not shown, and if the game
    ends meanwhile the step has ended it. Another life lost meanwhile is waited for no longer.

    emulators: of one console each, all alike, with stacks of one frame; they have a thread each, so that they work side
    by side.
    """

    def __init__(self, emulators: list[AtariVectorEnv], waiting: int) -> None:
        self._emulators = emulators
        self._waiting = waiting
        self._lives = np.zeros(len(emulators), dtype=np.int32)
        self.single_observation_space = emulators[0].single_observation_space
        self.single_action_space = emulators[0].single_action_space
        self.ale = emulators[0].ale

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """See VectorEmulators. seed: an array with one for each console that is reset; None for none."""
        which = np.ones(len(self._emulators), dtype=np.bool_) if options is None else options["reset_mask"]
        seeds = iter([] if seed is None else np.asarray(seed).tolist())
        found = []
        for emulator, begins in zip(self._emulators, which.tolist(), strict=True):
            of_one = np.array([next(seeds)]) if begins and seed is not None else None
            shown = None if begins else {"reset_mask": np.zeros(1, dtype=np.bool_)}
            found.append(emulator.reset(seed=of_one, options=shown))
        infos = _joined([infos for _, infos in found])
        self._lives = infos["lives"].copy()
        return np.concatenate([stacks for stacks, _ in found]), infos

    def send(self, actions: npt.NDArray[np.int64]) -> None:
        """See VectorEmulators."""
        for emulator, action in zip(self._emulators, actions, strict=True):
            emulator.send(np.array([action], dtype=np.int64))

    def recv(self) -> tuple[Any, ...]:
        """See VectorEmulators."""
        steps: list[list[Any]] = [list(emulator.recv()) for emulator in self._emulators]
        lives = np.array([step[4]["lives"][0] for step in steps])
        waiting = [i for i in range(len(steps)) if 0 < lives[i] < self._lives[i] and not _over(steps[i])]
        for _ in range(self._waiting):
            for i in waiting:
                self._emulators[i].send(np.array([NOOP]))
            for i in waiting:
                earned = steps[i][1]
                steps[i] = list(self._emulators[i].recv())
                steps[i][1] = steps[i][1] + earned
            waiting = [i for i in waiting if not _over(steps[i])]
        infos = _joined([step[4] for step in steps])
        self._lives = infos["lives"].copy()
        stacks, rewards, terminated, truncated = (np.concatenate([step[part] for step in steps]) for part in range(4))
        if (terminated | truncated).any():
            infos["final_obs"] = np.concatenate([step[4].get("final_obs", step[0]) for step in steps])
        return stacks, rewards, terminated, truncated, infos


def _over(step: list[Any]) -> bool:
    return bool(step[2][0] or step[3][0])


def _joined(infos: list[dict[str, Any]]) -> dict[str, Any]:
    """What every console says at every step, of all of them; ``final_obs`` it says where its game is over."""
    names = [name for name in infos[0] if name not in ("final_obs", "env_id")]
    return {name: np.concatenate([each[name] for each in infos]) for name in names}
