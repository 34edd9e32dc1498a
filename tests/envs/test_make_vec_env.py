"""make_vec_env: every family, every preprocessing, and its refusals."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecFrameStack, VecTransposeImage

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.envs.make import make_vec_env
from dqn_zoo_ext.envs.rules import EvaluationRules
from dqn_zoo_ext.errors import UserError

AS_NATURE = EvaluationRules(noop_max=5, max_frames_per_game=200)


def make(env: str, **changes: Any) -> VecEnv:
    family = resolve(env).family
    arguments: dict[str, Any] = {
        "preprocessing": "atari" if family == "atari" else "none",
        "preprocessing_kwargs": {},
        "frame_stack": 4 if family == "atari" else 1,
        "env_kwargs": {},
    }
    arguments.update(changes)
    return make_vec_env(resolve(env), arguments.pop("n_envs", 2), 7, **arguments)


def run(venv: VecEnv, agent_steps: int) -> list[dict[str, float]]:
    """Seeded random play; the games that ended."""
    assert isinstance(venv.action_space, gymnasium.spaces.Discrete)
    draw = np.random.default_rng(0)
    venv.reset()
    games = []
    for _ in range(agent_steps):
        infos = venv.step(draw.integers(0, venv.action_space.n, venv.num_envs))[3]
        games += [info["episode"] for info in infos if "episode" in info]
    return games


@pytest.mark.parametrize(
    ("env", "vec_env"), [("CartPole-v1", "dummy"), ("CartPole-v1", "subproc"), ("LunarLander-v3", "dummy")]
)
def test_gymnasium_environments(env: str, vec_env: str, tmp_path: Path) -> None:
    venv = make(env, vec_env=vec_env, monitor_path=tmp_path / "0.monitor.csv")
    assert isinstance(venv, SubprocVecEnv if vec_env == "subproc" else DummyVecEnv)
    assert venv.env_is_wrapped(Monitor) == [True, True]
    games = run(venv, 250)
    venv.close()
    assert games
    logged = []
    for path in sorted(tmp_path.iterdir()):
        with path.open() as lines:
            lines.readline()
            logged += [(float(row["r"]), int(row["l"])) for row in csv.DictReader(lines)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.monitor.csv", "1.monitor.csv"]
    assert sorted(logged) == sorted((game["r"], game["l"]) for game in games)


def test_equal_seeds_on_the_slow_path() -> None:
    one, other = make("CartPole-v1"), make("CartPole-v1")
    np.testing.assert_array_equal(one.reset(), other.reset())
    assert [game["l"] for game in run(one, 200)] == [game["l"] for game in run(other, 200)]


def test_frame_stack_and_pictures_on_the_slow_path() -> None:
    venv = make("CartPole-v1", frame_stack=3, render_mode="rgb_array")
    assert isinstance(venv, VecFrameStack)
    assert venv.observation_space.shape == (12,)
    venv.reset()
    assert venv.get_images()[0].shape[2] == 3  # type: ignore[union-attr]
    venv.close()


def test_atari_takes_its_stickiness_from_the_id_unless_told_otherwise() -> None:
    def stickiness(env: str, **changes: Any) -> float | None:
        venv = make(env, n_envs=1, **changes)
        assert isinstance(venv, AleVecEnv)
        return venv.rules.repeat_action_probability

    assert stickiness("PongNoFrameskip-v4") == 0.0
    assert stickiness("ALE/Pong-v5") == 0.25
    assert stickiness("Pong") == 0.0
    assert stickiness("ALE/Pong-v5", preprocessing_kwargs={"repeat_action_probability": 0.1}) == 0.1
    assert stickiness("ALE/Pong-v5", env_kwargs={"repeat_action_probability": 0.0}) == 0.0
    assert stickiness("ALE/Pong-v5", evaluation=AS_NATURE) == 0.25
    machado = EvaluationRules(noop_max=0, max_frames_per_game=108_000, repeat_action_probability=0.25)
    assert stickiness("PongNoFrameskip-v4", evaluation=machado) == 0.25


@pytest.mark.parametrize("preprocessing", ["atari", "sb3_atari"])
def test_env_kwargs_reach_training_and_evaluation_alike(preprocessing: str) -> None:
    for evaluation in (None, AS_NATURE):
        venv = make(
            "PongNoFrameskip-v4", n_envs=1, preprocessing=preprocessing, env_kwargs={"full_action_space": True},
            evaluation=evaluation,
        )  # fmt: skip
        assert venv.action_space == gymnasium.spaces.Discrete(18)
        venv.close()


@pytest.mark.parametrize("preprocessing", ["atari", "sb3_atari"])
def test_evaluation_plays_whole_games_for_raw_rewards(preprocessing: str) -> None:
    venv = make(
        "QbertNoFrameskip-v4", n_envs=1, preprocessing=preprocessing,
        evaluation=EvaluationRules(noop_max=5, max_frames_per_game=2400),
    )  # fmt: skip
    draw = np.random.default_rng(0)
    venv.reset()
    rewards, lives, steps = [], set(), 0
    while True:
        _, reward, dones, infos = venv.step(draw.integers(0, 6, 1))
        rewards.append(float(reward[0]))
        steps += 1
        if dones[0]:
            break
        lives.add(infos[0]["lives"])
    assert len(lives) > 1  # lives were lost, and the episode went on
    assert max(rewards) >= 25
    assert infos[0]["episode"]["r"] == sum(rewards)
    assert infos[0]["episode"]["l"] == steps
    venv.close()


def test_both_paths_show_the_agent_the_same_kind_of_thing() -> None:
    fast, slow = make("BreakoutNoFrameskip-v4"), make("BreakoutNoFrameskip-v4", preprocessing="sb3_atari")
    assert isinstance(slow, VecTransposeImage)
    assert fast.observation_space == slow.observation_space
    assert fast.action_space == slow.action_space
    assert slow.env_is_wrapped(Monitor) == [True, True]
    for venv in (fast, slow):
        lengths = [game["l"] for game in run(venv, 300)]
        assert lengths
        assert all(80 < agent_steps <= 300 for agent_steps in lengths)  # agent steps on both, not frames
        venv.close()


def test_the_slow_paths_log_counts_a_games_steps_over_its_lives(tmp_path: Path) -> None:
    venv = make("BreakoutNoFrameskip-v4", n_envs=1, preprocessing="sb3_atari", monitor_path=tmp_path / "0.monitor.csv")
    venv.reset()
    steps, lives_lost = 0, 0
    logged: list[tuple[int, int]] = []
    while len(logged) < 2:
        _, _, dones, infos = venv.step(np.array([steps % 4]))
        steps += 1
        if "episode" in infos[0]:
            logged.append((infos[0]["episode"]["l"], steps))
            steps = 0
        elif dones[0]:
            lives_lost += 1
    assert lives_lost == 8
    assert all(counted == true for counted, true in logged)
    venv.close()
    assert (tmp_path / "0.monitor.csv").read_text().count("\n") == 2 + 2


@pytest.mark.parametrize(
    ("env", "changes", "complaint"),
    [
        ("CartPole-v1", {"preprocessing": "atari"}, "is for Atari, not for 'CartPole-v1'; use 'none'"),
        ("CartPole-v1", {"preprocessing": "sb3_atari"}, "is for Atari"),
        ("CartPole-v1", {"preprocessing": "atary"}, "unknown preprocessing 'atary'; did you mean 'atari'"),
        ("CartPole-v1", {"preprocessing_kwargs": {"noop_max": 3}}, "keyword 'noop_max' of preprocessing 'none'"),
        ("CartPole-v1", {"env_kwargs": {"gravitas": 3}}, "does not take env_kwargs .*gravitas"),
        ("CartPole-v1", {"env_kwargs": {"max_episode_steps": -1}}, "^env_kwargs.max_episode_steps: -1 is refused: how"),
        (
            "CartPole-v1",
            {"env_kwargs": {"disable_env_checker": True}},
            "disable_env_checker: true is refused: .* leave",
        ),
        ("CartPole-v1", {"env_kwargs": {"render_mode": "human"}}, "render_mode: 'human' is refused: .* record_video"),
        ("CartPole-v1", {"vec_env": "subprocess"}, "did you mean 'subproc'"),
        ("CartPole-v1", {"n_envs": 0}, "n_envs"),
        ("Pong", {"preprocessing": "none"}, r"not for Atari \('PongNoFrameskip-v4'\).*; use 'atari' or 'sb3_atari'$"),
        ("Pong", {"preprocessing_kwargs": {"noopmax": 3}}, "preprocessing 'atari'; did you mean 'noop_max'"),
        ("Pong", {"preprocessing_kwargs": {"noop_max": -3}}, "noop_max: must be at least 0, not -3"),
        ("Pong", {"preprocessing_kwargs": {"frame_skip": "four"}}, "frame_skip: must be a whole number, not 'four'"),
        ("Pong", {"preprocessing_kwargs": {"frame_skip": "4"}}, "frame_skip: must be a whole number, not '4'"),
        ("Pong", {"preprocessing_kwargs": {"clip_reward": "no"}}, "clip_reward: must be true or false, not 'no'"),
        ("Pong", {"env_kwargs": {"frameskip": 4}}, "use preprocessing_kwargs.frame_skip"),
        ("Pong", {"env_kwargs": {"mode": 1}}, "unknown keyword 'mode' of Atari's environments"),
        ("Pong", {"env_kwargs": {"full_action_space": "maybe"}}, "env_kwargs.full_action_space: must be true or false"),
        (
            "Pong",
            {
                "env_kwargs": {"repeat_action_probability": 0.5},
                "preprocessing_kwargs": {"repeat_action_probability": 0},
            },
            "give it once",
        ),
        ("Pong", {"preprocessing": "sb3_atari", "preprocessing_kwargs": {"fire_on_reset": False}}, "fire_on_reset"),
    ],
)
def test_refusals_are_one_line(env: str, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as raised:
        make(env, **changes)
    assert "\n" not in str(raised.value)


BOX, DISCRETE = gymnasium.spaces.Box(0, 1, (1,)), gymnasium.spaces.Discrete(2)


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("observation_space", gymnasium.spaces.Tuple((BOX, DISCRETE))),
        ("observation_space", gymnasium.spaces.Dict(a=gymnasium.spaces.Dict(b=BOX))),
        ("observation_space", gymnasium.spaces.Dict(a=gymnasium.spaces.Text(3))),
        ("observation_space", gymnasium.spaces.Sequence(BOX)),
        ("observation_space", gymnasium.spaces.Graph(BOX, DISCRETE)),
        ("action_space", gymnasium.spaces.Tuple((DISCRETE, DISCRETE))),
        ("action_space", gymnasium.spaces.Dict(a=DISCRETE)),
    ],
)
@pytest.mark.parametrize("vec_env", ["dummy", "subproc"])
def test_a_space_that_stable_baselines3_does_not_know(
    vec_env: str, name: str, space: gymnasium.Space[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = type("Odd", (Switch,), {name: space})
    spec = EnvSpec("Odd-v0", entry_point=lambda **_: odd(), disable_env_checker=True)
    monkeypatch.setitem(gymnasium.registry, "Odd-v0", spec)
    of_such = ", or a Dict of such" if name == "observation_space" else ""
    with pytest.raises(UserError) as refused:
        make("Odd-v0", vec_env=vec_env)
    assert str(refused.value) == (
        f"environment 'Odd-v0' cannot be used: its {name.removesuffix('_space')}s must be one of Box, Discrete, "
        f"MultiDiscrete, MultiBinary{of_such}, not {space}"
    )


@pytest.mark.parametrize("vec_env", ["dummy", "subproc"])
def test_a_missing_dependency_is_one_line(vec_env: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point = "no_such_package_for_sure.envs:Env"
    monkeypatch.setitem(gymnasium.registry, "NoSuchPackage-v0", EnvSpec("NoSuchPackage-v0", entry_point))
    with pytest.raises(UserError, match="'NoSuchPackage-v0' cannot be made: No module named") as raised:
        make("NoSuchPackage-v0", vec_env=vec_env)
    assert "\n" not in str(raised.value)


def test_an_extra_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def needs_box2d(**_: Any) -> None:
        raise gymnasium.error.DependencyNotInstalled("Box2D is not installed, run\n`pip install gymnasium[box2d]`")

    monkeypatch.setitem(gymnasium.registry, "Needy-v0", EnvSpec("Needy-v0", needs_box2d))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="cannot be made: Box2D is not installed") as raised:
        make("Needy-v0")
    assert "\n" not in str(raised.value)


class Switch(gymnasium.Env[np.ndarray, np.int64]):
    """An environment as beginners write it: without a ``render_mode``."""

    observation_space = gymnasium.spaces.Box(0, 1, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, Any]:
        super().reset(seed=seed, options=options)
        return np.zeros(1, np.float32), {}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        return np.zeros(1, np.float32), float(action), True, False, {}


def test_an_environment_without_a_render_mode_is_played_and_not_filmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gymnasium.registry, "Switch-v0", EnvSpec("Switch-v0", entry_point=f"{__name__}:Switch"))
    venv = make("Switch-v0")
    assert run(venv, 4)
    venv.close()
    with pytest.raises(UserError, match="'Switch-v0' does not take render_mode 'rgb_array'") as raised:
        make("Switch-v0", render_mode="rgb_array")
    assert "\n" not in str(raised.value)


_FORKED_FROM = """
import os, sys
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.envs.make import make_vec_env

def main():
    settings = dict(preprocessing="none", preprocessing_kwargs={}, frame_stack=1, env_kwargs={})
    venv = make_vec_env(resolve("CartPole-v1"), n_envs=2, seed=0, vec_env="subproc", **settings)
    for process in venv.processes:
        status = open(f"/proc/{process.pid}/status").read()
        server = status.partition("PPid:")[2].split()[0]
        print(int(server) != os.getpid(), "libtorch_cpu" in open(f"/proc/{server}/maps").read())
    venv.close()

if __name__ == "__main__":
    main()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")
def test_processes_of_environments_need_not_load_pytorch_each(tmp_path: Path) -> None:
    """What forks them has loaded it."""
    (tmp_path / "program.py").write_text(_FORKED_FROM)
    done = subprocess.run([sys.executable, tmp_path / "program.py"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True True"] * 2
