"""`train -optimize` on CartPole with the real Optuna: what is kept, gone on with, given up, and reported."""

import csv
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml

from dqn_zoo_ext.command_line import run_verb
from dqn_zoo_ext.storage.agent_file import read_policy_weights
from dqn_zoo_ext.train import main as train

SMALL = """\
n_timesteps: 200
learning_starts: 50
train_freq: 8
gradient_steps: 1
eval_episodes: 2
policy_kwargs: {activation: tanh}
optimizer: deepmind_rmsprop
optimizer_kwargs: {decay: 0.9, eps: 0.02}
"""


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    yield
    signal.signal(signal.SIGINT, before)


class Place:
    """A folder with a configuration to search with, and what the search leaves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = folder / "mine.yml"
        self.conf.write_text(SMALL)
        self.logs = folder / "logs"

    def search(self, words: str) -> int:
        given = f"--algo dqn --env CartPole-v1 -optimize --seed 1 -conf {self.conf} -f {self.logs} {words}"
        return train(given.split())

    def reports(self, ending: str) -> list[Path]:
        return sorted(
            (self.logs / "dqn").glob(f"report_CartPole-v1_*/*{ending}"), key=lambda path: path.stat().st_mtime_ns
        )

    def trials(self) -> list[dict[str, str]]:
        with self.reports(".csv")[-1].open() as file:
            return list(csv.DictReader(file))

    def winner(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.reports(".yml")[-1].read_text())
        return found

    def study(self, name: str = "cart") -> optuna.Study:
        return optuna.load_study(study_name=name, storage=self.url)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/search.db"

    @property
    def stored(self) -> str:
        return f"--storage {self.url} --study-name cart"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def values(trials: list[dict[str, str]]) -> list[dict[str, str]]:
    kept = ("value", "state")
    return [{key: text for key, text in row.items() if key in kept or key.startswith("params_")} for row in trials]


def test_trials_winner_and_lines(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.search("--n-trials 3 --pruner none -params gamma:0.9") == 0
    rows = place.trials()
    assert [row["number"] for row in rows] == ["0", "1", "2"]
    assert {row["state"] for row in rows} == {"COMPLETE"}
    assert "params_learning_rate" in rows[0]
    assert "params_gamma" not in rows[0]  # given, so not searched for
    best = max(rows, key=lambda row: float(row["value"]))

    (winner,) = place.reports(".yml")
    head, plain = winner.read_text(), place.winner()
    assert head.startswith(f"# Trial {best['number']} of study 'search', score ")
    assert plain["learning_rate"] == float(best["params_learning_rate"])
    assert plain["exploration"]["end"] == float(best["params_exploration.end"])
    assert (plain["gamma"], plain["optimizer"], plain["optimizer_kwargs"]["eps"]) == (0.9, "deepmind_rmsprop", 0.02)
    assert plain["policy_kwargs"] == {"net_arch": [256, 256], "activation": "tanh"}

    lines = capsys.readouterr().out.splitlines()
    assert (
        len([line for line in lines if re.match(r"trial \d: [\d.]+ \(complete\), best so far [\d.]+ in trial", line)])
        == 3
    )
    assert f"all trials: {place.reports('.csv')[0]}" in lines
    assert f"the winner: {winner}" in lines
    # the command that the search ends with trains, and the run has the winner's values
    words = next(line for line in lines if line.startswith("next: ")).split()[4:]
    assert train([*words, "-f", str(place.logs), "--seed", "1", "--verbose", "0"]) == 0
    config = yaml.safe_load((place.logs / "dqn" / "CartPole-v1_1" / "CartPole-v1" / "config.yml").read_text())
    assert config == plain


def test_two_sessions_of_a_study_are_one(tmp_path: Path) -> None:
    once, twice = Place(tmp_path), Place(tmp_path)
    once.logs, twice.logs = tmp_path / "once", tmp_path / "twice"
    assert once.search("--n-trials 3 --sampler random --n-startup-trials 0 --verbose 0") == 0
    for trials in (1, 2):
        assert (
            twice.search(f"--n-trials {trials} --sampler random --n-startup-trials 0 --verbose 0 {twice.stored}") == 0
        )
    assert [len(list(csv.DictReader(path.open()))) for path in twice.reports(".csv")] == [1, 3]
    assert values(twice.trials()) == values(once.trials())
    assert len({row["params_learning_rate"] for row in twice.trials()}) == 3  # the seed's values are not tried again


def test_a_total_counts_the_sessions_before(place: Place) -> None:
    assert place.search(f"--n-trials 1 --verbose 0 {place.stored}") == 0
    for _ in range(2):
        assert place.search(f"--max-total-trials 2 --n-trials 9 --verbose 0 {place.stored}") == 0
        assert len(place.study().trials) == 2


def test_threads_and_a_journal(place: Place) -> None:
    journal = place.folder / "new" / "search.log"
    words = (
        f"--n-trials 4 --n-jobs 2 --sampler random --pruner halving --storage {journal} --study-name two --verbose 0"
    )
    assert place.search(words) == 0
    rows = place.trials()
    assert len(rows) == 4
    assert {row["state"] for row in rows} <= {"COMPLETE", "PRUNED"}
    assert journal.is_file()


def test_the_median_pruner_gives_up_what_lags(place: Place) -> None:
    words = "--n-trials 6 --n-evaluations 4 --n-startup-trials 1 --sampler random --eval-episodes 1 --verbose 0"
    assert place.search(f"{words} {place.stored} -params learning_starts:100") == 0
    trials = place.study().trials
    pruned = [trial for trial in trials if trial.state == optuna.trial.TrialState.PRUNED]
    assert pruned
    assert len(pruned) < len(trials)
    for trial in trials:
        steps = list(trial.intermediate_values)
        assert steps == [50, 100, 150, 200][: len(steps)]
        assert trial.value == trial.intermediate_values[steps[-1]]
        if trial in pruned:
            before = [
                max(list(other.intermediate_values.values())[: len(steps)])
                for other in trials[: trial.number]
                if other.state == optuna.trial.TrialState.COMPLETE
            ]
            assert max(trial.intermediate_values.values()) < max(before)
            assert len(steps) < 4
        else:
            assert len(steps) == 4


def test_each_trials_agent_is_kept(place: Place) -> None:
    place.conf.write_text(
        f"{SMALL}search: {{policy_kwargs.net_arch: {{type: categorical, choices: [[8], [16, 4]]}}}}\n"
        "exploration: {end: 0.1}\n"
    )
    kept = place.folder / "kept"
    assert place.search(f"--n-trials 4 --n-evaluations 2 --pruner none --optimization-log-path {kept} --verbose 0") == 0
    assert sorted(path.name for path in kept.iterdir()) == [f"trial_{number}" for number in range(4)]
    widths = set()
    for row in place.trials():
        trial = kept / f"trial_{row['number']}"
        evaluations = np.load(trial / "evaluations.npz")
        assert evaluations["timesteps"].tolist() == [100, 200]
        assert evaluations["results"][-1].mean() == float(row["value"])
        chosen = yaml.safe_load((trial / "config.yml").read_text())["policy_kwargs"]
        assert chosen == {"net_arch": yaml.safe_load(row["params_policy_kwargs.net_arch"]), "activation": "tanh"}
        first = next(
            weight
            for name, weight in read_policy_weights(trial / "best_model.zip").items()
            if name.endswith("0.weight")
        )
        assert first.shape == (chosen["net_arch"][0], 4)
        widths.add(first.shape[0])
    assert widths == {8, 16}


def test_a_trial_that_fails_says_why_and_the_search_goes_on(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.conf.write_text(
        f"{SMALL}"
        "loss: mse\n"
        "search:\n"
        "  learning_rate: {type: categorical, choices: [1.0e-4, 1.0e+30]}\n"  # the second one ends in NaN
        "  preprocessing: {type: categorical, choices: [none, atari]}\n"  # the second one is not for CartPole
        "callback: [{fault_of_test_sweep: {kind: mistake, when: [0]}}]\n"
    )
    assert place.search("--n-trials 12 --sampler random --pruner none -params gamma:0.9 batch_size:32") == 0
    rows = place.trials()
    reasons = {row["user_attrs_reason"] for row in rows}
    assert any("is for Atari" in reason for reason in reasons)
    assert "ZeroDivisionError: a mistake" in reasons
    assert any("NotFinite: " in reason and "is not finite" in reason for reason in reasons)
    for row in rows:
        assert (row["state"] == "FAIL") == bool(row["user_attrs_reason"])
    complete = [row for row in rows if row["state"] == "COMPLETE"]
    assert complete
    assert {(row["params_learning_rate"], row["params_preprocessing"]) for row in complete} == {("0.0001", "none")}
    assert "trial 0: no score (failed: " in capsys.readouterr().out


def test_a_search_without_a_complete_trial(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.conf.write_text(f"{SMALL}callback: [{{fault_of_test_sweep: {{kind: mistake, when: [0, 1]}}}}]\n")
    with pytest.raises(SystemExit) as exit_:
        run_verb(lambda words: place.search(" ".join(words or [])), ["--n-trials", "2"])
    captured = capsys.readouterr()
    assert exit_.value.code == 2
    assert captured.err == f"error: no trial of the search was completed; {place.reports('.csv')[0]} says why\n"
    assert [row["state"] for row in place.trials()] == ["FAIL", "FAIL"]
    assert place.reports(".yml") == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_what_is_done(place: Place, jobs: int, capsys: pytest.CaptureFixture[str]) -> None:
    place.conf.write_text(f"{SMALL}callback: [{{fault_of_test_sweep: {{kind: ctrl_c, when: [3]}}}}]\n")
    assert place.search(f"--n-trials 100 --pruner none --n-jobs {jobs} {place.stored}") == 130
    rows = place.trials()
    assert 3 <= len(rows) < 100
    interrupted = [row for row in rows if row["user_attrs_reason"] == "interrupted"]
    assert 1 <= len(interrupted) <= jobs
    assert all(row["state"] == ("FAIL" if row in interrupted else "COMPLETE") for row in rows)
    assert all(trial.state.is_finished() for trial in place.study().trials)
    assert place.winner()["complete"] is True
    assert "the winner: " in capsys.readouterr().out


def test_training_with_a_trial_of_a_study(place: Place) -> None:
    assert place.search(f"--n-trials 2 --verbose 0 {place.stored}") == 0
    for number in (0, 1):
        words = f"--env CartPole-v1 --seed 1 -f {place.logs} --verbose 0 --trial-id {number} {place.stored}"
        assert (
            train([*words.split(), "-conf", str(place.conf), "-params", "batch_size:48", "exploration.start:0.5"]) == 0
        )
        run = place.logs / "dqn" / f"CartPole-v1_{number + 1}" / "CartPole-v1"
        config, chosen = yaml.safe_load((run / "config.yml").read_text()), place.study().trials[number].params
        assert config["learning_rate"] == chosen["learning_rate"]
        assert config["exploration"]["end"] == chosen["exploration.end"]
        assert config["exploration"]["start"] == 0.5
        assert config["batch_size"] == 48  # what is given on the command line stays
        assert config["optimizer"] == "deepmind_rmsprop"


def test_plots(place: Place) -> None:
    assert place.search("--n-trials 3 --pruner none --verbose 0") == 0
    assert [path.name for path in place.reports(".html")] == ["report.html"]
    assert place.search("--n-trials 3 --pruner none --verbose 0 --no-optim-plots") == 0
    assert len(place.reports(".html")) == 1


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
        ("-optimize -params policy:CnnPolicy", "channels, height, width"),
        ("-optimize -params learning_rate:abc", "-params: learning_rate"),
        ("-optimize -f {folder}/mine.yml", "cannot make a run folder in log folder"),
        ("--trial-id 0", "--trial-id: say with --storage and --study-name"),
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
    assert expected in line
    assert "secret" not in line
    assert list(place.folder.iterdir()) == [place.conf]
    assert place.conf.read_text() == SMALL


def test_a_study_of_something_else_is_left_alone(place: Place) -> None:
    assert place.search(f"--n-trials 1 --verbose 0 {place.stored}") == 0
    optuna.create_study(storage=place.url, study_name="other").optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)
    narrower = place.folder / "narrower.yml"
    narrower.write_text(f"{SMALL}search: {{batch_size: {{type: categorical, choices: [16, 32]}}}}\n")
    for words, expected in (
        (f"{place.stored} -n 300", "study 'cart' are for n_timesteps 200, not 300, and do not compare"),
        (f"{place.stored} --eval-episodes 3", "are for eval_episodes 2, not 3"),
        (f"{place.stored} -conf {narrower}", "study 'cart' searched batch_size otherwise"),
        (f"--storage {place.url} --study-name other", "study 'other' was made by another program"),
    ):
        with pytest.raises(ValueError, match=re.escape(expected)):
            place.search(f"{words} --verbose 0")
    assert len(place.study().trials) == len(place.study("other").trials) == 1
    assert len(place.reports(".csv")) == 1
    for words, expected in (
        (f"{place.stored} --trial-id 1", "study 'cart' has no trial 1; it has 0 to 0"),
        (f"{place.stored} --trial-id -1", "study 'cart' has no trial -1"),
        (f"--storage {place.url} --study-name crat --trial-id 0", "unknown study 'crat'; did you mean 'cart'?"),
    ):
        with pytest.raises(ValueError, match=re.escape(expected)):
            train(f"--env CartPole-v1 -f {place.logs} --verbose 0 {words}".split())
