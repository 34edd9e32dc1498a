"""A preprocessing that is told to clip, beside a configuration that says what becomes of rewards."""

from pathlib import Path

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError

PONG = resolve("PongNoFrameskip-v4")


@pytest.mark.parametrize("reward", ["[sign]", "sign", "{at_end: {reward: -1}}"])
def test_clipping_beside_a_reward(tmp_path: Path, reward: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(f"reward: {reward}\npreprocessing_kwargs:\n  clip_reward: true\n")
    with pytest.raises(UserError) as caught:
        load("dqn", PONG, conf_file=path)
    assert str(caught.value) == (
        f"{path}:3: preprocessing_kwargs.clip_reward: clip_reward: true would take the size of every reward away "
        "before 'reward' sees it; leave it out, and say 'sign' in 'reward' where that is meant"
    )
    path.write_text(f"reward: {reward}\npreprocessing_kwargs: {{clip_reward: false}}\n")
    assert len(load("dqn", PONG, conf_file=path).hyperparameters.reward) == 1
    path.write_text("reward: []\npreprocessing_kwargs: {clip_reward: true}\n")
    assert load("dqn", PONG, conf_file=path).hyperparameters.reward == []
