"""Consoles that can be brought back: the emulators, and a log of all that they were told."""

import hashlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete

from dqn_zoo_ext.envs.emulators.build import make_emulators
from dqn_zoo_ext.envs.emulators.colour_twin import ColourTwin
from dqn_zoo_ext.envs.replaying.action_log import ActionLog, Mask, Seeds
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.state import State

Stacks = npt.NDArray[np.uint8]


class Received(NamedTuple):
    """One step of all consoles. Where a game is over, `stacks` and `lives` are already those of the next one.

    final_stacks: the last stacks of the games that are over; other rows hold anything. None if none is over.
    """

    stacks: Stacks
    rewards: npt.NDArray[np.int32]
    terminated: Mask
    truncated: Mask
    lives: npt.NDArray[np.int32]
    final_stacks: Stacks | None


class Consoles:
    """`n_envs` consoles with one game in them, and if given their twins in colour.

    Every reset is seeded, and a console whose game is over after `reseed_after` agent steps or more since its last
    seed gets a new one. So seeds and actions since then are its whole state; pixels and memory need no saving.
    """

    def __init__(
        self,
        game: str,
        n_envs: int,
        rules: AtariRules,
        *,
        frame_stack: int,
        num_threads: int,
        reseed_after: int,
        twin: ColourTwin | None = None,
    ) -> None:
        self.emulators = make_emulators(game, n_envs, rules, frame_stack=frame_stack, num_threads=num_threads)
        self.twin = twin
        self._all: Mask = np.ones(n_envs, dtype=np.bool_)
        self._reseed_after = reseed_after
        self._log = ActionLog(n_envs, self.n_actions)

    @property
    def observation_space(self) -> Box:
        """One console's stack of frames."""
        space = self.emulators.single_observation_space
        assert isinstance(space, Box)
        return space

    @property
    def n_actions(self) -> int:
        """How many actions the game has."""
        space = self.emulators.single_action_space
        assert isinstance(space, Discrete)
        return int(space.n)

    def action_meanings(self) -> list[str]:
        """The names of the actions, in the order of their numbers."""
        return [action.name for action in self.emulators.ale.get_action_set()]

    def restart_seeds(self, first_seed: int) -> None:
        """From the next reset on, seeds are those of `first_seed`."""
        self._log.restart(first_seed)

    def reset(self) -> tuple[Stacks, npt.NDArray[np.int32]]:
        """Load all ROMs anew, with the next seeds: stacks and lives. It takes 0.1 s a console."""
        return self._begin(self._all)

    def send(self, actions: npt.NDArray[np.int64]) -> None:
        """Begin a step. actions: (n_envs,), in range: on others the emulator waits for ever."""
        self._send(actions)
        self._log.append(actions)

    def recv(self) -> Received:
        """Finish the step, and seed anew the consoles that are due."""
        stacks, rewards, terminated, truncated, infos = self._recv()
        lives = infos["lives"]
        over = terminated | truncated
        if over.any():
            due = over & (self._log.agent_steps() >= self._reseed_after)
            if due.any():
                fresh_stacks, fresh_lives = self._begin(due)
                stacks[due] = fresh_stacks[due]
                lives[due] = fresh_lives[due]
        return Received(stacks, rewards, terminated, truncated, lives, infos.get("final_obs"))

    def state(self) -> State:
        """The log, and a digest of what the consoles show. Between steps only."""
        return {"log": self._log.state(), "digest": self._digest()}

    def load_state(self, state: State) -> None:
        """Replay the log. ValueError if the consoles do not show what they showed when the state was saved."""
        self._log.load_state(state["log"])
        for which, seeds, actions in self._log.moments():
            if which.any():
                self._reset(which, seeds)
            if actions is not None:
                self._send(actions)
                self._recv()
        if self._digest() != state["digest"]:
            raise ValueError(
                "after the replay of all actions the consoles do not show what they showed when the state was saved; "
                "it was saved with another version of ale-py or another ROM, or it has been changed since"
            )

    def _begin(self, which: Mask) -> tuple[Stacks, npt.NDArray[np.int32]]:
        seeds = self._log.next_seeds(which)
        self._log.begin(which, seeds)
        return self._reset(which, seeds)

    def _reset(self, which: Mask, seeds: Seeds) -> tuple[Stacks, npt.NDArray[np.int32]]:
        # the emulators accept a mask only after a first reset of them all
        options = None if which.all() else {"reset_mask": which}
        stacks, infos = self.emulators.reset(seed=seeds, options=options)
        if self.twin is not None:
            self.twin.reset(seeds, options)
        return stacks, infos["lives"]

    def _send(self, actions: npt.NDArray[np.int64]) -> None:
        self.emulators.send(actions)
        if self.twin is not None:
            self.twin.send(actions)

    def _recv(self) -> tuple[Any, ...]:
        received = self.emulators.recv()
        if self.twin is not None:
            self.twin.recv()
        return received

    def _digest(self) -> str:
        stacks, infos = self.emulators.reset(options={"reset_mask": ~self._all})  # resets none, and shows them all
        digest = hashlib.sha256(stacks.tobytes())
        for name in ("lives", "frame_number", "episode_frame_number"):
            digest.update(infos[name].tobytes())
        return digest.hexdigest()
