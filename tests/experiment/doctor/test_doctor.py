"""The doctor: each finding provoked and absent without its cause, each number held against what really happens."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from conftest import COURSE, SMALL_ATARI
from gymnasium import spaces
from stable_baselines3.common.atari_wrappers import AtariWrapper

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.callbacks  # noqa: F401  # registers what the configurations name
from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.config.shipped_files import preset_files, shipped
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment import doctor
from dqn_zoo_ext.experiment.doctor import Diagnosis, diagnosis
from dqn_zoo_ext.experiment.doctor.resources import Memory
from dqn_zoo_ext.experiment.options import RunOptions

GB = 10**9
ROOT = shipped("")[0]
INVADERS, CART_POLE = "SpaceInvadersNoFrameskip-v4", "CartPole-v1"

pytestmark = pytest.mark.usefixtures("a_good_machine")


def configured(env: str, words: str = "", algo: str = "dqn", conf: Path | None = None) -> Configuration:
    overrides = dict(word.split(":", 1) for word in words.split())
    return load(algo, resolve(env), conf_file=conf, overrides=overrides)


def options(**given: Any) -> RunOptions:
    return RunOptions(**{"log_folder": Path("logs"), "seed": 1, **given})


def looked_at(env: str, words: str = "", **given: Any) -> Diagnosis:
    return doctor.diagnose(configured(env, words), options(**given), measure=False)


def names(found: Diagnosis) -> list[str]:
    return [each.name for each in found.findings]


# -- what is healthy ---------------------------------------------------------------------------------------------------

GAMES = [
    (name, path.stem)
    for family in ("atari", "classic_control", "box2d")
    for path in sorted((ROOT / family).glob("*.yml"))
    for name in re.findall(r"ids: \[(.*)\]", path.read_text())[0].split(", ")
]


@pytest.mark.parametrize("algo", ["dqn", "double_dqn"])
@pytest.mark.parametrize(
    "name", [*(name for name, _ in GAMES), "Tetris", "Acrobot-v1", "MountainCar-v0", "FrozenLake-v1"]
)
def test_every_shipped_configuration_is_healthy(name: str, algo: str) -> None:
    found = doctor.diagnose(configured(name, algo=algo), options(), measure=False)
    doctor.refuse(found)
    assert names(found) == (["evaluation_sticky_actions"] if name.startswith("ALE/") else [])


FINDINGS = {"nips-2013": ["frame_skip", "target_follows_at_once"], "rl-zoo-dqn": ["no_checkpoints"]}
"""What there is to say of a preset: its document has it so."""


@pytest.mark.parametrize("name", preset_files())
def test_every_preset_is_healthy(name: str) -> None:
    preset = find_preset(name)
    configuration = configured(preset.head.env, algo=preset.head.algo, conf=preset.path)
    found = doctor.diagnose(configuration, options(), measure=False)
    assert found.stops == ()
    assert names(found) == FINDINGS.get(name, [])


@pytest.mark.parametrize(
    ("env", "words", "given"),
    [
        (
            "Pong",
            f"n_timesteps:600 preprocessing_kwargs.max_frames_per_game:1200 {' '.join(SMALL_ATARI)}",
            {"save_freq": 400},
        ),
        (INVADERS, "n_timesteps:3000 learning_starts:1000", {"eval_freq": -1}),
        (INVADERS, "n_timesteps:2000", {}),
        (CART_POLE, "n_timesteps:600", {}),
        (CART_POLE, "n_timesteps:2500", {}),
        (
            CART_POLE,
            "n_timesteps:300 replay_buffer_class:frame_ring learning_starts:100 train_freq:2 gradient_steps:1",
            {},
        ),
        (CART_POLE, "n_timesteps:5000", {}),
    ],
)
def test_short_trials_are_warned_of_and_not_stopped(env: str, words: str, given: Mapping[str, Any]) -> None:
    assert looked_at(env, words, **given).stops == ()


def test_the_courses_file_is_not_stopped_unless_it_is_shortened(tmp_path: Path) -> None:
    file = tmp_path / "dqn.yml"
    file.write_text(COURSE)
    # its epsilon ends in the very step in which learning starts
    whole = doctor.diagnose(configured(INVADERS, conf=file), options(), measure=False)
    assert [(each.level, each.name) for each in whole.findings] == [("warning", "epsilon_before_learning")]
    assert f"({file}:14 and 10). Change: " in whole.findings[0].line
    shorter = doctor.diagnose(configured(INVADERS, "n_timesteps:500000", conf=file), options(), measure=False)
    assert [each.name for each in shorter.stops] == ["epsilon_before_learning"]
    shortest = doctor.diagnose(configured(INVADERS, "n_timesteps:100000", conf=file), options(), measure=False)
    assert [each.name for each in shortest.stops] == ["never_learns"]


# -- what is not -------------------------------------------------------------------------------------------------------

STOPS = [
    ("frame_skip", INVADERS, "preprocessing_kwargs.frame_skip:16", {}),
    ("epsilon_before_learning", INVADERS, "exploration_begins:start exploration.agent_steps:40000", {}),
    ("epsilon_before_learning", CART_POLE, "learning_starts:20000", {}),
    ("epsilon_before_learning", CART_POLE, 'exploration:{"schedule":"exponential","start":1,"end":0.1,"rate":0.1}', {}),
    ("never_learns", INVADERS, "n_timesteps:50000", {}),
    ("never_learns", CART_POLE, "train_freq:60000", {}),
    ("target_stays", INVADERS, "target_update_interval:20000000", {}),
    ("target_stays", INVADERS, "tau:0.0001", {}),
    ("target_stays", CART_POLE, "target_update_unit:updates target_update_interval:30000", {}),
    ("learning_rate_zero", CART_POLE, "learning_rate:0", {}),
    ("evaluation_action_set", INVADERS, "", {"eval_env_kwargs": {"full_action_space": True}}),
    ("evaluation_environment", INVADERS, "", {"eval_env_kwargs": {"ful_action_space": True}}),
    ("evaluation_environment", INVADERS, "", {"eval_env_kwargs": {"frameskip": 4}}),
    ("evaluation_environment", CART_POLE, "", {"eval_env_kwargs": {"gravity": 5}}),
    ("replay_memory", INVADERS, "buffer_size:3000000", {}),
    ("replay_memory", INVADERS, "replay_buffer_class:sb3", {}),
    ("replay_memory", INVADERS, "n_timesteps:5000 learning_starts:100 buffer_size:1000000000", {}),
]

WARNINGS = [
    ("frame_skip", INVADERS, "preprocessing_kwargs.frame_skip:8", {}),
    ("one_frame", INVADERS, "frame_stack:1", {}),
    ("never_learns", INVADERS, "n_timesteps:5000", {}),
    ("epsilon_before_learning", INVADERS, "exploration_begins:start exploration.agent_steps:52000", {}),
    ("epsilon_before_learning", CART_POLE, "n_timesteps:3000", {}),
    ("epsilon_stays_high", INVADERS, "n_timesteps:300000", {}),
    ("epsilon_stays_high", CART_POLE, "exploration:0.7", {}),
    ("no_exploration", CART_POLE, "exploration:0.0", {}),
    ("target_stays", INVADERS, "n_timesteps:55000 eval_freq:10000", {}),
    ("target_stays", CART_POLE, "n_envs:1024 n_timesteps:1024 learning_starts:1000 gradient_steps:1", {}),
    ("target_follows_at_once", CART_POLE, "train_freq:1 gradient_steps:1 target_update_interval:1", {}),
    ("update_ratio", INVADERS, "train_freq:64", {}),
    ("update_ratio", INVADERS, "gradient_steps:16", {}),
    ("small_buffer", INVADERS, "buffer_size:20000", {}),
    ("large_batch", CART_POLE, "buffer_size:1500 batch_size:2000", {}),
    ("learning_rate_high", INVADERS, "learning_rate:0.01", {}),
    ("gamma", CART_POLE, "gamma:1.0", {}),
    ("gamma", CART_POLE, "gamma:0.5", {}),
    ("evaluated_once", INVADERS, "eval_freq:20000000", {}),
    ("evaluated_once", INVADERS, "", {"eval_freq": 20_000_000}),
    ("evaluation_sticky_actions", "ALE/Pong-v5", "", {}),
    ("evaluation_sticky_actions", INVADERS, "eval_protocol:machado-2018", {}),
    ("evaluation_protocol_rules", INVADERS, "", {"eval_env_kwargs": {"repeat_action_probability": 0.25}}),
    ("evaluation_epsilon", INVADERS, "exploration.end:0.01", {}),
    ("replay_memory", INVADERS, "buffer_size:1700000", {}),
    ("no_checkpoints", INVADERS, "", {"save_freq": -1}),
]


@pytest.mark.parametrize(("name", "env", "words", "given"), STOPS)
def test_what_is_stopped(name: str, env: str, words: str, given: Mapping[str, Any]) -> None:
    found = looked_at(env, words, **given)
    assert [each.name for each in found.stops] == [name]
    with pytest.raises(UserError) as refused:
        doctor.refuse(found)
    assert str(refused.value) == found.stops[0].line
    assert len(str(refused.value).splitlines()) == 1
    assert name in str(found.as_dict()["findings"])


@pytest.mark.parametrize(("name", "env", "words", "given"), WARNINGS)
def test_what_is_warned_of(name: str, env: str, words: str, given: Mapping[str, Any]) -> None:
    found = looked_at(env, words, **given)
    assert name in [each.name for each in found.warnings]
    doctor.refuse(found)


@pytest.mark.parametrize(("name", "env", "words", "given"), [*STOPS, *WARNINGS])
def test_the_suggested_flags_mend_what_they_are_suggested_for(
    name: str, env: str, words: str, given: Mapping[str, Any]
) -> None:
    found = looked_at(env, words, **given)
    (finding,) = (each for each in found.findings if each.name == name)
    flags = re.search(r"-params (\S+:\S+(?: \S+:\S+)*)", finding.suggestion)
    if flags is None:
        return
    changed = dict(word.split(":", 1) for word in words.split()) | dict(word.split(":", 1) for word in flags[1].split())
    better = looked_at(env, " ".join(f"{key}:{value}" for key, value in changed.items()), **given)
    assert name not in names(better)


def test_evaluations_that_are_all_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    greedy = registry.protocols.get("greedy")
    assert "evaluation_games_alike" not in names(looked_at(INVADERS, "eval_protocol:greedy"))
    monkeypatch.setitem(registry.protocols._entries, "greedy", type(greedy)(**{**vars(greedy), "noop_max": 0}))
    assert "evaluation_games_alike" in names(looked_at(INVADERS, "eval_protocol:greedy"))
    assert "evaluation_games_alike" not in names(looked_at("ALE/Pong-v5", "eval_protocol:greedy"))  # actions stick


def test_without_evaluations_nothing_is_said_of_them() -> None:
    for never in (0, -1):
        assert names(looked_at("ALE/Pong-v5", "", eval_freq=never)) == []
    assert names(looked_at(INVADERS, "", eval_freq=-1, eval_env_kwargs={"full_action_space": True})) == []


@pytest.mark.parametrize("imitated", [True, False])
def test_bf16_where_it_is_only_imitated(imitated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "has_bf16", lambda _: not imitated)
    assert names(looked_at(INVADERS, "precision:bf16")) == (["bf16_imitated"] if imitated else [])
    assert names(looked_at(INVADERS, "precision:tf32")) == []


@pytest.mark.parametrize(
    ("words", "cores", "suggestion"),
    [
        ("", 16, "-params n_envs:64"),  # 8, as the family says
        ("", 5, "-params n_envs:20"),
        ("", 4, None),
        ("n_envs:31", 100, "-params n_envs:64"),
        ("n_envs:64", 100, None),
        ("n_envs:32", 16, None),
    ],
)
def test_a_gpu_that_waits_for_emulators(
    words: str, cores: int, suggestion: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "get_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr(diagnosis, "has_bf16", lambda _: True)
    monkeypatch.setattr(diagnosis, "usable_cores", lambda: cores)
    found = {each.name: each.suggestion for each in looked_at(INVADERS, words).findings}
    assert found.get("gpu_waits") == suggestion
    assert "gpu_waits" not in names(looked_at("CartPole-v1", "n_envs:1"))
    yardstick = configured(INVADERS, algo="sb3_dqn")  # its updates count environments
    assert "gpu_waits" not in names(doctor.diagnose(yardstick, options(), measure=False))


def test_machines_that_are_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "gpu_left_unused", lambda: True)
    assert names(looked_at(INVADERS)) == ["gpu_unused"]
    assert names(looked_at(INVADERS, "", device="cpu")) == []
    monkeypatch.setattr(diagnosis, "free_disk", lambda _: 5 * GB)
    assert names(looked_at(INVADERS, "", device="cpu")) == ["disk"]
    assert names(looked_at(INVADERS, "n_timesteps:300000 exploration.agent_steps:100000", device="cpu")) == []
    monkeypatch.setattr(diagnosis, "main_memory", lambda: Memory(6 * GB, 5 * GB))
    assert [each.name for each in looked_at(INVADERS).stops] == ["replay_memory"]
    # memory is taken as the ring fills: a short run does not fill it
    assert looked_at(INVADERS, "n_timesteps:300000").stops == ()
    monkeypatch.setattr(diagnosis, "can_be_allocated", lambda _: False)
    assert [each.name for each in looked_at(INVADERS, "n_timesteps:300000").stops] == ["replay_memory"]


def test_a_finding_names_the_file_and_line() -> None:
    found = looked_at(INVADERS, "n_timesteps:50000")
    lines = (ROOT / "families" / "atari.yml").read_text().splitlines()
    number = 1 + next(index for index, line in enumerate(lines) if line.startswith("learning_starts:"))
    assert found.stops[0].where == f"hyperparams/families/atari.yml:{number}, -params"


# -- environments that are made ----------------------------------------------------------------------------------------


class Buttons(gymnasium.Env[np.ndarray, int]):
    """As many actions as one likes."""

    def __init__(self, buttons: int = 2, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.action_space = spaces.Discrete(buttons)  # type: ignore[assignment]
        self.observation_space = spaces.Box(0, 1, (3,), np.float32)


def double_skip(**_: Any) -> gymnasium.Env[Any, Any]:
    """ALE/Pong-v5, which skips 4 frames itself, in a wrapper that skips 4 more."""
    return AtariWrapper(gymnasium.make("ALE/Pong-v5"))


@pytest.fixture
def _brought_environments() -> None:
    if "Buttons-v0" not in gymnasium.registry:
        gymnasium.register("Buttons-v0", lambda **given: Buttons(**given))
        gymnasium.register("DoubleSkip-v0", double_skip)


@pytest.mark.usefixtures("_brought_environments")
def test_an_evaluation_with_other_actions_outside_atari() -> None:
    assert looked_at("Buttons-v0").stops == ()
    assert looked_at("Buttons-v0", "", eval_env_kwargs={"buttons": 2}).stops == ()
    found = looked_at("Buttons-v0", "", eval_env_kwargs={"buttons": 3})
    assert [each.name for each in found.stops] == ["evaluation_action_set"]
    assert "Discrete(2) in training and Discrete(3)" in found.stops[0].value


@pytest.mark.usefixtures("_brought_environments")
def test_sixteen_frames_are_found_by_counting_where_no_setting_tells() -> None:
    configuration = configured("DoubleSkip-v0", "policy:CnnPolicy n_timesteps:20000 policy_kwargs:{} buffer_size:2000")
    found = doctor.diagnose(configuration, options(eval_freq=-1))
    assert found.run.frames_per_agent_step == 16
    assert [each.name for each in found.stops] == ["frame_skip"]
