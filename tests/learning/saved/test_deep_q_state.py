"""A model brought back in fresh environments learns on as the one that was never stopped: weights and log, to the bit.

The state goes through its files and into a model of another seed, after the process's own generators were used.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.algorithms import BTR, DQN, DoubleDQN
from dqn_zoo_ext.callbacks import StopAtScore
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.envs.make import make_vec_env
from dqn_zoo_ext.envs.replaying import vec_state
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.optim import DeepMindRMSprop
from dqn_zoo_ext.learning.saved import deep_q_state
from dqn_zoo_ext.learning.saved.stored_rows import Pieces, rows_of
from dqn_zoo_ext.learning.schedules import Linear
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.exact.state_file import copied, read_state, write_state

_WALL_CLOCK = ("time/fps", "time/time_elapsed", "time/share_")


class Lines(KVWriter):
    """Every line of the log, without the clock; as text, which tells 0.1 from the nearest float32."""

    def __init__(self) -> None:
        self.lines: list[dict[str, str]] = []

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        del key_excluded
        kept = {name: str(value) for name, value in key_values.items() if not name.startswith(_WALL_CLOCK)}
        self.lines.append(kept | {"step": str(step)})

    def close(self) -> None:
        """Nothing to close."""


class Snapshots(BaseCallback):
    """Takes the state between two vector steps, at the agent steps asked for."""

    def __init__(self, at: tuple[int, ...], stop_at_score: StopAtScore | None) -> None:
        super().__init__()
        self.at = at
        self.stop_at_score = stop_at_score
        self.taken: dict[int, tuple[State, int, dict[str, torch.Tensor]]] = {}
        self.lines_then: dict[int, int] = {}

    def _on_rollout_start(self) -> None:
        if self.num_timesteps in self.at:
            assert isinstance(self.model, DeepQ)
            assert self.model.env is not None
            rows = rows_of(self.model)
            assert rows is not None
            first = max(0, rows.rows_added - rows.rows)
            state = {
                "model": deep_q_state.state_of(self.model),
                "environments": vec_state.state_of(self.model.env),
                "replay": rows.rest(),
                "callback": self.stop_at_score.state() if self.stop_at_score else None,
            }
            pieces: Pieces = rows.pieces(first, rows.rows_added) if rows.rows_added > 0 else {}
            joined = {name: torch.cat(parts) for name, parts in pieces.items()}
            self.taken[self.num_timesteps] = (copied(state), first, joined)
            (output,) = self.logger.output_formats
            assert isinstance(output, Lines)
            self.lines_then[self.num_timesteps] = len(output.lines)

    def _on_step(self) -> bool:
        return True


def cart_pole(n_envs: int = 2) -> VecEnv:
    none: dict[str, Any] = {}
    return make_vec_env(
        resolve("CartPole-v1"),
        n_envs,
        1,
        preprocessing="none",
        preprocessing_kwargs=none,
        frame_stack=1,
        env_kwargs=none,
    )


def pong(preprocessing: str = "atari", **settings: Any) -> VecEnv:
    none: dict[str, Any] = {}
    short = {"max_frames_per_game": 200, **settings} if preprocessing == "atari" else none
    return make_vec_env(
        resolve("PongNoFrameskip-v4"),
        2,
        1,
        preprocessing=preprocessing,
        preprocessing_kwargs=short,
        frame_stack=4,
        env_kwargs=none,
    )


@dataclass(frozen=True)
class Case:
    """algorithm: on what `venv` makes, with `arguments` over those that all have. score: to stop at."""

    algorithm: type[DeepQ]
    venv: Callable[[], VecEnv]
    agent_steps: int
    at: tuple[int, ...]
    arguments: dict[str, Any] = field(default_factory=dict)
    score: float | None = None
    policy: str = "MlpPolicy"

    def build(self, seed: int) -> tuple[DeepQ, StopAtScore | None, Lines]:
        kwargs = {"torso": "nips"} if self.policy == "CnnPolicy" else {"net_arch": [16]}
        arguments: dict[str, Any] = {
            "learning_starts": 60,
            "batch_size": 8,
            "buffer_size": 200,
            "train_freq": 3,  # with two environments there is a transition left over after every other vector step
            "gradient_steps": 1,
            "target_update_interval": 70,
            "policy_kwargs": kwargs,
            **self.arguments,
        }
        arguments["policy_kwargs"] = {**kwargs, **arguments["policy_kwargs"]}
        model, lines = self.algorithm(self.policy, self.venv(), seed=seed, **arguments), Lines()
        model.set_logger(Logger(None, [lines]))
        return model, StopAtScore(self.score, games=5) if self.score is not None else None, lines


_SB3 = {"replay_buffer_class": "sb3"}
CASES = {
    "frame ring on Atari": Case(
        DoubleDQN,
        pong,
        agent_steps=340,
        at=(0, 62, 300),
        arguments={
            "replay_buffer_class": "frame_ring",
            "policy_kwargs": {"optimizer_class": DeepMindRMSprop},
            "exploration": Linear(1.0, 0.1, agent_steps=300),
            "exploration_begins": "learning_starts",
            "n_steps": 3,
        },
        policy="CnnPolicy",
    ),
    "SB3's Atari wrappers and buffer": Case(
        DQN, lambda: pong("sb3_atari"), 180, (62, 150), {**_SB3, "buffer_size": 120}, policy="CnnPolicy"
    ),
    "n-step in SB3's buffer": Case(DQN, cart_pole, 600, (0, 58, 60, 198, 402, 598), {**_SB3, "n_steps": 3}),
    "exploration begins late": Case(
        DoubleDQN,
        cart_pole,
        agent_steps=600,
        at=(0, 100, 300, 302),
        arguments={
            **_SB3,
            "exploration": Linear(1.0, 0.02, fraction=0.5),
            "exploration_begins": "learning_starts",
            "learning_starts": 100,
            "target_update_unit": "updates",
            "target_update_interval": 7,
            "learning_rate": Linear(1e-2, 1e-4, fraction=1.0),
            "tau": 0.7,
        },
    ),
    "ring on CartPole, all transitions learned from": Case(
        DQN, cart_pole, 500, (0, 64, 204, 498), {"replay_buffer_class": "frame_ring", "gradient_steps": -1}
    ),
    "priorities on Atari, through wraps": Case(
        DoubleDQN,
        pong,
        agent_steps=340,
        at=(0, 62, 300),
        arguments={"replay_buffer_class": "prioritized_ring", "buffer_size": 120, "n_steps": 3},
        policy="CnnPolicy",
    ),
    "every second pixel, first frames repeated": Case(
        DoubleDQN,
        lambda: pong(subsample=2, colour="mean", screen_size=None, stack_start="repeat", end_frame="blank"),
        agent_steps=220,
        at=(0, 62, 180),
        arguments={"replay_buffer_class": "frame_ring", "buffer_size": 120, "n_steps": 3},
        policy="CnnPolicy",
    ),
    "in colour, with priorities": Case(
        DQN,
        lambda: pong(colour="rgb", screen_size=[40, 50], stack_start="repeat", skip_after_life_loss=8),
        agent_steps=220,
        at=(62, 180),
        arguments={"replay_buffer_class": "prioritized_ring", "buffer_size": 120},
        policy="CnnPolicy",
    ),
    "ranks on CartPole": Case(
        DQN,
        cart_pole,
        agent_steps=600,
        at=(0, 58, 62, 198, 402, 598),
        arguments={
            "replay_buffer_class": "prioritized_ring",
            "replay_buffer_kwargs": {"law": "rank", "updates_per_sorting": 10, "beta": 0.5},
        },
    ),
    "one environment": Case(DQN, lambda: cart_pole(1), 400, (0, 61, 201, 399), {**_SB3, "learning_starts": 61}),
    "singular vectors in buffers": Case(
        BTR,
        lambda: pong(screen_size=36),
        agent_steps=140,
        at=(100,),
        arguments={
            "replay_buffer_class": "frame_ring",
            "policy_kwargs": {"torso": "impala", "torso_kwargs": {"normalization": "spectral", "pooling": 2}},
        },
        policy="CnnPolicy",
    ),
    "stops at a score": Case(DQN, cart_pole, 3000, (0, 126), _SB3, score=22.0),
}


def weights(model: DeepQ) -> dict[str, bytes]:
    tensors = dict(model.policy.state_dict())
    for index, state in model.policy.optimizer.state_dict()["state"].items():
        tensors |= {f"{index}.{name}": value for name, value in state.items()}
    return {name: value.numpy().tobytes() for name, value in tensors.items()}


SLOW = ("every second pixel, first frames repeated", "in colour, with priorities")  # others on Atari show most of it


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in CASES])
def test_it_goes_on_as_the_one_that_was_never_stopped(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    model, stop, lines = case.build(seed=1)
    snapshots = Snapshots(case.at, stop)
    model.learn(case.agent_steps, callback=[snapshots, *([stop] if stop else [])], log_interval=1)
    assert snapshots.taken.keys() == set(case.at)
    assert model._n_updates > 20
    if stop is not None:
        assert max(case.at) < model.num_timesteps < case.agent_steps
    for agent_steps, (state, first, rows) in snapshots.taken.items():
        folder = tmp_path / str(agent_steps)
        folder.mkdir()
        write_state(state, folder)
        resumed, resumed_stop, resumed_lines = case.build(seed=99)
        _disturb()
        _restore(resumed, resumed_stop, read_state(folder), first, rows)
        resumed.learn(case.agent_steps, callback=resumed_stop, log_interval=1)
        then = snapshots.lines_then[agent_steps]
        assert resumed_lines.lines == lines.lines[then:], agent_steps
        assert weights(resumed) == weights(model), agent_steps
        for counter in deep_q_state._COUNTERS:
            assert getattr(resumed, counter) == getattr(model, counter), (agent_steps, counter)


def _restore(model: DeepQ, stop: StopAtScore | None, state: State, first: int, arrays: dict[str, torch.Tensor]) -> None:
    rows = rows_of(model)
    assert rows is not None
    assert model.env is not None
    deep_q_state.restore(model, state["model"])
    if arrays:
        rows.load_rows(first, arrays)
    rows.load_rest(state["replay"])
    if stop is not None:
        stop.load_state(state["callback"])
    vec_state.restore(model.env, state["environments"])
    deep_q_state.restore_random_state(model, state["model"])


def _disturb() -> None:
    """Another process stands elsewhere in its random numbers."""
    random.seed(1234)
    np.random.seed(1234)  # noqa: NPY002
    torch.manual_seed(1234)


def test_the_state_is_taken_without_changing_the_run() -> None:
    case = CASES["n-step in SB3's buffer"]
    trained = []
    for at in ((), case.at):
        model, _, lines = case.build(seed=1)
        model.learn(case.agent_steps, callback=Snapshots(at, None), log_interval=1)
        trained.append((weights(model), lines.lines))
    assert trained[0] == trained[1]


def test_the_state_of_other_networks_is_refused() -> None:
    case = CASES["n-step in SB3's buffer"]
    model, _, _ = case.build(seed=1)
    snapshots = Snapshots((100,), None)
    model.learn(102, callback=snapshots)
    state = snapshots.taken[100][0]["model"]
    wider, _, _ = Case(DQN, cart_pole, 0, (), {**_SB3, "policy_kwargs": {"net_arch": [32]}}).build(seed=1)
    with pytest.raises(RuntimeError, match="size mismatch"):
        deep_q_state.restore(wider, state)
    del state["policy"]
    with pytest.raises(KeyError):
        deep_q_state.restore(model, state)


def test_threads_are_those_of_the_run() -> None:
    """Sums over another number of threads are other bytes."""
    case, threads = CASES["one environment"], torch.get_num_threads()
    model, _, _ = case.build(seed=1)
    model._setup_learn(10)
    state = copied(deep_q_state.state_of(model))
    try:
        torch.set_num_threads(threads + 1)
        deep_q_state.restore(model, state)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(threads)
