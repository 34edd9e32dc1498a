"""The doctor knows what a yardstick does: whole rounds, no checkpoints, and no change that it would refuse."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.evaluation.protocols  # noqa: F401  # importing both registers what the files name
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.experiment.build import build_model, build_venv
from dqn_zoo_ext.experiment.doctor import Diagnosis, diagnose
from dqn_zoo_ext.experiment.doctor.forecast import forecast
from dqn_zoo_ext.experiment.doctor.resources import Memory
from dqn_zoo_ext.experiment.doctor.run_rules import Machine, machine_findings
from dqn_zoo_ext.experiment.options import RunOptions


def cartpole(algo: str = "sb3_dqn", **changes: Any) -> Configuration:
    return load(algo, resolve("CartPole-v1"), overrides={"gradient_steps": 1, **changes})


@pytest.mark.parametrize(
    ("n_timesteps", "n_envs", "train_freq", "learning_starts"),
    [(100, 1, 8, 20), (101, 1, 8, 24), (100, 4, 8, 21), (64, 2, 64, 0), (50, 1, 64, 100)],
)
def test_it_ends_and_learns_in_whole_rounds(
    n_timesteps: int, n_envs: int, train_freq: int, learning_starts: int, tmp_path: Path
) -> None:
    configuration = cartpole(
        n_timesteps=n_timesteps, n_envs=n_envs, train_freq=train_freq, learning_starts=learning_starts
    )
    run = forecast(configuration, RunOptions(log_folder=tmp_path, seed=0))
    venv = build_venv(configuration, n_envs, seed=0)
    model = build_model(configuration, venv, 0, "cpu").learn(n_timesteps)
    venv.close()
    assert (model.num_timesteps, model._n_updates) == (run.last_step, run.updates)
    assert run.epsilon_end == pytest.approx(model.exploration_rate)


def looked_at(configuration: Configuration, **options: int) -> Diagnosis:
    return diagnose(configuration, RunOptions(log_folder=Path(), seed=0, **options), measure=False)  # type: ignore[arg-type]


def test_a_run_that_ends_with_its_first_round_renews_no_target_network() -> None:
    found = looked_at(cartpole(n_timesteps=1024, train_freq=256, learning_starts=1000, target_update_interval=10))
    assert (found.run.first_update, found.run.updates, found.run.target_copies) == (1024, 1, 0)
    [finding] = [each for each in found.findings if each.name == "target_stays"]
    assert (finding.level, finding.suggestion) == ("warning", "a longer run (-n)")


def test_only_what_it_can_do_is_suggested() -> None:
    changes = {"n_timesteps": 20_000, "exploration.fraction": 0.01}
    for algo, expected in [
        ("sb3_dqn", "-params learning_starts:100"),
        ("dqn", "-params exploration_begins:learning_starts"),
    ]:
        [finding] = [each for each in looked_at(cartpole(algo, **changes)).findings if "before_learning" in each.name]
        assert finding.suggestion == expected


def test_a_ring_is_not_suggested_where_it_would_be_refused() -> None:
    found = looked_at(load("sb3_dqn", resolve("Pong"), overrides={"n_timesteps": 200_000}))
    assert found.sizes.replay is not None
    assert 5.6e9 < found.sizes.replay < 5.7e9
    small = Machine(
        memory=Memory(4 * 10**9, 3 * 10**9), replay_is_granted=True, free_disk=None, gpu_unused=False, has_bf16=True
    )
    options = RunOptions(log_folder=Path(), seed=0)
    [finding] = machine_findings(found.configuration, options, found.run, found.sizes, small)
    assert finding.suggestion == "-params buffer_size:42000"


def test_observations_kept_once_take_half_the_memory() -> None:
    whole = looked_at(load("sb3_dqn", resolve("Pong"), overrides={"n_timesteps": 200_000}))
    settings = replace(whole.configuration.settings, optimize_memory_usage=True)
    half = looked_at(replace(whole.configuration, settings=settings))
    assert whole.sizes.replay is not None
    assert half.sizes.replay is not None
    assert half.sizes.replay / whole.sizes.replay == pytest.approx(0.5, abs=0.001)


def test_it_makes_no_checkpoints_and_the_doctor_says_so_of_long_runs() -> None:
    changes: dict[str, Any] = {"n_timesteps": 1_000_192, "target_update_interval": 1_000}
    found = looked_at(cartpole(**changes))
    assert found.sizes.checkpoints == 0
    assert "no_checkpoints" in [each.name for each in found.findings]
    assert "no_checkpoints" not in [each.name for each in looked_at(cartpole(**changes), save_freq=50_000).findings]
