"""A resume for more agent steps than were planned: what depends on how many there are, from the first update on."""

from pathlib import Path
from typing import Any

import at_step  # noqa: F401  # registers the callback
import pytest
from short_runs import SPACE_INVADERS, the_run

from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.train import main as train

_FALLING = [
    "learning_rate.schedule:linear",
    "learning_rate.start:1.0e-4",
    "learning_rate.end:0",
    "learning_rate.fraction:1",
]


def test_the_first_updates_have_the_new_plans_learning_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the step at which it was stopped updates are still due: they are made before another step is stored."""
    monkeypatch.setenv("AT_STEP", "180 SIGTERM")
    assert train([*SPACE_INVADERS, *_FALLING, "callback:[at_step]", "-f", str(tmp_path)]) == 75
    monkeypatch.delenv("AT_STEP")
    rates, learn = [], DeepQ.train

    def looked_at(model: DeepQ, *arguments: Any, **named: Any) -> None:
        learn(model, *arguments, **named)
        rates.append(float(model.policy.optimizer.param_groups[0]["lr"]))

    monkeypatch.setattr(DeepQ, "train", looked_at)
    assert train(["--resume", str(the_run(tmp_path)), "-n", "720", "--allow-change", "n_timesteps"]) == 0
    assert rates[0] == pytest.approx(0.75e-4, rel=1e-6)  # by the plan of 360 it would be 0.5e-4
    assert rates[-1] == pytest.approx(0, abs=2e-6)
