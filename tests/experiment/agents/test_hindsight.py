"""The doctor on runs that have been made."""

from pathlib import Path

import pytest

from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.agents.hindsight import warnings_of
from dqn_zoo_ext.experiment.doctor import diagnosis
from dqn_zoo_ext.experiment.doctor.resources import Memory
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.storage.run_folder import RunFolder

ENV = "CartPole-v1"
ONE_EVALUATION = "an agent should be evaluated during training"


def run_with(args: str, tmp_path: Path) -> RunFolder:
    run = RunFolder.claim(tmp_path, "dqn", ENV)
    run.args.write_text(args)
    return run


def configuration(**overrides: object) -> Configuration:
    return load("dqn", resolve(ENV), overrides={"n_timesteps": 400, "eval_freq": 2000, **overrides})


@pytest.mark.parametrize(
    ("args", "once"),
    [("eval_freq: 100\n", False), ("eval_freq: -1\n", False), ("eval_freq: null\n", True), ("{}\n", True)],
)
def test_the_options_of_the_run_count(args: str, once: bool, tmp_path: Path) -> None:
    found = warnings_of(run_with(args, tmp_path), configuration())
    assert any(line.startswith(ONE_EVALUATION) for line in found) == once


def test_checkpoints_that_the_run_was_told_not_to_make(tmp_path: Path) -> None:
    long = configuration(n_timesteps=1_000_000)
    for args, said in (("save_freq: -1\n", True), ("save_freq: null\n", False), ("save_freq: 50000\n", False)):
        found = warnings_of(run_with(args, tmp_path), long)
        assert any(line.startswith("a long run should save checkpoints") for line in found) == said


def test_arguments_of_rl_zoo_are_read_and_damaged_ones_are_one_line(tmp_path: Path) -> None:
    pairs = "- - - eval_freq\n    - 100\n  - - eval_env_kwargs\n    - null\n  - - trained_agent\n    - ''\n"
    dumped = run_with(f"!!python/object/apply:collections.OrderedDict\n{pairs}", tmp_path)
    assert not any(line.startswith(ONE_EVALUATION) for line in warnings_of(dumped, configuration()))
    for args, complaint in (
        ("eval_freq: often\n", "eval_freq must be a whole number or null, not 'often'"),
        ("eval_env_kwargs: often\n", "eval_env_kwargs must be a list of words, not 'often'"),
        ("trained_agent: gone.zip\n", "cannot read agent file gone.zip"),
        ("- 1\n", "expected a mapping"),
    ):
        with pytest.raises(UserError, match=complaint):
            warnings_of(run_with(args, tmp_path), configuration())


def test_nothing_is_said_of_the_machine_that_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "main_memory", lambda: Memory(1000, 10))
    monkeypatch.setattr(diagnosis, "free_disk", lambda _: 10)
    monkeypatch.setattr(diagnosis, "can_be_allocated", lambda _: False)
    monkeypatch.setattr(diagnosis, "gpu_left_unused", lambda: True)
    run, small = run_with("{}\n", tmp_path), configuration(precision="bf16")
    asked = RunOptions(log_folder=run.path, seed=0)
    names = {finding.name for finding in diagnosis.diagnose(small, asked, measure=False).findings}
    assert {"replay_memory", "disk", "gpu_unused"} <= names
    words = ("memory that is free", "fit on the disk", "a GPU that is there", "bf16 should be computed")
    assert not [line for line in warnings_of(run, small) if any(word in line for word in words)]
