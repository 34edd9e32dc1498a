"""Runs with a `reward`, copies in the replay and batch normalisation: stopped, they go on to the same bytes."""

from pathlib import Path

import at_step  # noqa: F401  # registers the callback
import pytest
from short_runs import CART_POLE, SPACE_INVADERS, differences, the_run

from dqn_zoo_ext.storage.agent_file import read_policy_weights
from dqn_zoo_ext.train import main as train

NORMALISED = ["policy_kwargs.torso:mlp", "policy_kwargs.torso_kwargs:{net_arch: [8, 8], normalization: batch}"]
FALLEN = ["reward:[{scaled: {factor: 0.5}}, {at_end: {reward: -50}}]", "callback:[at_step]"]


def undisturbed_and_resumed(words: list[str], folder: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    assert train([*words, "-f", str(folder / "undisturbed")]) == 0
    monkeypatch.setenv("AT_STEP", f"{at} SIGTERM")
    assert train([*words, "-f", str(folder / "stopped")]) == 75
    monkeypatch.delenv("AT_STEP")
    run = the_run(folder / "stopped")
    assert train(["--resume", str(run)]) == 0
    return [the_run(folder / "undisturbed"), run]


@pytest.mark.parametrize(
    ("replay", "keywords", "changes"),
    [
        ("repeating", "{copies: 2, end_copies: 7}", []),  # 300 rows, overwritten several times in 600 agent steps
        ("repeating", "{copies: 3}", ["n_envs:2"]),
        ("frame_ring", "{end_copies: 5}", ["n_envs:2", "n_steps:3"]),
    ],
)
def test_cart_pole(
    replay: str, keywords: str, changes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [word for word in CART_POLE if not word.startswith("replay_buffer_class")]
    words += [*NORMALISED, *FALLEN, *changes, f"replay_buffer_class:{replay}", f"replay_buffer_kwargs:{keywords}"]
    runs = undisturbed_and_resumed(words, tmp_path, 316, monkeypatch)
    assert differences(*runs) == []
    weights = read_policy_weights(runs[1] / "CartPole-v1.zip")
    means = [name for name in weights if name.endswith("running_mean")]
    assert len(means) == 4  # of two layers, in the network that learns and in its target
    assert all(bool(weights[name].any()) for name in means)


@pytest.mark.slow
def test_space_invaders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [*SPACE_INVADERS, *FALLEN, "replay_buffer_kwargs:{end_copies: 4}"]
    assert differences(*undisturbed_and_resumed(words, tmp_path, 200, monkeypatch)) == []
