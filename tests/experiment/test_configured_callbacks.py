"""The callbacks of a configuration, in a run and in a trial."""

from pathlib import Path

import pytest

from dqn_zoo_ext.callbacks import Lent, Milestones, StopAtScore, Video
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.callbacks import configured_callbacks, lent_by
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.storage.run_folder import RunFolder


def configuration(callback: str) -> Configuration:
    return load("dqn", resolve("CartPole-v1"), overrides={"callback": callback})


def lent(of: Configuration, folder: Path) -> Lent:
    options = RunOptions(log_folder=folder, seed=7)
    return lent_by(of, options, RunFolder(folder, "dqn", "CartPole-v1"), print, lambda: None)


def test_a_trial_has_no_place_for_those_that_borrow_from_a_run(tmp_path: Path) -> None:
    of = configuration("[video, {milestones: {scores: [9]}}, {stop_at_score: {score: 9}}]")
    assert [type(each) for each in configured_callbacks(of)] == [StopAtScore]
    assert [type(each) for each in configured_callbacks(of, lent(of, tmp_path))] == [Video, Milestones, StopAtScore]


def test_what_is_lent(tmp_path: Path) -> None:
    given = lent(configuration("[]"), tmp_path)
    assert given.name == "CartPole-v1__dqn__7"
    assert {key: given.configuration[key] for key in ("algo", "env", "seed")} == {
        "algo": "dqn",
        "env": "CartPole-v1",
        "seed": 7,
    }


def test_a_protocol_that_does_not_exist(tmp_path: Path) -> None:
    of = configuration("[{video: {protocol: nature-2051}}]")
    with pytest.raises(UserError, match="unknown evaluation protocol 'nature-2051'; did you mean 'nature-2015'"):
        configured_callbacks(of, lent(of, tmp_path))
