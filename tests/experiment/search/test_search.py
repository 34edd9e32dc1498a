"""`train -optimize` and `tune` on CartPole: what is kept, gone on with, given up, confirmed, and reported."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest
import yaml
from optuna.trial import TrialState
from small_searches import RANDOM, SMALL, Place

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.search.confirm import Confirmation
from dqn_zoo_ext.storage.agent_file import read_policy_weights
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train
from dqn_zoo_ext.tune import main as tune


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_trials_winner_and_lines(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.optimize("--n-trials 3 --n-jobs 2 --pruner none -params gamma:0.9 --confirm-seeds 1") == 0
    rows, path = place.rows(), place.path
    assert [row["number"] for row in rows] == ["0", "1", "2"]
    assert {row["state"] for row in rows} == {"COMPLETE"}
    assert "params_learning_rate" in rows[0]
    assert "params_gamma" not in rows[0]  # given, so not searched for
    best = max(rows, key=lambda row: float(row["value"]))

    head, plain = (path / "winner.yml").read_text(), place.winner()
    assert head.startswith(f"# Trial {best['number']} of study 'dqn-CartPole-v1_1', score ")
    assert re.search(r"^# with fresh seed 2 the mean is (no )?higher \([\d.]+ beside [\d.]+ wit", head, re.MULTILINE)
    assert "\n# fewer than 3 runs each prove nothing: other seeds may well turn the order round\n" in head
    assert "\n# n_timesteps is the trials' length: add -n for a longer run.\n" in head
    assert plain["learning_rate"] == float(best["params_learning_rate"])
    assert plain["exploration"]["end"] == float(best["params_exploration.end"])
    assert (plain["gamma"], plain["optimizer"], plain["optimizer_kwargs"]["eps"]) == (0.9, "deepmind_rmsprop", 0.02)
    assert plain["policy_kwargs"] == {"net_arch": [256, 256], "activation": "tanh"}

    lines = capsys.readouterr().out.splitlines()
    told = [line for line in lines if re.match(r"trial \d: [\d.]+, best so far [\d.]+ in trial \d, \d+ s", line)]
    assert len(told) == 3
    assert f"all trials: {path / 'trials.csv'}" in lines
    assert (path / "report.html").is_file()
    # the command that the search ends with trains to the score that the trial claims
    lost = "the mean is no higher" in head
    assert ("it did no better there than what it began from: keep that, or search longer" in lines) == lost
    beginning = "to train with it all the same: " if lost else "next: "
    words = next(line for line in lines if line.startswith(beginning)).partition(" -m ")[2].split()[1:]
    assert train([*words, "-f", str(place.logs), "--seed", "1", "--num-threads", "1", "--verbose", "0"]) == 0
    run = place.logs / "dqn" / "CartPole-v1_1"
    assert yaml.safe_load((run / "CartPole-v1" / "config.yml").read_text()) == plain
    final = read_results(run / "results.json").final
    assert final is not None
    assert final.mean == float(best["value"])


def test_only_files_that_are_there_are_told_of_and_modules_are_named_again(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    events = place.folder / "tb"
    words = f"--n-trials 2 --pruner none --no-optim-plots --gym-packages faults_of_trials -tb {events}"
    assert place.optimize(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not (place.path / "report.html").exists()
    assert not any("report" in line for line in lines)
    (follows,) = (line for line in lines if line.startswith("next: "))
    assert follows.endswith(" --gym-packages faults_of_trials")
    # of one name in their log folders, and not one run to TensorBoard
    assert sorted(path.name for path in (events / "dqn").iterdir()) == ["CartPole-v1_1", "CartPole-v1_1_2"]


def test_two_sessions_of_a_study_are_one(tmp_path: Path) -> None:
    once, twice = Place(tmp_path), Place(tmp_path)
    once.logs, twice.logs = tmp_path / "once", tmp_path / "twice"
    assert once.optimize(f"--n-trials 3 {RANDOM}") == 0
    for trials in (1, 2):
        assert twice.optimize(f"--n-trials {trials} {RANDOM} --study-name cart") == 0
    values = [[(trial.params, trial.value) for trial in place.study.trials] for place in (once, twice)]
    assert values[0] == values[1]
    assert len({trial.params["learning_rate"] for trial in twice.study.trials}) == 3  # none is tried again


def test_a_total_counts_the_sessions_before(place: Place) -> None:
    assert place.optimize(f"--n-trials 1 {RANDOM} --study-name cart") == 0
    for _ in range(2):
        assert place.optimize(f"--max-total-trials 2 --n-trials 9 {RANDOM} --study-name cart") == 0
        assert len(place.study.trials) == 2


@pytest.mark.parametrize("by", ["tune", pytest.param("train -optimize", marks=pytest.mark.slow)])
def test_the_same_command_goes_on_with_its_study(by: str, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    words = f"--env CartPole-v1 -conf {place.conf} -f {place.logs} --study-name cart --confirm-seeds 0 --pruner none"
    for number in (1, 2):  # no seed is given
        if by == "tune":
            assert tune([*words.split(), "--n-trials", str(number)]) == 0
        else:
            assert train([*words.split(), "-optimize", "--n-trials", "1"]) == 0
        assert len(place.study.trials) == number
        out = capsys.readouterr().out
        assert "updates and" in out  # the doctor's look
        assert "study 'cart' has" in out
    values = {trial.params["learning_rate"] for trial in place.study.trials}
    assert len(values) == 2


def test_a_search_of_networks_that_never_learn_says_so(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.tune("--n-trials 1 --pruner none -params learning_starts:5000") == 0
    assert "a run must be longer than its learning_starts" in capsys.readouterr().out


def test_the_median_pruner_gives_up_what_lags(place: Place) -> None:
    words = "--n-trials 6 --n-jobs 1 --n-evaluations 4 --n-startup-trials 1 --sampler random --eval-episodes 1"
    assert place.tune(f"{words} --verbose 0 -params learning_starts:100") == 0
    trials = place.study.trials
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED]
    assert pruned
    assert len(pruned) < len(trials)
    for trial in trials:
        steps = list(trial.intermediate_values)
        assert steps == [50, 100, 150, 200][: len(steps)]
        assert trial.value == trial.intermediate_values[steps[-1]]
        results = read_results(place.run(trial.number) / "results.json")
        assert [each.agent_steps for each in results.evaluations] == steps
        assert [each.mean for each in results.evaluations] == list(trial.intermediate_values.values())
        assert (trial in pruned) == (len(steps) < 4)
        assert not (place.run(trial.number) / "checkpoints").exists()  # nobody needs them any more


@pytest.mark.slow
def test_each_trials_runs_are_kept(place: Place) -> None:
    place.conf.write_text(
        f"{SMALL}search: {{policy_kwargs.net_arch: {{type: categorical, choices: [[8], [16, 4]]}}}}\n"
        "exploration: {end: 0.1}\n"
    )
    kept = place.folder / "kept"
    assert place.optimize(f"--n-trials 4 --n-evaluations 2 {RANDOM} --optimization-log-path {kept}") == 0
    kept /= place.path.name
    assert sorted(path.name for path in kept.iterdir()) == [f"trial_{number}" for number in range(4)]
    widths = set()
    for row in place.rows():
        run = kept / f"trial_{row['number']}" / "dqn" / "CartPole-v1_1"
        with np.load(run / "evaluations.npz") as evaluations:
            assert evaluations["results"][-1].mean() == float(row["value"])
        chosen = yaml.safe_load((run / "CartPole-v1" / "config.yml").read_text())["policy_kwargs"]
        assert chosen == {"net_arch": yaml.safe_load(row["params_policy_kwargs.net_arch"]), "activation": "tanh"}
        weights = read_policy_weights(run / "best_model.zip")
        first = next(weight for name, weight in weights.items() if name.endswith("0.weight"))
        assert first.shape == (chosen["net_arch"][0], 4)
        widths.add(first.shape[0])
    assert widths == {8, 16}


@pytest.mark.slow
def test_several_games_and_seeds_go_from_rung_to_rung_together(place: Place) -> None:
    place.conf.write_text("n_timesteps: 300\nlearning_starts: 50\neval_episodes: 1\npolicy_kwargs: {net_arch: [8]}\n")
    assert place.tune("--seeds 3 4 --n-trials 2 --n-evaluations 3 --sampler random --pruner median --verbose 0") == 0
    for trial in place.study.trials:
        runs = sorted((place.path / "trials" / f"trial_{trial.number}").glob("dqn/CartPole-v1_*"))
        results = [read_results(run / "results.json") for run in runs]
        assert [each.seed for each in results] == [3, 4]
        for step, value in trial.intermediate_values.items():
            at_step = [one.mean for each in results for one in each.evaluations if one.agent_steps == step]
            assert value == np.mean(at_step)
            assert len(at_step) == 2
        assert list(trial.intermediate_values) == [100, 200, 300]


def test_several_objectives_have_a_front(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.tune("--n-trials 3 --objectives score speed memory --sampler nsga-ii --pruner none") == 0
    study = place.study
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MAXIMIZE", "MINIMIZE"]
    for trial in study.trials:
        assert len(trial.values) == 3
        assert trial.values[2] > 100 * 2**20  # bytes of the trial's process
    assert "on the Pareto front" in capsys.readouterr().out
    assert {"values_score", "values_speed", "values_memory"} <= place.rows()[0].keys()


def test_a_trial_that_fails_says_why_and_the_search_goes_on(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    marks = place.folder / "marks"
    marks.mkdir()
    place.conf.write_text(
        f"{SMALL}"
        "loss: mse\n"
        "search:\n"
        "  learning_rate: {type: categorical, choices: [1.0e-4, 1.0e+30]}\n"  # the second one ends in NaN
        "  preprocessing: {type: categorical, choices: [none, atari]}\n"  # the second one is not for CartPole
        f"callback: [{{fault_of_a_trial: {{kind: mistake, marks: '{marks}'}}}},"
        f" {{fault_of_a_trial: {{kind: killed, marks: '{marks}', after: 3}}}}]\n"
    )
    words = "--n-trials 12 --sampler random --pruner none --gym-packages faults_of_trials"
    assert place.optimize(f"{words} -params gamma:0.9 batch_size:32") == 0
    rows = place.rows()
    reasons = {row["user_attrs_reason"] for row in rows}
    assert any("is for Atari" in reason for reason in reasons)
    assert "ZeroDivisionError: a mistake" in reasons
    assert "its process was ended by SIGKILL; the system does that when memory is full" in reasons
    assert any("is not finite" in reason and "evidence" in reason for reason in reasons)
    for row in rows:
        assert (row["state"] == "FAIL") == bool(row["user_attrs_reason"])
    complete = [row for row in rows if row["state"] == "COMPLETE"]
    assert complete
    assert {(row["params_learning_rate"], row["params_preprocessing"]) for row in complete} == {("0.0001", "none")}
    assert re.search(r"^trial \d+: failed: ZeroDivisionError: a mistake, ", capsys.readouterr().out, re.MULTILINE)


def test_a_search_without_a_complete_trial(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    marks = place.folder / "marks"
    marks.mkdir()
    place.conf.write_text(f"{SMALL}callback: [{{fault_of_a_trial: {{kind: mistake, marks: '{marks}', trials: 9}}}}]\n")
    with pytest.raises(SystemExit) as exit_:
        run_verb(lambda words: place.optimize(" ".join(words or [])), ["--n-trials 2 --gym-packages faults_of_trials"])
    captured = capsys.readouterr()
    assert exit_.value.code == 2
    assert captured.err == f"error: no trial of the search was completed; {place.path / 'trials.csv'} says why\n"
    assert [row["state"] for row in place.rows()] == ["FAIL", "FAIL"]
    assert not (place.path / "winner.yml").exists()


def test_a_trial_that_is_stopped_goes_on_from_its_checkpoint(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    marks = place.folder / "marks"
    marks.mkdir()
    fault = f"{{kind: ctrl_c, marks: '{marks}', process: {os.getpid()}, after: 1}}"
    place.conf.write_text(f"{SMALL}callback: [{{fault_of_a_trial: {fault}}}]\n")
    words = "--max-total-trials 4 --study-name cart --n-jobs 1 --gym-packages faults_of_trials --sampler random "
    assert place.optimize(f"{words} --pruner none") == 75
    assert [trial.state for trial in place.study.trials] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.WAITING]
    steps = max(CheckpointFolder(place.run(1) / "checkpoints").unchecked())
    assert 0 < steps < 200
    assert "the same command with --study-name cart goes on" in capsys.readouterr().out
    assert place.optimize(f"{words} --pruner none") == 0
    trials = place.study.trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert trials[2].params == trials[1].params
    assert not (place.path / "trials" / "trial_2").exists()  # its run is that of trial 1
    command = (place.run(1) / "CartPole-v1" / "command.txt").read_text().splitlines()
    assert len(command) == 1
    monitor = (place.run(1) / "0.monitor.csv").read_text().splitlines()
    assert sum(int(line.split(",")[1]) for line in monitor[2:]) <= 200  # no game was played twice


def test_training_with_a_trial_of_a_study(place: Place) -> None:
    assert place.optimize(f"--n-trials 2 --study-name cart {RANDOM}") == 0
    for number in (0, 1):
        words = f"--env CartPole-v1 --seed 1 -f {place.logs} --verbose 0 --trial-id {number} --study-name cart"
        given = ["-conf", str(place.conf), "-params", "batch_size:48", "exploration.start:0.5"]
        assert train([*words.split(), *given]) == 0
        run = place.logs / "dqn" / f"CartPole-v1_{number + 1}" / "CartPole-v1"
        config, chosen = yaml.safe_load((run / "config.yml").read_text()), place.study.trials[number].params
        assert config["learning_rate"] == chosen["learning_rate"]
        assert config["exploration"]["end"] == chosen["exploration.end"]
        assert config["exploration"]["start"] == 0.5
        assert config["batch_size"] == 48  # what is given on the command line stays
        assert config["optimizer"] == "deepmind_rmsprop"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-optimize --sampler tep", "--sampler: invalid choice: 'tep'"),
        ("-optimize --pruner medain", "--pruner: invalid choice: 'medain'"),
        ("-optimize --n-trials 0", "--n-trials: must be at least 1, not 0"),
        ("-optimize --n-jobs 0", "--n-jobs must be at least 1, or -1 for one per core, not 0"),
        ("-optimize --n-evaluations 999999", "--n-evaluations: 999999 do not fit into 200 agent steps"),
        ("-optimize --trial-id 0", "--trial-id: trains with one trial of a search; leave it out with -optimize"),
        ("-optimize -i {folder}/mine.yml", "--trained-agent: each trial of a search starts untrained"),
        ("-optimize --storage {folder}/mine.yml", "--storage: cannot be opened as a URL"),
        ("-optimize --storage sqlite:///{folder}/mine.yml", "--storage: cannot be opened"),
        ("-optimize --storage {folder}/mine.yml/s.log", "--storage: cannot be opened"),
        ("-optimize --storage no_such_database://user:secret@host/x", "--storage: cannot be opened"),
        ("-optimize --study-name ../up", "--study-name: must be a plain file name, not '../up'"),
        ("-optimize --study-name a?b", "--study-name: must have no question mark, not 'a?b'"),
        ("--trial-id 0 --study-name a?b", "logs/studies/a?b': its path must have no question mark"),
        ("-optimize -f {folder}/a?b", "no database can lie in '{folder}/a?b/studies/dqn-CartPole-v1_1': its path must"),
        ("-optimize -params policy:CnnPolicy", "channels, height, width"),
        ("-optimize -params learning_rate:abc", "-params: learning_rate"),
        ("-optimize -f {folder}/mine.yml", "cannot make the study's folder in"),
        ("--trial-id 0", "--trial-id: say with --study-name"),
        ("--trial-id 0 --study-name x --storage sqlite:///{folder}/none.db", "none.db'"),
        ("--trial-id 0 --study-name x --storage {folder}/none.log", "none.log'"),
        ("--trial-id 0 --study-name x --storage sqlite:///{folder}/mine.yml", "--storage: cannot be opened"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    words: str, expected: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    given = f"--env CartPole-v1 -conf {place.conf} -f {place.logs} --verbose 0 {words.format(folder=place.folder)}"
    with pytest.raises(SystemExit) as exit_:
        run_verb(train, given.split())
    captured = capsys.readouterr()
    assert exit_.value.code == 2, captured
    (line,) = captured.err.splitlines()
    assert expected.format(folder=place.folder) in line
    assert "secret" not in line
    assert list(place.folder.iterdir()) == [place.conf]
    assert place.conf.read_text() == SMALL


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--env CartPole-v1 CartPole-v1", "--env: CartPole-v1 is given twice"),
        ("--env CartPole-v1 Acrobot-v1", "several games are compared by human-normalised scores, and CartPole"),
        ("--seeds 1 1", "--seeds: 1 is given twice"),
        ("--seeds -1", "--seeds: must be from 0 to 2**31 - 1, not -1"),
        ("--objectives scroe", "--objectives: unknown objective 'scroe'; did you mean 'score'?"),
        ("--objectives score speed --pruner median", "--pruner: median cannot give up trials of 2 objectives"),
        ("--protocol nature-2051", "unknown evaluation protocol 'nature-2051'; did you mean 'nature-2015'"),
        ("--sampler grid", "grid"),
        ("--ray 127.0.0.1:1", "--ray: no cluster at '127.0.0.1:1': [Errno 111] Connection refused"),
        ("--n-jobs 900 -params buffer_size:1000000000 n_timesteps:1000000000", "do not fit into"),
    ],
)
def test_a_mistake_with_tune_is_one_line_too(words: str, expected: str, place: Place) -> None:
    with pytest.raises(UserError, match=re.escape(expected)):
        place.tune(f"{words} --verbose 0")
    assert list(place.folder.iterdir()) == [place.conf]


def test_a_study_of_something_else_is_left_alone(place: Place) -> None:
    url = f"sqlite:///{place.folder}/search.db"
    stored = f"--storage {url} --study-name cart"
    assert place.optimize(f"--n-trials 1 {RANDOM} {stored}") == 0
    optuna.create_study(storage=url, study_name="other").optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)
    narrower = place.folder / "narrower.yml"
    narrower.write_text(f"{SMALL}search: {{batch_size: {{type: categorical, choices: [16, 32]}}}}\n")
    for words, expected in (
        (f"{stored} -n 300", "study 'cart' are for n_timesteps 200, not 300, and do not compare"),
        (f"{stored} --eval-episodes 3", "are for eval_episodes 2, not 3"),
        (f"{stored} -conf {narrower}", "study 'cart' searched batch_size otherwise"),
        (f"--storage {url} --study-name other", "study 'other' was made by another program"),
    ):
        with pytest.raises(UserError, match=re.escape(expected)):
            place.optimize(f"{RANDOM} {words}")
    assert len(optuna.load_study(study_name="cart", storage=url).trials) == 1
    assert [path.name for path in (place.logs / "studies").iterdir()] == ["cart"]
    for words, expected in (
        (f"{stored} --trial-id 1", "study 'cart' has no trial 1; it has 0 to 0"),
        (f"{stored} --trial-id -1", "study 'cart' has no trial -1"),
        (f"--storage {url} --study-name crat --trial-id 0", "unknown study 'crat'; did you mean 'cart'?"),
    ):
        with pytest.raises(UserError, match=re.escape(expected)):
            train(f"--env CartPole-v1 -f {place.logs} --verbose 0 {words}".split())


def test_what_is_said_of_the_winner_does_not_claim_more_than_its_runs() -> None:
    few = "fewer than 3 runs each prove nothing: other seeds may well turn the order round"
    assert Confirmation((2,), (19.6,), (12.0,)).lines() == [
        "with fresh seed 2 the mean is higher (19.60 beside 12.00 without the search's values)",
        "1 run each; probability of improvement 1.000",
        few,
    ]
    assert Confirmation((2, 3), (8.0, 10.0), (11.0, 9.0)).lines() == [
        "with fresh seeds 2 and 3 the mean is no higher (9.00 +/- 1.41 beside 10.00 +/- 1.41 without the search's "
        "values)",
        "mean +/- standard deviation of 2 runs each; probability of improvement 0.250",
        few,
    ]
    assert [Confirmation((2,), (19.6,), (low,)).is_higher for low in (12.0, 19.6, 20.0)] == [True, False, False]
    three = Confirmation((2, 3, 4), (1, 2, 6), (0, 1, 3)).lines()
    assert three[0].startswith("with fresh seeds 2, 3 and 4 the mean is higher (")
    # of nine pairs 1 wins one and ties one, 2 wins two, 6 wins three; so there is an interval
    assert re.fullmatch(
        r"mean \+/- standard deviation of 3 runs each; probability of improvement 0\.722 \[0\.\d+, 1\.000\]", three[1]
    )
    assert len(three) == 2
    assert not any(re.search(r"\bbetter\b", line) for line in three)


def test_without_rliable_there_is_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rliable", None)
    lines = Confirmation((2, 3, 4), (1, 2, 6), (0, 1, 3)).lines()
    assert lines[1] == "mean +/- standard deviation of 3 runs each; probability of improvement 0.722"
