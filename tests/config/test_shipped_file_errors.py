"""Mistakes in the YAML files that ship, or in what lies beneath RL-Zoo's: one line that names the file."""

import shutil
from pathlib import Path

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.shipped_files import shipped
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError

PONG = resolve("PongNoFrameskip-v4")


def test_a_mistake_in_a_shipped_file_names_it_from_the_hyperparams_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hyperparams" / "families").mkdir(parents=True)
    (tmp_path / "hyperparams" / "families" / "atari.yml").write_text("gamma: 1\nlearning_start: 3\n")
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        load("dqn", PONG)
    assert str(caught.value) == (
        "hyperparams/families/atari.yml:2: unknown key 'learning_start' for algorithm 'dqn'; "
        "did you mean 'learning_starts'?"
    )


def with_a_shipped_file(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """A copy of the shipped files in which one has another text."""
    shutil.copytree(shipped("")[0], folder / "hyperparams")
    (folder / "hyperparams" / name).write_text(text)
    monkeypatch.setattr("importlib.resources.files", lambda _: folder)
    monkeypatch.chdir(folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("algorithms/dqn.yml", "game: {lives: 3}\n", ":1: unknown key 'game' for algorithm 'dqn'"),
        ("algorithms/dqn.yml", "box2d: 3\n", ":1: box2d: the section of a family must be a mapping"),
        (
            "algorithms/dqn.yml",
            "atari:\n  gama: 1\n",
            ":2: unknown key 'gama' for algorithm 'dqn'; did you mean 'gamma'?",
        ),
        ("algorithms/dqn.yml", "complete: true\n", ":1: unknown key 'complete' for algorithm 'dqn'"),
        ("atari/pong.yml", "n_envs: 4\nsearch: {}\n", ":2: unknown key 'search' for algorithm 'dqn'"),
        ("algorithms/dqn.yml", "search:\n  inherit: [dqn]\n", ':2: unknown algorithm ["dqn"]'),
        ("algorithms/dqn.yml", "search:\n  inherit:\n", ":2: unknown algorithm null"),
        ("families/atari.yml", "gamma: 1\n", ": no value for 'n_timesteps', neither in a file nor on the command line"),
    ],
)
def test_what_a_shipped_file_may_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, message: str
) -> None:
    with_a_shipped_file(tmp_path, monkeypatch, name, text)
    with pytest.raises(UserError) as caught:
        load("dqn", PONG)
    assert str(caught.value).startswith(f"hyperparams/{name}{message}")


def test_what_lies_beneath_rl_zoos_files_may_lack_its_block_for_atari(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shipped("families/rl_zoo.yml")[0].read_text().partition("\natari:")[0]
    with_a_shipped_file(tmp_path, monkeypatch, "families/rl_zoo.yml", text)
    conf = tmp_path / "conf.yml"
    conf.write_text("atari: {n_timesteps: 10, policy: CnnPolicy}\n")
    assert load("dqn", PONG, conf_file=conf).hyperparameters.eval_protocol == "greedy"
    with_no_mapping = tmp_path / "hyperparams" / "families" / "rl_zoo.yml"
    with_no_mapping.write_text(f"{text}\natari: 3\n")
    with pytest.raises(UserError, match=r"hyperparams/families/rl_zoo.yml:\d+: atari: must be a mapping"):
        load("dqn", PONG, conf_file=conf)


def test_a_family_that_leaves_a_value_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hyperparams" / "families").mkdir(parents=True)
    (tmp_path / "hyperparams" / "families" / "atari.yml").write_text("n_timesteps: 5\n")
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no value for 'n_envs', neither in a file nor on the command line"):
        load("dqn", PONG)
