"""`train` on the real emulator and on CartPole: what lies in the folder, and that equal seeds give equal bytes."""

import csv
import json
import re
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import SMALL_ATARI
from safetensors.torch import load_file
from stable_baselines3.common.monitor import load_results
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.cli.verb import python_to_type
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.storage.agent_file import read_counters, read_optimizer_state, read_policy_weights
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train


def test_the_run_folder_is_laid_out_as_rl_zoo_does(logs: Path) -> None:
    run = logs / "dqn" / "PongNoFrameskip-v4_1"
    files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    tensorboard = {name for name in files if name.startswith("tensorboard/")}
    assert len(tensorboard) == 1
    checkpoints = {name for name in files if name.startswith("checkpoints/")}
    assert {name.split("/")[1] for name in checkpoints} == {
        "agent_steps_000000000400",
        "agent_steps_000000000600",
        "replay",
    }
    assert files - tensorboard - checkpoints == {
        ".lock",
        "PongNoFrameskip-v4.zip",
        "best_model.zip",
        "rl_model_400_steps.zip",
        "evaluations.npz",
        "0.monitor.csv",
        "progress.csv",
        "results.json",
        "PongNoFrameskip-v4/config.yml",
        "PongNoFrameskip-v4/args.yml",
        "PongNoFrameskip-v4/command.txt",
    }


def test_results_say_what_happened(logs: Path) -> None:
    results = read_results(logs / "dqn" / "PongNoFrameskip-v4_1" / "results.json")
    assert (results.agent_steps, results.frames, results.seed) == (600, 2400, 1)
    assert results.updates == 25  # 400 transitions after learning has started, one update for 16
    assert results.final is not None
    assert results.final.agent_steps == 600
    assert results.final.protocol == "nature-2015"
    assert results.best == results.final
    assert results.command.startswith("python -m dqn_zoo_ext.train --algo dqn --env PongNoFrameskip-v4")


def test_other_tools_can_read_the_folder(logs: Path) -> None:
    run = logs / "double_dqn" / "CartPole-v1_1"
    evaluations = np.load(run / "evaluations.npz")
    assert evaluations["timesteps"].tolist() == [2000, 2500]
    assert evaluations["results"].shape == evaluations["ep_lengths"].shape == (2, 10)
    games = load_results(str(run))
    assert len(games) > 10
    assert 2000 < games["l"].sum() <= 2500  # lengths are agent steps: all of them but the unfinished game's
    config = yaml.safe_load((run / "CartPole-v1" / "config.yml").read_text())
    assert config["learning_rate"] == 2.3e-3
    assert yaml.safe_load((run / "CartPole-v1" / "args.yml").read_text())["seed"] == 1
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    assert {"rollout/ep_rew_mean", "eval/mean_reward", "train/loss"} <= set(events.Tags()["scalars"])
    with (run / "progress.csv").open() as file:
        assert float(list(csv.DictReader(file))[-1]["rollout/exploration_rate"]) < 1
    loaded = DQN.load(run / "CartPole-v1.zip")
    assert loaded.num_timesteps == 2500


def _weights(tmp_path: Path, name: str, words: str) -> bytes:
    folder = tmp_path / name
    assert train([*words.split(), "-f", str(folder)]) == 0
    (agent,) = folder.glob("*/*/P*.zip")
    with zipfile.ZipFile(agent) as archive:
        return archive.read("policy.pth")


def test_equal_seeds_give_equal_bytes_on_the_real_emulator(tmp_path: Path) -> None:
    words = "--algo double_dqn --env PongNoFrameskip-v4 -n 400 --eval-freq {eval} --eval-episodes 1 --seed {seed}"
    words += f" --verbose 0 -params preprocessing_kwargs.max_frames_per_game:400 {' '.join(SMALL_ATARI)}"
    once = _weights(tmp_path, "once", words.format(seed=1, eval=-1))
    # a run that is evaluated in between learns the same: evaluations take no random number from the training
    assert _weights(tmp_path, "again", words.format(seed=1, eval=150)) == once
    assert _weights(tmp_path, "other", words.format(seed=2, eval=-1)) != once


def test_it_says_how_far_it_is_and_where_everything_lies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(f"--algo dqn --env CartPole-v1 -n 600 --seed 3 -P -f {tmp_path}".split()) == 0
    out = capsys.readouterr().out
    assert re.search(r"600 / 600 agent steps .*\d+/s, score [\d.]+, epsilon 0\.\d+, 0:00:00 left", out)
    assert "evaluation after 600 agent steps" in out
    assert "0 updates: this network has not learned" in out  # learning_starts is 1,000
    assert re.search(r"\nevaluation: [\d.]+ ", out)  # the only one is no best one
    assert re.search(r"evaluating \d+%", out)
    assert f"everything lies in {tmp_path / 'dqn' / 'CartPole-v1_1'}" in out
    assert re.search(r"next: \S+ -m dqn_zoo_ext.evaluate --algo dqn --env CartPole-v1 -f \S+ --exp-id 1", out)


def test_training_goes_on_from_an_agent(tmp_path: Path) -> None:
    words = ["--algo", "dqn", "--env", "CartPole-v1", "--seed", "1", "-f", str(tmp_path), "--verbose", "0"]
    ring = ["-params", "replay_buffer_class:frame_ring", "learning_starts:100", "train_freq:2", "gradient_steps:1"]
    assert train([*words, "-n", "300", "--save-replay-buffer", *ring]) == 0
    first = tmp_path / "dqn" / "CartPole-v1_1" / "CartPole-v1.zip"
    before = read_optimizer_state(first)["state"]
    assert train([*words, "-n", "200", "-i", str(first), "--save-replay-buffer", *ring]) == 0
    second = tmp_path / "dqn" / "CartPole-v1_2"
    counters = read_counters(second / "CartPole-v1.zip")
    assert (counters.num_timesteps, counters.n_updates) == (500, 100 + 100)  # a full ring: learning starts at once
    after = read_optimizer_state(second / "CartPole-v1.zip")["state"]
    assert before[0]["step"] == 100
    assert after[0]["step"] == 200  # Adam counts its steps: its state was taken over
    stored = load_file(second / "replay_buffer.safetensors")
    assert int(stored["rows_added"]) == 500
    assert bool(stored["cuts"][299] | stored["ends"][299])  # the environments began anew there
    with (second / "progress.csv").open() as file:
        begun = next(csv.DictReader(file))
    assert float(begun["rollout/exploration_rate"]) < 0.2  # not at 1 again


def test_atari_training_goes_on_without_a_saved_replay(logs: Path, tmp_path: Path) -> None:
    agent = logs / "dqn" / "PongNoFrameskip-v4_1" / "PongNoFrameskip-v4.zip"
    words = f"--algo dqn --env Pong -n 400 --seed 2 -f {tmp_path} -i {agent} --eval-freq -1 -params"
    as_shipped = [word for word in SMALL_ATARI if not word.startswith(("n_envs", "train_freq"))]  # 8 and 4
    assert train([*words.split(), *as_shipped]) == 0
    counters = read_counters(tmp_path / "dqn" / "PongNoFrameskip-v4_1" / "PongNoFrameskip-v4.zip")
    assert counters.num_timesteps == 1000
    assert counters.n_updates == 25 + (400 - 200) / 4  # the ring is filled first: learning_starts counts from here


def test_what_was_learned_before_a_breakdown_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("the accelerator has gone")

    monkeypatch.setattr(DQN, "_draw", breaks)
    words = f"--algo dqn --env CartPole-v1 -n 3000 --seed 1 -f {tmp_path} --eval-freq -1 --verbose 0"
    with pytest.raises(RuntimeError, match="the accelerator has gone"):
        train(words.split())
    (run,) = (tmp_path / "dqn").iterdir()
    (checkpoint,) = run.glob("rl_model_*_steps.zip")
    assert read_counters(checkpoint).num_timesteps > 1000


def test_the_courses_yaml_for_rl_zoo_works_unchanged(tmp_path: Path) -> None:
    # the file that the Hugging Face course has its students write, with their own numbers of steps
    (tmp_path / "dqn.yml").write_text(
        "atari:\n"
        "  env_wrapper:\n"
        "    - stable_baselines3.common.atari_wrappers.AtariWrapper\n"
        "  frame_stack: 4\n"
        "  policy: 'CnnPolicy'\n"
        "  n_timesteps: !!float 3e2\n"
        "  buffer_size: 1000\n"
        "  learning_rate: !!float 1e-4\n"
        "  batch_size: 32\n"
        "  learning_starts: 100\n"
        "  target_update_interval: 1000\n"
        "  train_freq: 4\n"
        "  gradient_steps: 1\n"
        "  exploration_fraction: 0.1\n"
        "  exploration_final_eps: 0.01\n"
        "  optimize_memory_usage: False\n"
    )
    words = f"--algo dqn --env SpaceInvadersNoFrameskip-v4 -f {tmp_path} -c {tmp_path}/dqn.yml --eval-freq -1 --seed 1"
    assert train(words.replace("-c ", "-conf ").split()) == 0
    run = tmp_path / "dqn" / "SpaceInvadersNoFrameskip-v4_1"
    results = json.loads((run / "results.json").read_text())
    assert (results["agent_steps"], results["updates"]) == (300, 50)
    weights = read_policy_weights(run / "SpaceInvadersNoFrameskip-v4.zip")
    assert weights["q_net.features_extractor.cnn.0.weight"].shape == (32, 4, 8, 8)
    assert all(torch.isfinite(weight).all() for weight in weights.values())


def test_the_next_commands_name_a_python_that_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("python", "other/python"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert python_to_type() == "python"  # its environment is active
    monkeypatch.setenv("PATH", str(tmp_path / "other"))
    assert python_to_type() == f"{tmp_path.name}/python"  # it is not, but lies below
    monkeypatch.chdir(tmp_path / "other")
    assert python_to_type() == str(tmp_path / "python")


def test_what_is_told_to_type_next_finds_a_run_with_a_uuid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"--algo dqn --env CartPole-v1 -n 60 --eval-freq -1 --save-freq -1 -f {tmp_path} -uuid"
    told = []
    for seed in (1, 2):  # both have the number 1
        assert train([*words.split(), "--seed", str(seed)]) == 0
        told += [line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")]
    for seed, line in enumerate(told, start=1):
        _, _, arguments = line.partition("dqn_zoo_ext.evaluate ")
        assert evaluate([*shlex.split(arguments), "--episodes", "1", "--json"]) == 0
        agent = Path(json.loads(capsys.readouterr().out.splitlines()[-1])["agent"])
        assert read_results(agent.parent / "results.json").seed == seed
