"""``train -i`` with an agent's file that somebody made up: one line and exit code 2, and no run folder."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.storage.agent_file import read_optimizer_state
from dqn_zoo_ext.train import main as train

_CART_POLE = (
    "--algo dqn --env CartPole-v1 --seed 3 -n 60 --eval-freq -1 --verbose 0 "
    "-params learning_starts:20 buffer_size:60 batch_size:8 train_freq:4 gradient_steps:1 policy_kwargs.net_arch:[16]"
)
WORDS = _CART_POLE.split()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agent")
    assert train([*WORDS, "-f", str(folder)]) == 0
    return folder / "dqn" / "CartPole-v1_1" / "CartPole-v1.zip"


def with_member(agent: Path, member: str, state: object, path: Path) -> Path:
    saved = io.BytesIO()
    torch.save(state, saved)
    with zipfile.ZipFile(agent) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, saved.getvalue() if name == member else old.read(name))
    return path


def complaint(agent: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    logs = agent.parent / "logs"
    with pytest.raises(SystemExit) as ended:
        run_verb(train, [*WORDS, "-f", str(logs), "-i", str(agent)])
    assert ended.value.code == 2
    assert not logs.exists()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    return line.removeprefix(f"error: agent file {agent} ")


def without_step(state: dict[int, Any]) -> object:
    return {number: {name: each for name, each in kept.items() if name != "step"} for number, kept in state.items()}


STATES: dict[str, tuple[Callable[[dict[int, Any]], object], str]] = {
    "short means": (
        lambda state: {number: {**each, "exp_avg": torch.zeros(3)} for number, each in state.items()},
        r"weight 0: 'exp_avg' is (3,) float32, not (16, 4) float32",
    ),
    "means that are not stored": (
        lambda state: {**state, 1: {**state[1], "exp_avg": torch.zeros(1).expand(16)}},
        "weight 1: 'exp_avg' has more numbers than are stored of it",
    ),
    "no steps": (without_step, "weight 0 is not step, exp_avg, exp_avg_sq"),
    "a number": (lambda _: 5, "the optimizer's state is int, not a mapping from weights"),
    "a number for a weight": (lambda _: {0: 7}, "weight 0 is not step, exp_avg, exp_avg_sq"),
    "nothing": (lambda _: None, "the optimizer's state is NoneType, not a mapping from weights"),
}


@pytest.mark.parametrize(("change", "message"), STATES.values(), ids=STATES)
def test_the_optimizers_state(
    change: Callable[[dict[int, Any]], object],
    message: str,
    agent: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = read_optimizer_state(agent)
    state = {**whole, "state": change(whole["state"])}
    armed = with_member(agent, "policy.optimizer.pth", state, tmp_path / "armed.zip")
    said = complaint(armed, capsys)
    assert said.startswith("does not fit the configuration: ")
    assert message in said


def test_a_weight_whose_name_clears_the_screen(agent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    armed = with_member(agent, "policy.pth", {"\x1b[2J": torch.zeros(3)}, tmp_path / "armed.zip")
    assert r"'\x1b[2J' in 'policy.pth' is no name that can be shown" in complaint(armed, capsys)


def test_an_honest_agent(agent: Path, tmp_path: Path) -> None:
    assert train([*WORDS, "-f", str(tmp_path), "-i", str(agent)]) == 0
    before, after = (
        read_optimizer_state(each)["state"][0]["step"]
        for each in (agent, tmp_path / "dqn" / "CartPole-v1_1" / "CartPole-v1.zip")
    )
    assert after > before > 0
