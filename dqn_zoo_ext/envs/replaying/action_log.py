"""What environments were told since their last seeded reset: told it again, they are in the same state again."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dqn_zoo_ext.state import State

RESEED_AFTER = 50_000
"""Agent steps of one environment, after which it is seeded anew at the next end of a game.

So the log and the time to replay it stay bounded. A seeded reset of a console takes as long as some 250 agent steps.
"""

Mask = npt.NDArray[np.bool_]
Seeds = npt.NDArray[np.int64]


class Moment(NamedTuple):
    """One step of a replay: environments `which` are reset with `seeds`, one each; then all of them take `actions`.

    actions: (n_envs,) int64; None after the last step.
    """

    which: Mask
    seeds: Seeds
    actions: npt.NDArray[np.int64] | None


def nth_seed(first_seed: int, environment: int, count: int) -> int:
    """The seed of an environment's reset, when it has been seeded `count` times; 0 to 2**31 - 2.

    It does not depend on how many environments there are.
    """
    spawn_key = (environment, count) if count else (environment,)
    return int(np.random.SeedSequence(first_seed, spawn_key=spawn_key).generate_state(1)[0]) % (2**31 - 1)


class ActionLog:
    """Seeds and actions of `n_envs` environments that are stepped together; actions are 0 to `n_actions` - 1.

    One row of actions for each step of them all, one byte an action (more only beyond 256 actions). Rows from before
    the oldest seed are dropped.
    """

    def __init__(self, n_envs: int, n_actions: int) -> None:
        self._n_actions = n_actions
        self._first_seed = 0
        self._counts = np.zeros(n_envs, dtype=np.int64)
        self._seeds = np.zeros(n_envs, dtype=np.int64)
        self._begun = np.zeros(n_envs, dtype=np.int64)
        """The row from which on the actions follow the environment's last seed."""
        self._rows = np.empty((1024, n_envs), dtype=np.min_scalar_type(n_actions - 1))
        self._used = 0

    def restart(self, first_seed: int) -> None:
        """Let the next seeds be those of `first_seed`. For the environments nothing begins before ``begin``."""
        self._first_seed = int(first_seed)
        self._counts[:] = 0

    def next_seeds(self, which: Mask) -> Seeds:
        """The seeds that are next for environments `which`: ``nth_seed`` of the seed they were restarted with."""
        seeds = [nth_seed(self._first_seed, i, int(self._counts[i])) for i in np.flatnonzero(which).tolist()]
        return np.array(seeds, dtype=np.int64)

    def begin(self, which: Mask, seeds: Seeds) -> None:
        """Note that environments `which` are reset with `seeds`, one each, before the next step."""
        self._seeds[which] = seeds
        self._counts[which] += 1
        self._begun[which] = self._used
        oldest = int(self._begun.min())
        if oldest:
            self._rows[: self._used - oldest] = self._rows[oldest : self._used]
            self._used -= oldest
            self._begun -= oldest

    def append(self, actions: npt.NDArray[Any]) -> None:
        """Note a step. actions: (n_envs,) integers in range."""
        if self._used == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[self._used] = actions
        self._used += 1

    def agent_steps(self) -> npt.NDArray[np.int64]:
        """(n_envs,) how many steps each environment has taken since its last seed."""
        return self._used - self._begun

    def moments(self) -> Iterator[Moment]:
        """What is to be done, step by step, to bring new environments where these are.

        One that was seeded later than the oldest plays along before that, and is reset at its moment.
        """
        which = np.ones(len(self._seeds), dtype=np.bool_)
        for row in range(self._used):
            yield Moment(which, self._seeds[which], self._rows[row].astype(np.int64))
            which = self._begun == row + 1
        yield Moment(which, self._seeds[which], None)

    def state(self) -> State:
        """The whole log; `n_envs` bytes for each row, and no array is shared."""
        return {
            "first_seed": self._first_seed,
            "counts": self._counts.tolist(),
            "seeds": self._seeds.tolist(),
            "begun": self._begun.tolist(),
            "actions": self._rows[: self._used].copy(),
        }

    @staticmethod
    def agent_steps_to_replay(state: State) -> int:
        """How many agent steps ``moments`` takes to replay this state, of all environments together."""
        return int(np.asarray(state["actions"]).size)

    def load_state(self, state: State) -> None:
        """Take over the log whose `state` it was. ValueError if it is of other environments."""
        rows, begun = np.asarray(state["actions"]), np.array(state["begun"], dtype=np.int64)
        if rows.shape[1:] != (len(self._seeds),) or begun.shape != self._begun.shape:
            raise ValueError(
                f"the saved actions are those of {rows.shape[-1]} environments; here are {len(self._seeds)}"
            )
        if rows.size and int(rows.max()) >= self._n_actions:  # an emulator would wait for ever on such an action
            raise ValueError(f"a saved action is {rows.max()}; here they are 0 to {self._n_actions - 1}")
        self._first_seed = int(state["first_seed"])
        self._counts = np.array(state["counts"], dtype=np.int64)
        self._seeds = np.array(state["seeds"], dtype=np.int64)
        self._begun = begun
        self._used = len(rows)
        self._rows = np.empty((max(1024, self._used), rows.shape[1]), dtype=self._rows.dtype)
        self._rows[: self._used] = rows
