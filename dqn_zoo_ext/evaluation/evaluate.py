"""Measure an agent by a protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.play import Player, Policy
from dqn_zoo_ext.evaluation.protocols import Protocol


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


def evaluate(
    policy: Policy,
    venv: VecEnv,
    protocol: Protocol,
    episodes: int | None = None,
    seed: int = 0,
    on_game: Callable[[float, int], None] | None = None,
    before_step: Callable[[], None] | None = None,
) -> Evaluation:
    """Play `episodes` games (None: as many as the protocol says) from a reset with `seed`.

    Each environment plays a share fixed beforehand, so that games which end soon are not counted more often than
    others: episodes // n_envs, and one more in the first episodes % n_envs. on_game is called with the score and the
    agent steps of each game that counts, before_step before every vector step; it may raise. The environments must have
    been made with `protocol.rules`.
    """
    episodes = protocol.episodes if episodes is None else episodes
    if episodes < 1:
        raise UserError(f"an evaluation needs at least 1 episode, given {episodes}")
    missing = [episodes // venv.num_envs + (index < episodes % venv.num_envs) for index in range(venv.num_envs)]
    player = Player(policy, venv, protocol.epsilon, seed)
    scores: list[float] = []
    lengths: list[int] = []
    while any(missing):
        if before_step is not None:
            before_step()
        for game in player.step():
            if missing[game.env_index]:
                missing[game.env_index] -= 1
                scores.append(game.score)
                lengths.append(game.agent_steps)
                if on_game is not None:
                    on_game(game.score, game.agent_steps)
    return Evaluation(protocol.name, seed, tuple(scores), tuple(lengths))
