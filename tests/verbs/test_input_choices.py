"""Runs that see other pictures: they train, are gone on with, are evaluated and filmed."""

import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest
import torch
import yaml

from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.record_video import main as record_video
from dqn_zoo_ext.storage.agent_file import read_policy_weights
from dqn_zoo_ext.train import main as train

CHOICES = {
    "105 x 80": "subsample: 2\n  colour: mean\n  screen_size: null\n  stack_start: repeat\n  end_frame: blank",
    "colour": "colour: rgb\n  skip_after_life_loss: 20",
    "60 x 100": "screen_size: [60, 100]\n  crop_rows: [20, 200]\n  resize: bilinear",
}
FIRST_LAYER = {"105 x 80": (16, 4, 8, 8), "colour": (16, 12, 8, 8), "60 x 100": (16, 4, 8, 8)}
DENSE = {"105 x 80": (256, 32 * 11 * 8), "colour": (256, 2592), "60 x 100": (256, 32 * 6 * 11)}


@pytest.mark.parametrize(
    "name", ["colour", *(pytest.param(name, marks=pytest.mark.slow) for name in ("105 x 80", "60 x 100"))]
)
def test_a_short_training(name: str, tmp_path: Path) -> None:
    """200 agent steps, a checkpoint on the way; going on from it ends with the same weights, to the bit."""
    conf = tmp_path / "mine.yml"
    conf.write_text(
        "n_envs: 2\nlearning_starts: 60\nbuffer_size: 150\nbatch_size: 8\npolicy_kwargs:\n  torso: nips\n"
        f"preprocessing_kwargs:\n  {CHOICES[name]}\n"
    )
    words = f"--env BreakoutNoFrameskip-v4 -conf {conf} -n 200 --save-freq 100 --eval-freq -1 --seed 2 --device cpu"
    assert train([*words.split(), "-f", str(tmp_path / "logs")]) == 0
    run = tmp_path / "logs" / "dqn" / "BreakoutNoFrameskip-v4_1"
    agent = run / "BreakoutNoFrameskip-v4.zip"
    whole = read_policy_weights(agent)
    assert whole["q_net.features_extractor.cnn.0.weight"].shape == FIRST_LAYER[name]
    assert whole["q_net.features_extractor.linear.0.weight"].shape == DENSE[name]
    stopped = Path(shutil.copytree(run, tmp_path / "stopped" / "dqn" / run.name))
    shutil.rmtree(stopped / "checkpoints" / "agent_steps_000000000200")
    (stopped / "results.json").unlink()
    (stopped / agent.name).unlink()
    assert train(["--resume", str(stopped)]) == 0
    again = read_policy_weights(stopped / agent.name)
    assert all(torch.equal(whole[key], again[key]) for key in whole)
    kept = yaml.safe_load((run / run.name[:-2] / "config.yml").read_text())["preprocessing_kwargs"]
    assert kept == yaml.safe_load(f"  {CHOICES[name]}")


def test_it_is_evaluated_and_filmed_as_it_was_trained(tmp_path: Path) -> None:
    """In colour, without waiting after lost lives; the film shows whole screens whatever the agent sees."""
    conf = tmp_path / "mine.yml"
    conf.write_text(f"preprocessing_kwargs:\n  {CHOICES['colour']}\n  max_frames_per_game: 200\n")
    small = "n_envs:2 learning_starts:50 buffer_size:100 policy_kwargs.torso:nips"
    words = f"--env PongNoFrameskip-v4 -conf {conf} -n 80 --eval-freq -1 --device cpu -params {small}"
    assert train([*words.split(), "-f", str(tmp_path)]) == 0
    which = f"--env PongNoFrameskip-v4 -f {tmp_path} --algo dqn"
    assert evaluate([*which.split(), "--episodes", "1", "--device", "cpu"]) == 0
    assert record_video([*which.split(), "-n", "40", "-o", str(tmp_path / "films")]) in (0, None)
    assert list((tmp_path / "films").rglob("*.mp4"))
    with ZipFile(tmp_path / "dqn" / "PongNoFrameskip-v4_1" / "PongNoFrameskip-v4.zip") as archive:
        assert "policy.pth" in archive.namelist()
