"""A gymnasium environment that can be brought back where it was, by replaying what it was told."""

import hashlib
from collections.abc import Mapping
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium.core import ObsType
from gymnasium.spaces import Discrete

from dqn_zoo_ext.envs.game_log import GameLog, GameMonitor
from dqn_zoo_ext.envs.replaying.action_log import RESEED_AFTER, ActionLog
from dqn_zoo_ext.state import State

ONE = np.ones(1, dtype=np.bool_)
"""The mask of the one environment in the log."""


class ReplayableEnv(gymnasium.Wrapper[ObsType, np.int64, ObsType, np.int64]):
    """The outermost wrapper of one environment in a vector: keeps its seed and the actions since.

    It draws a seed for a first reset without one, and passes a new seed to the first reset after a whole game (not
    merely a life) and `reseed_after` agent steps or more since the last seed. Resets by hand in the middle of a game
    are part of the log: what they do depends on the wrappers (SB3's EpisodicLifeEnv goes on with the game).

    Its methods are not named ``state``: CartPole has an attribute of that name. Not replayed: ``options`` of a reset,
    attributes set from outside, an environment that draws random numbers of its own. Such a one is found out by what
    it shows after the replay.

    env: with discrete actions. games: the log that `env` writes its games to.
    """

    def __init__(
        self, env: GameMonitor[ObsType, np.int64], games: GameLog, *, reseed_after: int = RESEED_AFTER
    ) -> None:
        super().__init__(env)
        assert isinstance(env.action_space, Discrete)
        self._name = str(env.spec.id if env.spec is not None else env.unwrapped)
        self._first_action = int(env.action_space.start)
        self._log = ActionLog(1, int(env.action_space.n))
        self._games = games
        self._reseed_after = reseed_after
        self._is_reset = False
        self._episode_ended = self._game_ended = False
        self._score = 0.0
        self._shown: Any = None
        self._resets_by_hand: list[tuple[int, int | None]] = []
        """Agent steps since the last seed, and the seed that was given, if one was."""

    def step(self, action: np.int64) -> tuple[ObsType, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step, and note the action."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._log.append(np.array([int(action) - self._first_action]))
        self._shown = obs
        self._score += float(reward)
        self._episode_ended = terminated or truncated
        self._game_ended = self._episode_ended and "episode" in info
        return obs, reward, terminated, truncated, info

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObsType, dict[str, Any]]:
        """Reset, with a seed of its own where none is given and one is due."""
        begins_game = self._game_ended or not self._is_reset
        if begins_game:
            seed = self._seed_of_game(seed)
        elif seed is not None or not self._episode_ended:
            self._resets_by_hand.append((int(self._log.agent_steps()[0]), seed))
        obs, info = self.env.reset(seed=seed, options=options)
        self._is_reset = True
        self._episode_ended = self._game_ended = False
        self._shown = obs
        return obs, info

    def replay_state(self) -> State:
        """Seed, actions since, and a digest of what the environment shows. RuntimeError before the first reset."""
        if not self._is_reset:
            raise RuntimeError("replay_state() needs a reset() before it")
        return {
            "environment": self._name,
            "log": self._log.state(),
            "resets_by_hand": {
                "agent_steps": [agent_steps for agent_steps, _ in self._resets_by_hand],
                "seeds": [seed for _, seed in self._resets_by_hand],
            },
            "score": self._score,
            "games": self._games.state(),
            "digest": _digest(self._shown),
        }

    def load_replay_state(self, state: State) -> str | None:
        """Replay what `state` tells, in a new environment. None, or why the environment did not come back.

        It raises nothing: in SB3's SubprocVecEnv an exception would end the process and lose its reason.
        """
        try:
            if state["environment"] != self._name:
                raise ValueError(f"the saved state is of '{state['environment']}', not of '{self._name}'")
            self._log.load_state(state["log"])
            by_hand = state["resets_by_hand"]
            self._resets_by_hand = list(zip(by_hand["agent_steps"], by_hand["seeds"], strict=True))
            with self._games.silent():
                self._replay()
            if _digest(self._shown) != state["digest"] or self._score != state["score"]:
                raise ValueError(
                    f"'{self._name}' does not show what it showed when the state was saved: it is not deterministic, "
                    "or it is another version of it, or the state has been changed since"
                )
            self._games.load_state(state["games"])
        except ValueError as error:
            return str(error)
        return None

    def _seed_of_game(self, given: int | None) -> int | None:
        """The seed for a new game; None if it goes on with the random numbers of the last one."""
        due = not self._is_reset or self._log.agent_steps()[0] >= self._reseed_after
        if given is None and not due:
            return None
        if given is None and self._is_reset:
            seeds = self._log.next_seeds(ONE)
        else:
            given = int(np.random.SeedSequence().generate_state(1)[0]) % (2**31 - 1) if given is None else given
            self._log.restart(given)
            seeds = np.array([given], dtype=np.int64)
        self._log.begin(ONE, seeds)
        self._resets_by_hand = []
        self._score = 0.0
        return int(seeds[0])

    def _replay(self) -> None:
        """What SB3's vectors did: the seeded reset, the actions, a reset wherever an episode ended."""
        self._score = 0.0
        for agent_steps, (_, seeds, actions) in enumerate(self._log.moments()):
            if agent_steps == 0:
                self._shown, _ = self.env.reset(seed=int(seeds[0]))
            for _, seed in (by_hand for by_hand in self._resets_by_hand if by_hand[0] == agent_steps):
                self._shown, _ = self.env.reset(seed=seed)
            if actions is not None:
                self._shown, reward, terminated, truncated, _ = self.env.step(actions[0] + self._first_action)
                self._score += float(reward)
                if terminated or truncated:
                    self._shown, _ = self.env.reset()
        self._is_reset = True
        self._episode_ended = self._game_ended = False


def _digest(observation: Any) -> str:
    digest = hashlib.sha256()
    _feed(digest, observation)
    return digest.hexdigest()


def _feed(digest: "hashlib._Hash", observation: Any) -> None:
    if isinstance(observation, Mapping):
        for key in sorted(observation):
            digest.update(str(key).encode())
            _feed(digest, observation[key])
    elif isinstance(observation, tuple):
        for part in observation:
            _feed(digest, part)
    else:
        array = np.asarray(observation)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
