"""A search over real frames with Hyperband: what is promoted goes on, and what the search does not name stays."""

from pathlib import Path

import optuna
import pytest
import yaml
from optuna.trial import TrialState

from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train
from dqn_zoo_ext.tune import main as tune

CONF = """\
n_timesteps: 640
n_envs: 4
learning_starts: 60
buffer_size: 1000
batch_size: 8
train_freq: 16
gradient_steps: 1
policy_kwargs: {torso: nips}
optimizer: deepmind_rmsprop
optimizer_kwargs: {decay: 0.9}
preprocessing_kwargs: {max_frames_per_game: 400}
eval_episodes: 1
search:
  batch_size: null
  exploration.end: null
  target_update_interval: null
"""


@pytest.mark.slow
def test_promoted_trials_continue(tmp_path: Path) -> None:
    conf, logs = tmp_path / "mine.yml", tmp_path / "logs"
    conf.write_text(CONF)
    words = "--algo dqn --env SpaceInvadersNoFrameskip-v4 --seeds 1 --n-trials 6 --n-startup-trials 4"
    words += " --pruner hyperband --n-evaluations 3 --reduction-factor 2 --confirm-seeds 0 --study-name bands"
    assert tune([*words.split(), "--verbose", "0", "-conf", str(conf), "-f", str(logs)]) == 0
    folder = logs / "studies" / "bands"
    trials = optuna.load_study(study_name="bands", storage=f"sqlite:///{folder / 'study.db'}").trials
    assert len(trials) == 6
    states = {trial.state for trial in trials}
    assert TrialState.COMPLETE in states
    for trial in trials:
        steps = list(trial.intermediate_values)
        assert steps == [160, 320, 640][: len(steps)]
        assert (len(steps) == 3) == (trial.state == TrialState.COMPLETE)
        run = folder / "trials" / f"trial_{trial.number}" / "dqn" / "SpaceInvadersNoFrameskip-v4_1"
        results = read_results(run / "results.json")
        # one run through all its rungs: its counters are those of one training, and each rung was evaluated once
        assert results.agent_steps == steps[-1]
        assert [each.agent_steps for each in results.evaluations] == steps
        assert len((run / "SpaceInvadersNoFrameskip-v4" / "command.txt").read_text().splitlines()) == 1
        config = yaml.safe_load((run / "SpaceInvadersNoFrameskip-v4" / "config.yml").read_text())
        assert config["policy_kwargs"] == {"torso": "nips", "head": "linear"}
        assert (config["optimizer"], config["optimizer_kwargs"]["decay"]) == ("deepmind_rmsprop", 0.9)
        assert config["learning_rate"] == trial.params["learning_rate"]
        assert config["batch_size"] == 8
    # the best one is the very run that its values make without any rung
    best = max((trial for trial in trials if trial.state == TrialState.COMPLETE), key=lambda trial: trial.values[0])
    words = f"--algo dqn --env SpaceInvadersNoFrameskip-v4 --seed 1 -f {tmp_path / 'alone'} --num-threads 1 --verbose 0"
    assert train([*words.split(), "-conf", str(folder / "winner.yml"), "--eval-freq", "640"]) == 0
    alone, searched = (
        read_results(logs_of / "dqn" / "SpaceInvadersNoFrameskip-v4_1" / "results.json")
        for logs_of in (tmp_path / "alone", folder / "trials" / f"trial_{best.number}")
    )
    assert alone.final == searched.final
    assert alone.updates == searched.updates
