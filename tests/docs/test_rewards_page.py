"""docs/rewards.md: its examples train, and its table names what there is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import dqn_zoo_ext.envs  # noqa: F401  # they register themselves
from dqn_zoo_ext import registry
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.train import main as train

PAGE = (Path(__file__).parents[2] / "docs" / "rewards.md").read_text(encoding="utf-8")
EXAMPLES: list[dict[str, Any]] = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_every_step_is_in_the_table() -> None:
    assert sorted(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == list(registry.rewards.names())


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(each, marks=pytest.mark.slow if number > 0 else (), id=next(iter(each)))
        for number, each in enumerate(EXAMPLES)
    ],
)
def test_an_example_trains(example: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(to_yaml(example))
    words = f"--algo dqn --env CartPole-v1 -conf {tmp_path / 'mine.yml'} -n 120 --seed 1 --eval-freq -1 -f {tmp_path}"
    assert train([*words.split(), "-params", "learning_starts:20", "train_freq:4", "batch_size:16"]) == 0
