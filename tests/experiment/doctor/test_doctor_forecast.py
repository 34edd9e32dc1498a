"""The doctor's numbers, held against what really happens."""

import io
import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.experiment import doctor
from dqn_zoo_ext.experiment.build import build_model, build_venv
from dqn_zoo_ext.experiment.doctor.forecast import epsilon_of, forecast
from dqn_zoo_ext.experiment.doctor.sizes import Spaces, replay_bytes, spaces_of
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.updates.learner import copy_weights
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train

INVADERS, CART_POLE = "SpaceInvadersNoFrameskip-v4", "CartPole-v1"


def configured(env: str, words: str = "") -> Configuration:
    return load("dqn", resolve(env), overrides=dict(word.split(":", 1) for word in words.split()))


def options(**given: Any) -> RunOptions:
    return RunOptions(**{"log_folder": Path("logs"), "seed": 1, **given})


def looked_at(env: str, words: str = "") -> doctor.Diagnosis:
    return doctor.diagnose(configured(env, words), options(), measure=False)


def generators() -> list[Any]:
    """Where Python's, numpy's and PyTorch's random numbers stand."""
    numbers: Any = np.random.get_state()  # noqa: NPY002
    return [random.getstate(), list(numbers[1]), numbers[2], torch.get_rng_state().tolist()]


CROPPED = "crop_rows:[31,201] subsample:2 screen_size:null"


def in_preprocessing(words: str) -> str:
    return " ".join(f"preprocessing_kwargs.{word}" for word in words.split())


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "",
        "preprocessing_kwargs.screen_size:42 frame_stack:3",
        "env_kwargs.full_action_space:true",
        "preprocessing:sb3_atari",
        "preprocessing_kwargs.colour:rgb preprocessing_kwargs.screen_size:[60,100]",
        "preprocessing_kwargs.subsample:2 preprocessing_kwargs.screen_size:null frame_stack:3",
    ],
)
def test_the_spaces_of_atari_are_known_without_an_emulator(words: str) -> None:
    configuration = configured(INVADERS, words)
    venv = build_venv(configuration, 1, seed=0)
    planes = 3 if "rgb" in words else 1
    assert spaces_of(configuration) == Spaces(venv.observation_space, venv.action_space, planes)
    venv.close()


@pytest.mark.parametrize(("words", "frame"), [("colour:rgb", 3 * 84 * 84), (CROPPED, 85 * 80)])
def test_replay_bytes_are_those_of_the_ring_that_is_made(words: str, frame: int) -> None:
    configuration = configured(INVADERS, f"{in_preprocessing(words)} n_envs:2 buffer_size:1000")
    venv = build_venv(configuration, 2, seed=0)
    model = build_model(configuration, venv, 0, "cpu")
    ring = model.replay_buffer
    assert isinstance(ring, FrameRing)
    assert ring.frames.nbytes == 1001 * frame
    assert replay_bytes(configuration, spaces_of(configuration), 1000) == ring.frames.nbytes + 1000 * 11
    venv.close()


def test_replay_bytes_of_priorities_depend_on_their_law() -> None:
    words = "buffer_size:5000 n_envs:1 replay_buffer_class:"
    plain, by_mass, by_rank = (
        replay_bytes(configuration, spaces_of(configuration), 5000)
        for configuration in (
            configured(CART_POLE, f"{words}frame_ring"),
            configured(CART_POLE, f"{words}prioritized_ring"),
            configured(CART_POLE, f"{words}prioritized_ring replay_buffer_kwargs.law:rank"),
        )
    )
    assert plain is not None
    blocks = 20  # of 256 cells, the last one not full, each with two sums
    assert by_mass == plain + blocks * (256 * 4 + 2 * 8)
    assert by_rank == by_mass + 5000 * 8


@pytest.mark.parametrize("n_envs", [1, 3])
@pytest.mark.parametrize(
    ("env", "words"),
    [
        ("Pong", "buffer_size:500 policy_kwargs.torso:nips"),
        ("Pong", "buffer_size:500 replay_buffer_class:sb3 policy_kwargs.torso:nips"),
        (CART_POLE, "buffer_size:500"),
        (CART_POLE, "buffer_size:500 replay_buffer_class:repeating replay_buffer_kwargs.copies:2"),
        (CART_POLE, "buffer_size:500 n_steps:3"),
        (CART_POLE, "buffer_size:500 n_steps:3 replay_buffer_class:frame_ring"),
        (CART_POLE, "buffer_size:2 replay_buffer_class:frame_ring"),
        ("FrozenLake-v1", "buffer_size:500"),
    ],
)
def test_replay_bytes_are_those_of_the_real_buffers_arrays(env: str, words: str, n_envs: int) -> None:
    configuration = configured(env, f"{words} n_envs:{n_envs}")
    venv = build_venv(configuration, n_envs, seed=0)
    model = build_model(configuration, venv, 0, "cpu")
    kind = torch.Tensor if isinstance(model.replay_buffer, FrameRing) else np.ndarray
    arrays = [each for each in vars(model.replay_buffer).values() if isinstance(each, kind)]
    rows = model.replay_buffer.buffer_size  # type: ignore[union-attr]
    stored = sum(each.nbytes for each in arrays if len(each) >= rows)
    venv.close()
    seen = spaces_of(configuration)
    assert replay_bytes(configuration, seen, configuration.hyperparameters.buffer_size) == stored
    assert doctor.diagnose(configuration, options(), measure=False).as_dict()["replay_bytes"] == stored


@pytest.mark.parametrize(
    "words",
    [
        "exploration_begins:start exploration.agent_steps:150",
        "exploration_begins:learning_starts exploration.agent_steps:150",
        'exploration:{"schedule":"exponential","start":1,"end":0.1,"rate":0.01}',
        "exploration.fraction:0.5 n_envs:3 train_freq:4 target_update_interval:50",
        "target_update_unit:updates target_update_interval:7 train_freq:8 gradient_steps:3",
        "train_freq:64 gradient_steps:-1 n_envs:5 target_update_interval:40",
        "n_envs:4 train_freq:1 learning_starts:103",
        "learning_starts:500",
        "n_envs:400 learning_starts:390 train_freq:300 target_update_interval:10",
        "n_envs:100 learning_starts:150 target_update_interval:7",
    ],
)
def test_the_forecast_is_what_then_happens(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    base = "n_timesteps:400 learning_starts:100 train_freq:4 gradient_steps:1 target_update_interval:50"
    given = dict(word.split(":", 1) for word in f"{base} {words}".split())
    if "agent_steps" in words:
        given["exploration"] = (
            f"{{schedule: linear, start: 1, end: 0.04, agent_steps: {given.pop('exploration.agent_steps')}}}"
        )
    configuration = load("dqn", resolve(CART_POLE), overrides=given)
    run = forecast(configuration, options())
    copies: list[int] = []
    venv = build_venv(configuration, configuration.hyperparameters.n_envs, seed=0)
    model = build_model(configuration, venv, 0, "cpu")
    original = copy_weights

    def counted(*arguments: Any) -> None:
        copies.extend([1] if model._n_updates > 0 else [])
        original(*arguments)

    monkeypatch.setattr("dqn_zoo_ext.learning.deep_q.copy_weights", counted)
    seen: dict[int, float] = {}
    model.learn(400, callback=lambda *_: bool(seen.setdefault(model.num_timesteps, model.exploration_rate) + 1))
    venv.close()
    assert (model.num_timesteps, model._n_updates, sum(copies)) == (run.last_step, run.updates, run.target_copies)
    epsilon = epsilon_of(configuration)
    steps = sorted(seen)
    assert [seen[step] for step in steps[1:]] == [epsilon(step) for step in steps[:-1]]  # set after the step before
    assert (run.epsilon_start, run.epsilon_end) == (epsilon(0), model.exploration_rate)
    assert run.epsilon_learning_begins == epsilon(configuration.hyperparameters.learning_starts)


@pytest.mark.parametrize(
    "words", ["--eval-freq 250", "--eval-freq 200 -params n_envs:3", "--eval-freq 2000", "--eval-freq -1"]
)
def test_evaluations_come_when_the_forecast_says(words: str, tmp_path: Path) -> None:
    command = f"--algo dqn --env CartPole-v1 -n 800 --seed 1 --eval-episodes 1 --verbose 0 -f {tmp_path} {words}"
    assert train(command.split()) == 0
    results = read_results(tmp_path / "dqn" / "CartPole-v1_1" / "results.json")
    n_envs, every = 3 if "n_envs" in words else 1, int(words.split()[1])
    run = forecast(configured(CART_POLE, f"n_timesteps:800 n_envs:{n_envs}"), options(eval_freq=every))
    assert [each.agent_steps for each in run.epsilon_at_evaluations] == [
        each.agent_steps for each in results.evaluations
    ]
    assert run.evaluations == len(results.evaluations)


def test_very_many_evaluations_are_counted_and_some_are_told() -> None:
    run = forecast(configured(INVADERS), options(eval_freq=1))
    assert run.evaluations == 1_250_000  # one for each vector step of 8
    assert 100 <= len(run.epsilon_at_evaluations) <= 201
    assert run.epsilon_at_evaluations[-1].agent_steps == 10_000_000


@pytest.mark.usefixtures("a_good_machine")
def test_an_agent_that_goes_on(logs: Path) -> None:
    agent = logs / "double_dqn" / "CartPole-v1_1" / "CartPole-v1.zip"
    configuration = configured(CART_POLE, "n_timesteps:20000")
    run = forecast(configuration, options(trained_agent=agent))
    assert (run.first_step, run.last_step) == (2500, 22_500)
    assert run.learning_begins == 3500  # its replay is no frame ring, and is filled anew
    assert run.epsilon_start == epsilon_of(configuration, 2500)(2500) < 0.5
    assert doctor.diagnose(configuration, options(trained_agent=agent), measure=False).stops == ()


# -- the brief look ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("env", [INVADERS, CART_POLE])
def test_the_brief_look_is_quick_and_leaves_everything_as_it_was(
    env: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    configuration = configured(env)
    before = generators()
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        found = doctor.diagnose(configuration, options(), measure=False)
        lines = doctor.brief_lines(found)
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.05
    assert 2 <= len(lines) <= 4
    assert generators() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("a_good_machine")
def test_the_brief_lines_tell_the_worst() -> None:
    words = "preprocessing_kwargs.frame_skip:16 learning_rate:0 frame_stack:1 gamma:1.0"
    lines = doctor.brief_lines(looked_at(INVADERS, words))
    assert len(lines) == 4
    assert lines[0].startswith("16 frames, 0.25 updates and 8 replayed samples per agent step; epsilon 1 at the start")
    assert lines[1].startswith("replay 1.77 GB" if "screen" in words else "replay 7.07 GB")
    assert lines[2].startswith("stop: ")
    assert lines[3].startswith("and 3 more")


def test_no_epsilon_is_told_of_a_time_after_the_end() -> None:
    short, long = (doctor.brief_lines(looked_at(CART_POLE, f"n_timesteps:{steps}"))[0] for steps in (100, 50_000))
    assert short.endswith("at the end")
    assert "when learning starts" not in short
    assert "when learning starts" in long


def test_weights_that_nobody_measured_are_said_to_be_left_out() -> None:
    assert "of the disk" in doctor.brief_lines(looked_at(INVADERS))[1]
    assert "without the weights" in doctor.brief_lines(looked_at(INVADERS))[1]
    for measure, words in ((False, "before compression, without the weights;"), (True, "before compression, agents ")):
        out = io.StringIO()
        found = doctor.diagnose(configured(CART_POLE, "n_timesteps:20000"), options(), measure=measure)
        doctor.print_report(found, Console(file=out, width=200))
        assert words in out.getvalue()


def test_the_diagnosis_is_plain_data() -> None:
    found = looked_at(CART_POLE).as_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["epsilon"]["in_evaluation"] == 0
    assert found["differences"] == [{"what": "epsilon", "training": 0.04, "evaluation": 0.0}]
