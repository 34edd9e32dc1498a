"""What a score must be better than before anything was learned: random play, and the best action pressed for ever."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.evaluation.evaluate import Evaluation, evaluate
from dqn_zoo_ext.evaluation.protocols import Protocol

RANDOM, BEST_CONSTANT_ACTION = "random", "best-constant-action"
BASELINES = (RANDOM, BEST_CONSTANT_ACTION)

OnGame = Callable[[float, int], None]


@dataclass(frozen=True)
class Baseline:
    """What a baseline scored.

    action: the best constant action; None for random play. tried: each action's mean score in the games by which it was
    chosen, which are others than those of `evaluation`: the best of several means is too good a guess of itself.
    """

    name: str
    evaluation: Evaluation
    action: int | None = None
    tried: tuple[float, ...] = ()


class ConstantAction:
    """A policy that knows one action."""

    def __init__(self, action: int) -> None:
        self._action = action

    def predict(self, observation: Any, /, *, deterministic: bool) -> tuple[np.ndarray, Any]:
        """(n_envs,) times the action."""
        del deterministic
        return np.full(len(observation), self._action), None


def measure_baseline(
    name: str, venv: VecEnv, protocol: Protocol, episodes: int, seed: int, on_game: OnGame | None = None
) -> Baseline:
    """Play `episodes` games of a baseline by `protocol`; for the best constant action as many with each action before.

    random draws every action uniformly. A constant action is played as an agent is, with the epsilon of the protocol.
    The environments must have been made with `protocol.rules`. UserError for an unknown name.
    """
    if name == RANDOM:
        always_random = replace(protocol, epsilon=1.0)
        return Baseline(name, evaluate(ConstantAction(0), venv, always_random, episodes, seed, on_game))
    if name != BEST_CONSTANT_ACTION:
        raise UserError(f"unknown baseline '{name}'{nearest(name, BASELINES)}")
    trials = [
        evaluate(ConstantAction(action), venv, protocol, episodes, _seed_of_trials(seed), on_game)
        for action in range(n_actions(venv))
    ]
    tried = tuple(trial.mean for trial in trials)
    best = int(np.argmax(tried))
    return Baseline(name, evaluate(ConstantAction(best), venv, protocol, episodes, seed, on_game), best, tried)


def games_of(name: str, venv: VecEnv, episodes: int) -> int:
    """How many games ``measure_baseline`` will play."""
    return episodes if name == RANDOM else episodes * (n_actions(venv) + 1)


def n_actions(venv: VecEnv) -> int:
    """How many actions there are; UserError if they are not discrete."""
    if not isinstance(venv.action_space, Discrete):
        raise UserError(f"there is no best action among {venv.action_space}; only discrete ones are known here")
    return int(venv.action_space.n)


def _seed_of_trials(seed: int) -> int:
    """Neighbouring seeds share no games (``play.seed_of_games``)."""
    return seed + 1
