"""A run that goes on in a new process evaluates as the old one would have, which had evaluated before."""

import shutil
from pathlib import Path

import pytest
from short_runs import CART_POLE, differences

from dqn_zoo_ext.envs.replaying.replayable_env import ReplayableEnv
from dqn_zoo_ext.train import main as train


@pytest.mark.parametrize("n_eval_envs", ["1", "2"])
def test_what_was_evaluated_before_the_kill_is_of_no_account(
    n_eval_envs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two environments the one that is done first is amid a game when the evaluation ends."""
    defaults = ReplayableEnv.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "reseed_after", 40)  # what an evaluation of usual length comes to in a long run
    more = ["--eval-episodes", "7", "--n-eval-envs", n_eval_envs, "--keep-checkpoints", "9"]
    assert train([*CART_POLE, *more, "-f", str(tmp_path)]) == 0
    never_stopped = tmp_path / "double_dqn" / "CartPole-v1_1"
    killed = Path(shutil.copytree(never_stopped, never_stopped.with_name("CartPole-v1_2")))
    for agent_steps in (450, 600):
        shutil.rmtree(killed / "checkpoints" / f"agent_steps_{agent_steps:012}")
    for left_at_the_end in ("results.json", "CartPole-v1.zip"):
        (killed / left_at_the_end).unlink()
    assert train(["--resume", str(killed)]) == 0
    assert differences(never_stopped, killed) == []
