"""Random play and constant actions in a game whose scores are known."""

from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from no_python_envs import NoPythonEnvs

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.baselines import games_of, measure_baseline
from dqn_zoo_ext.evaluation.protocols import get

WORTH = (5.0, 80.0, 20.0)
LENGTH = 50


class Bandits(NoPythonEnvs):
    """Games of 50 agent steps, worth the mean of what the actions taken are worth, and a little chance by the seed."""

    def __init__(self, n_envs: int) -> None:
        super().__init__(n_envs, Box(0, 1, (1,)), Discrete(len(WORTH)))
        self.seeds: list[int | None] = []
        self._games: list[list[float]] = [[] for _ in range(n_envs)]

    def seed(self, seed: int | None = None) -> list[int | None]:
        self.seeds.append(seed)
        self._random = np.random.default_rng(seed)
        return [seed]

    def reset(self) -> np.ndarray:
        self._games = [[] for _ in range(self.num_envs)]
        return np.zeros((self.num_envs, 1))

    def step_async(self, actions: np.ndarray) -> None:
        for game, action in zip(self._games, actions, strict=True):
            game.append(WORTH[action])

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        dones = np.array([len(game) == LENGTH for game in self._games])
        infos: list[dict[str, Any]] = [{} for _ in self._games]
        for i in np.flatnonzero(dones):
            infos[i]["episode"] = {"r": float(np.mean(self._games[i])) + self._random.normal(0, 1), "l": LENGTH}
            self._games[i] = []
        return np.zeros((self.num_envs, 1)), np.zeros(self.num_envs), dones, infos


def test_random_draws_every_action_alike() -> None:
    found = measure_baseline("random", Bandits(4), get("greedy"), 40, seed=1)
    assert found.evaluation.mean == pytest.approx(35, abs=3.3)  # (5 + 80 + 20) / 3; 40 * 50 draws of deviation 32: 0.73
    assert (found.action, found.tried) == (None, ())
    assert found.evaluation.protocol == "greedy"


def test_the_best_constant_action_is_found_and_measured_anew() -> None:
    venv = Bandits(2)
    found = measure_baseline("best-constant-action", venv, get("greedy"), 10, seed=1)
    assert found.action == 1
    assert found.tried == pytest.approx(WORTH, abs=1.5)
    assert found.evaluation.mean == pytest.approx(80, abs=1.5)
    assert found.evaluation.mean != found.tried[1]
    assert venv.seeds[0] == venv.seeds[1] == venv.seeds[2] != venv.seeds[3]
    assert found == measure_baseline("best-constant-action", Bandits(2), get("greedy"), 10, seed=1)


def test_a_constant_action_is_played_at_the_protocols_epsilon() -> None:
    found = measure_baseline("best-constant-action", Bandits(4), get("nature-2015"), 40, seed=1)
    # 5 % of random actions: 0.95 * 80 + 0.05 * 35 = 77.75; 2000 draws: deviation 0.3, 40 games: 0.2
    assert found.evaluation.mean == pytest.approx(77.75, abs=1.4)


def test_games_are_counted_and_announced() -> None:
    heard: list[float] = []
    venv = Bandits(2)
    measure_baseline("best-constant-action", venv, get("greedy"), 6, 0, on_game=lambda score, _: heard.append(score))
    assert len(heard) == games_of("best-constant-action", venv, 6) == 24
    assert games_of("random", venv, 6) == 6


def test_what_cannot_be_measured() -> None:
    with pytest.raises(UserError, match="unknown baseline 'randon'; did you mean 'random'"):
        measure_baseline("randon", Bandits(1), get("greedy"), 1, 0)
    venv = Bandits(1)
    venv.action_space = Box(-1, 1, (1,))
    with pytest.raises(UserError, match="there is no best action among Box"):
        measure_baseline("best-constant-action", venv, get("greedy"), 1, 0)
