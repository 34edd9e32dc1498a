"""The order of a vector step, and where its time goes."""

import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecNormalize

from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.learning.loop import works_in_background
from dqn_zoo_ext.learning.time_spent import TimeSpent

CART_POLE = [lambda: gym.make("CartPole-v1")]


class Recording(DummyVecEnv):
    """Environments that say when they are told to step, and when they are asked what came of it."""

    steps_in_background = True

    def __init__(self) -> None:
        super().__init__(CART_POLE * 2)
        self.events: list[str] = []

    def step_async(self, actions: Any) -> None:
        self.events.append("act")
        super().step_async(actions)

    def step_wait(self) -> Any:
        self.events.append("wait")
        return super().step_wait()


class Following(Recording):
    """The same, in the program's own thread."""

    steps_in_background = False


class Recorded(DQN):
    """Says when it learns, and when it stores."""

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        assert self.env is not None
        self.env.unwrapped.events.append(f"learn {gradient_steps}")  # type: ignore[attr-defined]
        super().train(gradient_steps, batch_size)

    def _store_transition(self, *arguments: Any) -> None:
        assert self.env is not None
        self.env.unwrapped.events.append("store")  # type: ignore[attr-defined]
        super()._store_transition(*arguments)


def events(venv: Recording, agent_steps: int) -> list[str]:
    model = Recorded("MlpPolicy", venv, learning_starts=2, batch_size=2, train_freq=4, gradient_steps=3, seed=0)
    model.learn(agent_steps)
    assert model._n_updates == 3 * sum(event.startswith("learn") for event in venv.events)
    return venv.events


def test_it_learns_while_the_environments_step() -> None:
    step = ["act", "wait", "store"]
    learning_step = ["act", "learn 3", "wait", "store"]
    # after 2 agent steps learning may begin: of 4 to 6, that make the first updates due, it learns amid step 4
    assert events(Recording(), 8) == [*step, *step, *step, *learning_step]
    assert events(Recording(), 10) == [*step, *step, *step, *learning_step, *step, "learn 3"]  # what is due at the end


def test_it_learns_after_the_step_where_nobody_works_meanwhile() -> None:
    step = ["act", "wait", "store"]
    assert events(Following(), 10) == [*step, *step, *step, "learn 3", *step, *step, "learn 3"]


def test_what_is_due_is_part_of_the_state_when_a_callback_looks() -> None:
    class Look(BaseCallback):
        due: list[int] = []  # noqa: RUF012

        def _on_rollout_start(self) -> None:
            assert isinstance(self.model, DQN)
            self.due.append(self.model.updates_due)

        def _on_step(self) -> bool:
            return True

    model = Recorded("MlpPolicy", Recording(), learning_starts=2, batch_size=2, train_freq=4, gradient_steps=3, seed=0)
    model.learn(10, callback=Look())
    assert Look.due == [0, 0, 0, 3, 0]


def test_an_error_amid_the_updates_leaves_no_step_half_done() -> None:
    class Failing(Recorded):
        def train(self, gradient_steps: int, batch_size: int = 100) -> None:
            super().train(gradient_steps, batch_size)
            raise FloatingPointError

    venv = Recording()
    model = Failing("MlpPolicy", venv, learning_starts=2, batch_size=2, train_freq=4, gradient_steps=3, seed=0)
    with pytest.raises(FloatingPointError):
        model.learn(20)
    assert venv.events.count("act") == venv.events.count("wait") == 4
    assert model.updates_due == 3
    with pytest.raises(FloatingPointError):
        model.learn(20)  # from the beginning: nothing is due by what was before
    assert venv.events[-3:] == ["act", "learn 3", "wait"]


def test_an_agent_that_is_loaded_has_nothing_due(tmp_path: Path) -> None:
    model = Recorded("MlpPolicy", Recording(), learning_starts=2, batch_size=2, train_freq=4, seed=0).learn(10)
    model.updates_due = 7
    model.save(tmp_path / "agent.zip")
    loaded = Recorded.load(tmp_path / "agent.zip", env=Recording())
    assert (loaded.updates_due, loaded.rows_stored) == (0, 0)
    loaded.learn(10)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: DummyVecEnv(CART_POLE), False),
        (lambda: VecNormalize(DummyVecEnv(CART_POLE)), False),
        (lambda: SubprocVecEnv(CART_POLE), True),
        (lambda: AleVecEnv("pong", 1), True),
    ],
)
def test_who_works_in_the_background(make: Any, expected: bool) -> None:
    venv: VecEnv = make()
    assert works_in_background(venv) is expected
    venv.close()


def test_all_of_the_time_is_spent_on_something() -> None:
    class Slow(BaseCallback):
        def _on_step(self) -> bool:
            time.sleep(0.01)
            return True

    model = DQN("MlpPolicy", make_vec_env("CartPole-v1", n_envs=2), learning_starts=20, seed=0)
    began = time.perf_counter()
    model.learn(100, callback=Slow())
    seconds = time.perf_counter() - began
    spent = model.seconds_spent()
    assert 0.8 * seconds < sum(spent.values()) <= seconds
    assert spent["callbacks"] >= 50 * 0.01
    assert spent.pop("evaluating") == 0
    assert all(spent.values())


def test_a_block_in_another_counts_for_itself_alone() -> None:
    spent = TimeSpent()
    with spent.on("callbacks"):
        time.sleep(0.01)
        with spent.on("evaluating"):
            time.sleep(0.05)
    assert spent.seconds["evaluating"] >= 0.05
    assert 0.01 <= spent.seconds["callbacks"] < 0.05


def test_shares_are_of_the_time_since_the_last_reading() -> None:
    spent = TimeSpent()
    assert spent.read_shares() == {}
    spent.seconds |= {"acting": 1.0, "learning": 3.0}
    shares = spent.read_shares()
    assert (shares["acting"], shares["learning"], shares["storing"]) == (0.25, 0.75, 0.0)
    spent.seconds["storing"] += 2.0
    assert spent.read_shares()["storing"] == 1.0


def test_it_counts_on_from_what_an_earlier_process_spent() -> None:
    spent = TimeSpent()
    spent.add({"acting": 5.0, "of another version": 1.0})
    assert spent.seconds["acting"] == 5.0
    assert set(spent.seconds) == {"acting", "learning", "emulating", "storing", "callbacks", "evaluating"}
    assert spent.read_shares() == {}
