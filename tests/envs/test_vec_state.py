"""Vectors of gymnasium environments brought back where they were, through their wrappers."""

import contextlib
import copy
import csv
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from going_on import equal_states, fingerprint, go_on, leaves
from gymnasium.envs.registration import EnvSpec
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecFrameStack, VecMonitor, VecNormalize

from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.envs.make import make_vec_env
from dqn_zoo_ext.envs.replaying.action_log import nth_seed
from dqn_zoo_ext.envs.replaying.replayable_env import ReplayableEnv
from dqn_zoo_ext.envs.replaying.vec_state import agent_steps_to_replay, can_resume, restore, state_of

SB3_BREAKOUT: dict[str, Any] = {
    "preprocessing": "sb3_atari", "frame_stack": 4, "env_kwargs": {"repeat_action_probability": 0.25},
}  # fmt: skip

SB3_PONG = {**SB3_BREAKOUT, "preprocessing_kwargs": {"max_frames_per_game": 400}}  # two games for each seed


def make(env: str, n_envs: int = 3, reseed_after: int = 100, seed: int = 7, **changes: Any) -> VecEnv:
    arguments: dict[str, Any] = {
        "preprocessing": "none", "preprocessing_kwargs": {}, "frame_stack": 1, "env_kwargs": {}, **changes,
    }  # fmt: skip
    venv = make_vec_env(resolve(env), n_envs, seed, **arguments)
    venv.set_attr("_reseed_after", reseed_after)
    return venv


def actions_for(venv: VecEnv, agent_steps: int) -> npt.NDArray[np.int64]:
    assert isinstance(venv.action_space, gymnasium.spaces.Discrete)
    return np.random.default_rng(3).integers(0, venv.action_space.n, (agent_steps, venv.num_envs))


def counts(state: dict[str, Any]) -> list[int]:
    """How often each environment has been seeded."""
    return [replay["log"]["counts"][0] for replay in state["environments"]["replays"].values()]


@pytest.mark.parametrize(
    ("env", "changes", "agent_steps"),
    [
        ("CartPole-v1", {}, 600),
        ("CartPole-v1", {"vec_env": "subproc", "n_envs": 2}, 600),
        ("CartPole-v1", {"frame_stack": 3}, 600),
        ("LunarLander-v3", {}, 600),
        pytest.param(
            "BreakoutNoFrameskip-v4", {**SB3_BREAKOUT, "n_envs": 2, "reseed_after": 50}, 800, marks=pytest.mark.slow
        ),
        ("PongNoFrameskip-v4", {**SB3_PONG, "n_envs": 1, "reseed_after": 150}, 700),
    ],
)
def test_a_restored_vector_goes_on_as_the_one_that_never_stopped(
    env: str, changes: dict[str, Any], agent_steps: int
) -> None:
    venv = make(env, **changes)
    actions = actions_for(venv, agent_steps)
    venv.reset()
    played, states = [], {0: copy.deepcopy(state_of(venv))}
    is_slow = "vec_env" in changes  # processes take seconds to start
    at = set(np.random.default_rng(1).integers(1, agent_steps, 1 if is_slow else 4).tolist())
    lives_lost = 0
    for t, row in enumerate(actions):
        obs, rewards, dones, infos = venv.step(row)
        played.append(fingerprint((obs, rewards, dones, list(infos))))
        lost_life = any(done and "episode" not in info for done, info in zip(dones, infos, strict=True))
        lives_lost += lost_life
        if t + 1 in at or (lost_life and lives_lost == 2):
            states[t + 1] = copy.deepcopy(state_of(venv))
    last = state_of(venv)
    assert min(counts(last)) >= 3
    for i, replay in enumerate(last["environments"]["replays"].values()):
        assert replay["log"]["seeds"] == [nth_seed(7 + i, 0, replay["log"]["counts"][0] - 1)]
    assert bool(lives_lost) == (env == "BreakoutNoFrameskip-v4")
    for t, state in states.items():
        restored = make(env, **changes, seed=t + 50)
        restore(restored, state)
        assert go_on(restored, actions[t:]) == played[t:]
        assert equal_states(state_of(restored), last)
        restored.close()
    venv.close()


def test_resets_by_hand_are_replayed_whatever_they_did() -> None:
    """SB3's EpisodicLifeEnv makes a reset within a game a step of doing nothing; elsewhere it is a new game."""
    for env, changes in (("CartPole-v1", {}), ("BreakoutNoFrameskip-v4", {**SB3_BREAKOUT, "n_envs": 1})):
        venv = make(env, reseed_after=10_000, **changes)
        actions = actions_for(venv, 180)
        venv.reset()
        venv.reset()
        for begin in range(0, 160, 20):
            go_on(venv, actions[begin : begin + 20])
            if begin % 40:
                venv.seed(begin)
            obs = venv.reset()
        restored = make(env, reseed_after=10_000, **changes)
        restore(restored, state_of(venv))
        assert go_on(restored, actions) == go_on(venv, actions)
        assert obs.any()  # type: ignore[union-attr]


def test_resets_by_hand_are_forgotten_with_a_new_seed() -> None:
    venv, restored = (make("CartPole-v1", n_envs=1, reseed_after=60) for _ in range(2))
    actions = actions_for(venv, 200)
    venv.reset()
    go_on(venv, actions[:10])
    venv.reset()
    go_on(venv, actions[:100])
    state = copy.deepcopy(state_of(venv))
    assert counts(state) == [2]
    assert len(state["environments"]["replays"]["0"]["log"]["actions"]) > 10
    restore(restored, state)
    assert go_on(restored, actions) == go_on(venv, actions)


def test_seeds_given_and_not_given() -> None:
    venv = make("CartPole-v1", n_envs=2)
    plain = DummyVecEnv([lambda: gymnasium.make("CartPole-v1")] * 1)
    plain.seed(7)
    np.testing.assert_array_equal(np.asarray(venv.reset())[:1], plain.reset())
    bare = make("CartPole-v1", n_envs=1)
    bare.seed(7)
    bare._reset_seeds()
    bare.reset()
    restored = make("CartPole-v1", n_envs=1)
    restore(restored, state_of(bare))
    actions = actions_for(bare, 100)
    assert go_on(restored, actions) == go_on(bare, actions)
    bare.seed(3)  # waits for the next reset
    restore(restored, state_of(bare))
    np.testing.assert_array_equal(restored.reset(), bare.reset())


def test_states_are_plain_data() -> None:
    venv = make("BreakoutNoFrameskip-v4", n_envs=2, **SB3_BREAKOUT)
    venv.reset()
    go_on(venv, actions_for(venv, 30))
    assert {type(leaf) for leaf in leaves(state_of(venv))} <= {type(None), bool, int, float, str, np.ndarray}
    fast = make_vec_env(
        resolve("Pong"), 1, 0, preprocessing="atari", preprocessing_kwargs={}, frame_stack=4, env_kwargs={}
    )
    with pytest.raises(RuntimeError, match="reset"):
        state_of(fast)
    fast.reset()
    state = state_of(fast)
    assert {type(leaf) for leaf in leaves(state)} <= {type(None), bool, int, float, str, np.ndarray}
    fast.step(np.array([3]))
    restore(fast, state)
    assert equal_states(state_of(fast), state)


def test_observations_in_parts_are_stacked_again() -> None:
    class InParts(gymnasium.ObservationWrapper[Any, Any, Any]):
        def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
            super().__init__(env)
            self.observation_space = gymnasium.spaces.Dict(one=env.observation_space, two=env.observation_space)

        def observation(self, observation: Any) -> Any:
            return {"one": observation, "two": -observation}

    gymnasium.register("InParts-v0", lambda **_: InParts(gymnasium.make("CartPole-v1")))
    try:
        venv, restored = (VecFrameStack(make("InParts-v0", n_envs=2), 3) for _ in range(2))
        venv.reset()
        actions = actions_for(venv, 40)
        for row in actions:
            venv.step(row)
        restore(restored, state_of(venv))
        for row in actions:
            expected, actual = venv.step(row)[0], restored.step(row)[0]
            assert isinstance(expected, dict)
            assert isinstance(actual, dict)
            np.testing.assert_equal(actual, expected)
    finally:
        del gymnasium.registry["InParts-v0"]


@pytest.mark.parametrize("vec_env", ["dummy", "subproc"])
def test_games_logged_after_the_state_vanish_and_are_played_again(vec_env: str, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    venv = make("CartPole-v1", n_envs=2, vec_env=vec_env, monitor_path=one / "0.monitor.csv")
    actions = actions_for(venv, 400)
    venv.reset()
    go_on(venv, actions[:150])
    state = copy.deepcopy(state_of(venv))
    go_on(venv, actions[150:250])
    shutil.copytree(one, other)
    go_on(venv, actions[250:])
    restored = make("CartPole-v1", n_envs=2, vec_env=vec_env, monitor_path=other / "0.monitor.csv")
    restore(restored, state)
    go_on(restored, actions[150:])
    venv.close()
    restored.close()

    def rows(path: Path) -> list[tuple[str, str]]:
        with path.open() as lines:
            return [(row["r"], row["l"]) for row in csv.DictReader(line for line in lines if line[0] != "#")]

    for name in ("0.monitor.csv", "1.monitor.csv"):
        assert len(rows(one / name)) > 8
        assert rows(one / name) == rows(other / name)
    (other / "1.monitor.csv").write_bytes((one / "1.monitor.csv").read_bytes()[:60])
    with pytest.raises(ValueError, match=r"environment 1: '.*1\.monitor\.csv' is gone or was cut") as raised:
        restore(make("CartPole-v1", n_envs=2, monitor_path=other / "0.monitor.csv"), state)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "vec_env", "complaint"),
    [
        ("action", "dummy", "environment 2: 'CartPole-v1' does not show what it showed"),
        ("action", "subproc", "environment 2: 'CartPole-v1' does not show what it showed"),
        ("seed", "dummy", "environment 2: 'CartPole-v1' does not show what it showed"),
        ("no such action", "dummy", "environment 2: a saved action is 9; here they are 0 to 1"),
        ("number", "dummy", "the saved state is of 3 environments; here are 2"),
        ("environment", "dummy", "environment 0: the saved state is of 'CartPole-v1', not of 'Acrobot-v1'"),
        ("wrappers", "dummy", r"were wrapped in \[\]; these are in \['VecFrameStack'\]"),
    ],
)
def test_what_does_not_come_back_is_refused(change: str, vec_env: str, complaint: str) -> None:
    venv = make("CartPole-v1", vec_env=vec_env)
    venv.reset()
    go_on(venv, np.zeros((5, 3), dtype=np.int64))
    state = copy.deepcopy(state_of(venv))
    log = state["environments"]["replays"]["2"]["log"]
    if change == "action":
        log["actions"][2, 0] = 1
    elif change == "seed":
        log["seeds"][0] += 1
    elif change == "no such action":
        log["actions"][2, 0] = 9
    restored = make(
        "Acrobot-v1" if change == "environment" else "CartPole-v1", n_envs=2 if change == "number" else 3,
        vec_env=vec_env, frame_stack=2 if change == "wrappers" else 1,
    )  # fmt: skip
    with pytest.raises(ValueError, match=complaint) as raised:
        restore(restored, state)
    assert "\n" not in str(raised.value)
    venv.close()
    restored.close()


@pytest.mark.parametrize("vec_env", ["dummy", "subproc"])
def test_a_replay_that_is_interrupted_ends_at_once(vec_env: str) -> None:
    venv = make("CartPole-v1", n_envs=2, vec_env=vec_env)
    venv.reset()
    go_on(venv, np.zeros((5, 2), dtype=np.int64))
    state = copy.deepcopy(state_of(venv))
    venv.close()
    for replay in state["environments"]["replays"].values():
        replay["log"]["actions"] = np.zeros((20_000_000, 1), dtype=np.uint8)  # minutes
    assert agent_steps_to_replay(state) == 40_000_000
    restored = make("CartPole-v1", n_envs=2, vec_env=vec_env)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    began = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        with pytest.raises(KeyboardInterrupt):
            restore(restored, state)
    finally:
        signal.signal(signal.SIGALRM, before)
    with contextlib.suppress(OSError):  # as a run does it: its processes are gone
        restored.close()
    assert time.monotonic() - began < 30


def test_an_environment_that_draws_numbers_of_its_own_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Moody(gymnasium.Env[Any, Any]):
        observation_space = gymnasium.spaces.Box(0, 1, (1,))
        action_space = gymnasium.spaces.Discrete(2, start=0)

        def reset(self, **_: Any) -> tuple[Any, dict[str, Any]]:
            return np.random.default_rng().random(1, dtype=np.float32), {}

        def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ARG002
            return np.random.default_rng().random(1, dtype=np.float32), 0.0, False, False, {}

    monkeypatch.setitem(gymnasium.registry, "Moody-v0", EnvSpec("Moody-v0", lambda **_: Moody()))
    venv = make("Moody-v0", n_envs=1)
    venv.reset()
    with pytest.raises(ValueError, match=r"'Moody-v0' does not show what it showed when .*: it is not deterministic"):
        restore(make("Moody-v0", n_envs=1), state_of(venv))


def test_which_vectors_can_be_resumed() -> None:
    class OfTheirOwn(DummyVecEnv):
        def state(self) -> dict[str, Any]:
            return {"made with": 5}

        def load_state(self, state: dict[str, Any]) -> None:
            self.loaded = state

    cartpole = make("CartPole-v1")
    assert can_resume(cartpole) is None
    assert can_resume(make("CartPole-v1", frame_stack=3)) is None
    assert "VecNormalize cannot" in str(can_resume(VecNormalize(cartpole)))
    assert "VecMonitor cannot" in str(can_resume(VecFrameStack(VecMonitor(cartpole), 2)))
    assert "keep no log of their actions" in str(can_resume(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")])))
    pendulum = make_vec_env(
        resolve("Pendulum-v1"), 1, 0, preprocessing="none", preprocessing_kwargs={}, frame_stack=1, env_kwargs={}
    )
    assert "only discrete actions" in str(can_resume(pendulum))
    assert pendulum.env_is_wrapped(ReplayableEnv) == [False]
    own = OfTheirOwn([lambda: gymnasium.make("Pendulum-v1")])
    assert can_resume(own) is None
    restore(own, state_of(own))
    assert own.loaded == {"made with": 5}

    class Opaque(DummyVecEnv):
        pass

    assert "Opaque has no state()" in str(can_resume(Opaque([lambda: gymnasium.make("CartPole-v1")])))
    for refused in (VecNormalize(cartpole), pendulum):
        with pytest.raises(ValueError, match="cannot resume exactly") as raised:
            state_of(refused)
        assert "\n" not in str(raised.value)
