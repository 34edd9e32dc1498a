"""The yardsticks through the real commands: a training, its agent played, a search, a look before, and refusals."""

import subprocess
import sys
from pathlib import Path

import pytest
import stable_baselines3
import torch
import yaml
from stable_baselines3.common.env_util import make_vec_env

from dqn_zoo_ext.doctor import main as doctor
from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.record_video import main as record_video
from dqn_zoo_ext.storage.agent_file import read_policy_weights
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train

YARDSTICKS = ("sb3_dqn", pytest.param("sb3_qrdqn", marks=pytest.mark.slow))
SOONER = ["-params", "learning_starts:200", "policy_kwargs.net_arch:[16]"]
LEFT_OFF = "no checkpoints for exact resume: {} is Stable-Baselines3's own, which cannot go on exactly; --save-freq"


@pytest.mark.parametrize(("algo", "name"), [("sb3_dqn", "SB3DQN"), ("sb3_qrdqn", "SB3QRDQN")])
def test_it_is_trained_and_played(algo: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"--algo {algo} --env CartPole-v1 -f {tmp_path} --device cpu".split()
    assert train([*words, "-n", "1000", "--seed", "1", "--save-freq", "500", *SOONER]) == 0
    out = capsys.readouterr().out
    assert LEFT_OFF.format(name) in out
    run = tmp_path / algo / "CartPole-v1_1"
    results = read_results(run / "results.json")
    assert (results.agent_steps, results.updates) == (1_024, 4 * 128)  # four whole rounds
    assert results.final is not None
    assert not (run / "checkpoints").exists()
    assert (run / "rl_model_500_steps.zip").is_file()
    assert evaluate([*words, "--episodes", "2", "--load-best"]) == 0
    assert enjoy([*words, "--no-render", "-n", "100"]) == 0
    assert record_video([*words, "-n", "30", "-o", str(tmp_path)]) == 0
    assert (tmp_path / f"{algo}-CartPole-v1.mp4").is_file()


def test_it_learns_what_stable_baselines3_learns_and_evaluations_change_nothing(tmp_path: Path) -> None:
    words = (
        "--algo sb3_dqn --env CartPole-v1 -n 600 --seed 7 --device cpu --verbose 0 --eval-freq 200 --eval-episodes 1"
    )
    conf = {"CartPole-v1": {"n_timesteps": 600, "policy": "MlpPolicy"}}
    (tmp_path / "conf.yml").write_text(yaml.safe_dump(conf))  # in RL-Zoo's format: Stable-Baselines3's defaults
    assert train([*words.split(), "-f", str(tmp_path), "-conf", str(tmp_path / "conf.yml")]) == 0
    weights = read_policy_weights(tmp_path / "sb3_dqn" / "CartPole-v1_1" / "CartPole-v1.zip")
    stock = stable_baselines3.DQN("MlpPolicy", make_vec_env("CartPole-v1"), seed=7, device="cpu").learn(600)
    assert stock._n_updates > 0
    expected = stock.policy.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weight, expected[name]) for name, weight in weights.items())


def test_more_training_goes_on_from_an_agent(tmp_path: Path) -> None:
    words = f"--algo sb3_qrdqn --env CartPole-v1 -f {tmp_path} --device cpu --verbose 0 -n 400 --eval-freq -1".split()
    more = ["train_freq:8", "gradient_steps:1"]
    assert train([*words, *SOONER, *more]) == 0
    agent = tmp_path / "sb3_qrdqn" / "CartPole-v1_1" / "CartPole-v1.zip"
    with pytest.raises(UserError) as caught:
        train(["--resume", str(agent.parent)])
    message = f"--resume: runs of 'sb3_qrdqn' make no checkpoints; for more training: --trained-agent {agent}"
    assert str(caught.value) == message
    assert train([*words, "-i", str(agent), *SOONER, *more]) == 0
    assert read_results(tmp_path / "sb3_qrdqn" / "CartPole-v1_2" / "results.json").agent_steps == 800


@pytest.mark.slow
@pytest.mark.parametrize("algo", YARDSTICKS)
def test_its_hyperparameters_are_searched(algo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        f"--algo {algo} --env CartPole-v1 -optimize --n-trials 2 -n 300 --eval-episodes 1 -f {tmp_path} --device cpu"
    )
    assert train([*words.split(), "--no-optim-plots", *SOONER, "train_freq:64", "gradient_steps:1"]) == 0
    assert "2 trials: 2 complete" in capsys.readouterr().out


@pytest.mark.parametrize("algo", YARDSTICKS)
def test_the_doctor_measures_it(algo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"--algo {algo} --env CartPole-v1 -n 1000 -f {tmp_path} --device cpu -params n_envs:4 learning_starts:200"
    assert doctor(words.split()) == 0
    out = capsys.readouterr().out
    assert "1,024 agent steps in 4 environments" in out
    assert "512 updates" in out
    assert "without learning" in out  # measured


@pytest.mark.parametrize(
    ("verb", "words", "message"),
    [
        (
            "config",
            "-params policy_kwargs.torso:nips",
            "error: -params: policy_kwargs.torso: must be 'flatten', not 'nips'",
        ),
        (
            "train",
            "-params optimize_memory_usage:true",
            "error: cannot build 'sb3_dqn' for CartPole-v1: ReplayBuffer does not support optimize_memory_usage = True",
        ),
    ],
)
def test_what_it_cannot_do_is_one_line_and_exit_code_2(verb: str, words: str, message: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"dqn_zoo_ext.{verb}", "--algo", "sb3_dqn", "--env", "CartPole-v1", *words.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0].startswith(message)
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.rglob("*.zip")) == []
