import dataclasses
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from no_python_envs import NoPythonEnvs
from stable_baselines3 import DQN
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.evaluate import Evaluation, evaluate
from dqn_zoo_ext.evaluation.play import Player, seed_of_games
from dqn_zoo_ext.evaluation.protocols import Protocol, get

GREEDY = get("greedy")


def at(epsilon: float) -> Protocol:
    return dataclasses.replace(GREEDY, epsilon=epsilon)


@dataclasses.dataclass(frozen=True)
class Script:
    """What one environment does: games of `length` agent steps, worth first_score, first_score + 1, ... points."""

    length: int
    first_score: float
    lives: int = 1


class ScriptedVecEnv(NoPythonEnvs):
    """Environments with known scores, which note their actions. Rewards are clipped to 1, as in training; a life is
    lost every `length` agent steps, and the game is over with the last one.
    """

    def __init__(self, scripts: Sequence[Script], n_actions: int = 4, reports: bool = True) -> None:
        super().__init__(len(scripts), Box(0, 255, (1,), np.uint8), Discrete(n_actions))
        self.scripts = scripts
        self.reports = reports
        self.actions: list[np.ndarray] = []
        self._clock = np.zeros(len(scripts), dtype=int)
        self._games = np.zeros(len(scripts), dtype=int)

    def reset(self) -> np.ndarray:
        self._clock[:] = 0
        return np.zeros((self.num_envs, 1), np.uint8)

    def step_async(self, actions: np.ndarray) -> None:
        self.actions.append(actions.copy())

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        self._clock += 1
        dones = np.zeros(self.num_envs, dtype=bool)
        infos: list[dict[str, Any]] = [{} for _ in self.scripts]
        for index, script in enumerate(self.scripts):
            lost, rest = divmod(int(self._clock[index]), script.length)
            dones[index] = rest == 0
            infos[index]["lives"] = script.lives - lost
            if dones[index] and lost == script.lives:
                if self.reports:
                    score = script.first_score + self._games[index]
                    infos[index]["episode"] = {"r": score, "l": int(self._clock[index]), "t": 0.1}
                self._games[index] += 1
                self._clock[index] = 0
        return np.zeros((self.num_envs, 1), np.uint8), np.ones(self.num_envs, np.float32), dones, infos


class Always:
    """A policy that knows one action."""

    def __init__(self, action: int) -> None:
        self.action = action

    def predict(self, observation: Any, /, *, deterministic: bool) -> tuple[np.ndarray, Any]:
        assert deterministic
        return np.full(len(observation), self.action), None


def cart_poles(n_envs: int) -> DummyVecEnv:
    return DummyVecEnv([lambda: Monitor(gymnasium.make("CartPole-v1")) for _ in range(n_envs)])


@pytest.fixture(scope="module")
def model() -> DQN:
    return DQN("MlpPolicy", "CartPole-v1", buffer_size=1000, learning_starts=50, learning_rate=1e-3, seed=0).learn(1500)


@pytest.mark.parametrize(("n_envs", "episodes"), [(1, 7), (3, 9)])
def test_greedy_games_are_those_of_sb3s_evaluate_policy(model: DQN, n_envs: int, episodes: int) -> None:
    venv = cart_poles(n_envs)
    venv.seed(seed_of_games(5))
    scores, lengths = evaluate_policy(model, venv, episodes, deterministic=True, return_episode_rewards=True)
    ours = evaluate(model, cart_poles(n_envs), GREEDY, episodes, seed=5)
    assert list(ours.scores) == scores
    assert list(ours.lengths_in_agent_steps) == lengths
    assert len(set(ours.scores)) > 1
    assert ours.mean == np.mean(scores)
    assert ours.std == np.std(scores)


def test_neighbouring_seeds_share_no_games(model: DQN) -> None:
    """Given 5 and 6 themselves, environment 1 of the one and environment 0 of the other would begin alike."""
    first = [np.asarray(Player(model, cart_poles(4), 0.0, seed).observations) for seed in range(5, 13)]
    assert len(np.unique(np.concatenate(first), axis=0)) == 8 * 4


def test_seeds_of_games_are_far_apart_and_leave_room_for_the_environments() -> None:
    seeds = sorted(seed_of_games(seed) for seed in [*range(1000), 2**31 - 1, 2**63])
    assert seeds[0] >= 0
    assert seeds[-1] < 2**31 - 2**16
    assert min(np.diff(seeds)) > 64  # expected for 1002 of 2**31: about 2000


def test_the_same_seed_plays_the_same_games_and_another_does_not(model: DQN) -> None:
    venv = cart_poles(2)
    first, again, other = (evaluate(model, venv, at(0.3), 6, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.scores != other.scores


def test_each_environment_plays_its_share_however_short_its_games() -> None:
    """Ten games on three environments: 4, 3, 3. Whoever counted the first ten to end would take them all from the first
    environment, whose games take one step.
    """
    venv = ScriptedVecEnv([Script(1, 100), Script(5, 200), Script(40, 300)])
    heard: list[tuple[float, int]] = []
    done = evaluate(Always(0), venv, GREEDY, 10, on_game=lambda score, length: heard.append((score, length)))
    assert sorted(done.scores) == [100, 101, 102, 103, 200, 201, 202, 300, 301, 302]
    assert heard == list(zip(done.scores, done.lengths_in_agent_steps, strict=True))
    assert heard[:5] == [(100, 1), (101, 1), (102, 1), (103, 1), (200, 5)]
    assert len(venv.actions) == 120  # and not one step more than the slowest needs


def test_fewer_games_than_environments() -> None:
    done = evaluate(Always(0), ScriptedVecEnv([Script(9, 1), Script(1, 2), Script(1, 3)]), GREEDY, 2)
    assert done.scores == (2, 1)


def test_the_protocol_says_how_many_games_if_nobody_else_does() -> None:
    done = evaluate(Always(0), ScriptedVecEnv([Script(1, 0)]), get("course-unit3"))
    assert len(done.scores) == 10
    assert done.protocol == "course-unit3"


def test_a_score_is_the_raw_one_and_a_lost_life_ends_no_game() -> None:
    done = evaluate(Always(0), ScriptedVecEnv([Script(length=4, first_score=630, lives=3)]), GREEDY, 2)
    assert done.scores == (630, 631)
    assert done.lengths_in_agent_steps == (12, 12)


def test_mean_deviation_and_result_by_hand() -> None:
    done = Evaluation("greedy", 0, (10.0, 20.0, 60.0), (1, 2, 3))
    assert done.mean == 30
    assert done.std == pytest.approx((1400 / 3) ** 0.5, rel=1e-15)  # ((-20)^2 + (-10)^2 + 30^2) / 3, not / 2
    assert done.result == 30 - done.std
    assert done.as_dict() == {
        "mean": done.mean,
        "std": done.std,
        "result": done.result,
        "protocol": "greedy",
        "seed": 0,
        "episodes": [10.0, 20.0, 60.0],
        "lengths_in_agent_steps": [1, 2, 3],
    }


@pytest.mark.parametrize("reports_lives", [1, 3])
def test_an_environment_without_scores_is_one_line(reports_lives: int) -> None:
    venv = ScriptedVecEnv([Script(3, 0), Script(2, 0, lives=reports_lives)], reports=False)
    with pytest.raises(UserError, match=r"^environment \d ended a game without its score \(no 'episode' in its info\)"):
        evaluate(Always(0), venv, GREEDY, 2)


def test_a_real_environment_without_monitor_is_one_line(model: DQN) -> None:
    with pytest.raises(UserError, match="environment 0 ended a game without its score"):
        evaluate(model, DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]), GREEDY, 1)


def test_no_games_and_continuous_actions_are_refused(model: DQN) -> None:
    with pytest.raises(UserError, match="needs at least 1 episode, given 0"):
        evaluate(model, cart_poles(1), GREEDY, 0)
    with pytest.raises(UserError, match="only discrete ones"):
        evaluate(model, DummyVecEnv([lambda: Monitor(gymnasium.make("Pendulum-v1"))]), GREEDY, 1)


def actions_at(epsilon: float, n_envs: int, agent_steps: int, n_actions: int = 4) -> np.ndarray:
    """(agent_steps, n_envs) actions of a policy whose greedy action is 2."""
    venv = ScriptedVecEnv([Script(1000, 0)] * n_envs, n_actions)
    player = Player(Always(2), venv, epsilon, seed=7)
    for _ in range(agent_steps):
        player.step()
    return np.stack(venv.actions)


def test_epsilon_0_is_greedy_and_epsilon_1_uniform() -> None:
    assert (actions_at(0.0, 8, 500) == 2).all()
    counts = np.bincount(actions_at(1.0, 8, 5000).ravel(), minlength=4)
    # 40 000 draws of four actions: expected 10 000 each, standard deviation 87; 4.5 of them
    assert np.abs(counts - 10_000).max() < 390


def test_epsilon_is_the_share_of_random_actions() -> None:
    share = (actions_at(0.05, 8, 25_000) != 2).mean()
    # 200 000 draws at 0.05 * 3/4 = 0.0375: standard deviation 0.00042; 4.5 of them
    assert share == pytest.approx(0.0375, abs=0.0019)


def test_an_evaluation_plays_at_the_protocols_epsilon() -> None:
    venv = ScriptedVecEnv([Script(20_000, 0)])
    evaluate(Always(2), venv, get("nature-2015"), 1)
    assert (np.stack(venv.actions) != 2).mean() == pytest.approx(0.0375, abs=0.006)  # 4.5 standard deviations


def test_each_environment_throws_its_own_coin() -> None:
    """With one coin for all, two environments would explore together at a rate of 0.3 * (3/4)^2 = 0.17, not 0.05."""
    explored = actions_at(0.3, 4, 20_000) != 2
    alone = 0.3 * 0.75
    assert explored.mean(axis=0) == pytest.approx(np.full(4, alone), abs=0.0135)
    for one in range(4):
        for other in range(one):
            together = (explored[:, one] & explored[:, other]).mean()
            assert together == pytest.approx(alone**2, abs=0.007)  # 4.5 standard deviations


def test_actions_that_do_not_begin_at_zero_are_refused() -> None:
    venv = ScriptedVecEnv([Script(1000, 0)])
    venv.action_space = Discrete(3, start=5)
    with pytest.raises(
        UserError, match=r"^cannot play: the actions are Discrete\(3, start=5\), and only actions from 0"
    ):
        Player(Always(5), venv, 1.0, seed=0)
