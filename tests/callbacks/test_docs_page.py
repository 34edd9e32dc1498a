"""Every example in docs/callbacks.md, as it stands there."""

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_server import Hub

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.train import main as train

PAGE = (Path(__file__).parents[2] / "docs" / "callbacks.md").read_text(encoding="utf-8")
EXAMPLES: list[dict[str, Any]] = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def names_in(example: dict[str, Any]) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in example["callback"]]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: "+".join(names_in(example)))
def test_an_example_trains(
    example: dict[str, Any],
    tmp_path: Path,
    hub: Hub,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name in {"wandb", "trackio", "mlflow"} & set(names_in(example)):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"the extra {name} is not installed")
        if name == "mlflow":
            shutil.copy(request.getfixturevalue("mlflow_database"), tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    text = to_yaml(example).replace("USER", "ann")  # whose account the Hub of the tests has
    (tmp_path / "mine.yml").write_text(to_yaml({"CartPole-v1": yaml.safe_load(text)}))
    words = "--algo dqn --env CartPole-v1 -conf mine.yml -n 120 --seed 1 --eval-freq -1 --log-interval 1"
    assert train(words.split()) == 0
    output = capfd.readouterr()
    assert not re.search(r"callback '|no video|no agent is kept", output.out)
    assert "the training goes on" not in output.err
    (config,) = tmp_path.glob("logs/dqn/CartPole-v1_1/CartPole-v1/config.yml")
    assert yaml.safe_load(config.read_text())["callback"] == yaml.safe_load(text)["callback"]
    assert bool(hub.requests("POST", "/commit/")) == ("hub_upload" in names_in(example))


def test_the_page_has_an_example_of_each() -> None:
    registered = {name: registry.callbacks.get(name) for name in registry.callbacks.names()}
    ours = {name for name, each in registered.items() if each.__module__.startswith("dqn_zoo_ext.")}
    assert {name for example in EXAMPLES for name in names_in(example)} == ours
    table = {name for line in PAGE.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line[:40])}
    assert table >= ours


def test_the_programs_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(registry.callbacks, "_entries", dict(registry.callbacks._entries))
    with_sb3, of_ones_own = PROGRAMS
    exec(with_sb3, {})
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == [
        "agent_steps_00001000.mp4",
        "agent_steps_00002000.mp4",
    ]
    exec(of_ones_own, {"__name__": "mine"})
    words = f"--algo dqn --env CartPole-v1 -n 120 --seed 1 --eval-freq -1 --log-interval 1 -f {tmp_path} --verbose 0"
    assert train([*words.split(), "-params", "callback:[longest_game]"]) == 0
    header = (tmp_path / "dqn" / "CartPole-v1_1" / "progress.csv").read_text().splitlines()[0]
    assert "longest_game/agent_steps" in header
