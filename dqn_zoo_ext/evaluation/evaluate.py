"""Measure an agent by a protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.play import Game, Player, Policy
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.state import State

MOST_ENVS = 8
"""Games side by side, where nobody says how many: more emulators than cores gain little."""


@dataclass(frozen=True)
class Evaluation:
    """Games played by a protocol, in the order in which they ended. scores: raw, as the game counts them."""

    protocol: str
    seed: int
    scores: tuple[float, ...]
    lengths_in_agent_steps: tuple[int, ...]

    @property
    def mean(self) -> float:
        """Mean score."""
        return float(np.mean(self.scores))

    @property
    def std(self) -> float:
        """Standard deviation of the scores as a population (divided by n), as SB3 and the Hub count it."""
        return float(np.std(self.scores))

    @property
    def result(self) -> float:
        """Mean minus standard deviation: the number by which the course's leaderboard ranks."""
        return self.mean - self.std

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; ``episodes`` holds each game's raw score."""
        return {
            "mean": self.mean,
            "std": self.std,
            "result": self.result,
            "protocol": self.protocol,
            "seed": self.seed,
            "episodes": list(self.scores),
            "lengths_in_agent_steps": list(self.lengths_in_agent_steps),
        }


class EvaluationUnderWay:
    """Games being played by a protocol, step by step, from a reset with `seed`.

    Each environment plays a share fixed beforehand, so that games which end soon are not counted more often than
    others: episodes // n_envs, and one more in the first episodes % n_envs. The environments must have been made with
    `protocol.rules`. It can be saved between two steps and brought back exactly if ``can_resume(venv)`` is None.
    """

    def __init__(
        self, policy: Policy, venv: VecEnv, protocol: Protocol, episodes: int | None = None, seed: int = 0
    ) -> None:
        episodes = protocol.episodes if episodes is None else episodes
        if episodes < 1:
            raise UserError(f"an evaluation needs at least 1 episode, given {episodes}")
        self._protocol = protocol
        self._seed = seed
        self._missing = [episodes // venv.num_envs + (i < episodes % venv.num_envs) for i in range(venv.num_envs)]
        self._player = Player(policy, venv, protocol.epsilon, seed)
        self._scores: list[float] = []
        self._lengths: list[int] = []

    @property
    def games_played(self) -> int:
        """How many games that count have ended."""
        return len(self._scores)

    @property
    def is_over(self) -> bool:
        """Whether all games have been played."""
        return not any(self._missing)

    def step(self) -> list[Game]:
        """One agent step in every environment; the games that count and ended with it."""
        counted = []
        for game in self._player.step():
            if self._missing[game.env_index]:
                self._missing[game.env_index] -= 1
                self._scores.append(game.score)
                self._lengths.append(game.agent_steps)
                counted.append(game)
        return counted

    def result(self) -> Evaluation:
        """What has been played so far."""
        return Evaluation(self._protocol.name, self._seed, tuple(self._scores), tuple(self._lengths))

    def state(self) -> State:
        """Where it stands; ValueError if the environments cannot be brought back."""
        return {
            "missing": list(self._missing),
            "scores": list(self._scores),
            "lengths": list(self._lengths),
            "player": self._player.state(),
        }

    def load_state(self, state: State) -> None:
        """Go on from there. ValueError, one line, if it is the state of other games."""
        self._player.load_state(state["player"])
        self._missing = list(state["missing"])
        self._scores, self._lengths = list(state["scores"]), list(state["lengths"])


def evaluate(
    policy: Policy,
    venv: VecEnv,
    protocol: Protocol,
    episodes: int | None = None,
    seed: int = 0,
    on_game: Callable[[float, int], None] | None = None,
    before_step: Callable[[], None] | None = None,
) -> Evaluation:
    """Play `episodes` games (None: as many as the protocol says), as `EvaluationUnderWay` has them, to the end.

    on_game is called with the score and the agent steps of each game that counts, before_step before every vector step;
    it may raise.
    """
    under_way = EvaluationUnderWay(policy, venv, protocol, episodes, seed)
    while not under_way.is_over:
        if before_step is not None:
            before_step()
        for game in under_way.step():
            if on_game is not None:
                on_game(game.score, game.agent_steps)
    return under_way.result()
