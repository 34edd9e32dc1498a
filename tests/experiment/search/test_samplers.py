"""Samplers by name: what they propose follows from seed, trial number and history, and from nothing else."""

import math
import re
from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.search.grid import values_of
from dqn_zoo_ext.experiment.search.options import SAMPLERS, Pruner, Sampler, StudyOptions
from dqn_zoo_ext.experiment.search.samplers import is_exhausted, sampler_of
from dqn_zoo_ext.experiment.search.study import Direction, open_study
from dqn_zoo_ext.report.study_attributes import INTERRUPTED, REASON

SPACE: Mapping[str, BaseDistribution] = {
    "rate": FloatDistribution(1e-5, 1e-2, log=True),
    "batch": CategoricalDistribution([16, 32, "[64, 64]", None]),
    "width": IntDistribution(1, 9),
    "gamma": FloatDistribution(0.5, 0.9, step=0.1),
    "fixed": FloatDistribution(0.5, 0.5),
}
GRID: Mapping[str, BaseDistribution] = {key: SPACE[key] for key in ("batch", "gamma", "fixed")}  # 4 x 5 points
STARTUP = 4
Params = dict[str, Any]


def slow_but_for(*soon: Sampler) -> list[Any]:
    """Each sampler as a parameter; one that proposes by itself and the grid, which is ours, show the same at once."""
    return [pytest.param(each, marks=() if each in soon else pytest.mark.slow) for each in SAMPLERS]


def space_of(sampler: str) -> Mapping[str, BaseDistribution]:
    return GRID if sampler == "grid" else SPACE


class Process:
    """One that searches in a storage, with objects of its own."""

    def __init__(
        self, sampler: str, storage: str, seed: int = 1, n_objectives: int = 1, pruner: Pruner = "none"
    ) -> None:
        self.space = space_of(sampler)
        self.several = n_objectives > 1
        options = StudyOptions(
            storage=storage,
            name="s",
            sampler=sampler,  # type: ignore[arg-type]
            pruner=pruner,
            n_startup_trials=STARTUP,
            objectives=("score", "frames")[:n_objectives],
        )
        both: tuple[Direction, ...] = ("maximize", "minimize")
        directions = both[:n_objectives]
        self.study = open_study(options, self.space, {}, rungs=(50, 100), seed=seed, directions=directions)

    def ask(self) -> optuna.Trial:
        return self.study.ask(dict(self.space))

    def tell(self, trial: optuna.Trial) -> None:
        score = trial.params["gamma"] - abs(trial.params.get("width", 0) - 3)
        self.study.tell(trial, [score, trial.params["gamma"]] if self.several else score)

    def search(self, n_trials: int) -> list[Params]:
        found = []
        for _ in range(n_trials):
            trial = self.ask()
            found.append(dict(trial.params))
            self.tell(trial)
        return found


@pytest.fixture
def database(tmp_path: Any) -> str:
    return f"sqlite:///{tmp_path}/s.db"


@pytest.mark.parametrize("sampler", slow_but_for("tpe", "grid"))
def test_seed_and_history_decide(sampler: Sampler, tmp_path: Any) -> None:
    first, second, other = (f"sqlite:///{tmp_path}/{name}.db" for name in "abc")
    once = Process(sampler, first).search(12)
    in_sessions = [params for _ in range(4) for params in Process(sampler, second).search(3)]
    assert in_sessions == once  # a resumed study goes on as if nothing had been, and repeats nothing
    assert len({str(params) for params in once}) == 12
    assert Process(sampler, other, seed=2).search(12) != once


@pytest.mark.parametrize("sampler", slow_but_for("tpe", "grid"))
def test_neighbouring_seeds_are_not_shifted_copies(sampler: Sampler, tmp_path: Any) -> None:
    one, two = (Process(sampler, f"sqlite:///{tmp_path}/{seed}.db", seed=seed).search(6) for seed in (1, 2))
    assert not [params for params in one[1:] if params in two] or sampler == "grid"
    assert one[1:] != two[:-1]


@pytest.mark.parametrize("sampler", slow_but_for("tpe", "grid"))
def test_processes_with_one_seed_do_not_try_the_same(sampler: Sampler, database: str) -> None:
    both = [Process(sampler, database), Process(sampler, database)]
    found = []
    for _ in range(8):
        trials = [process.ask() for process in both]  # at the same time
        found += [str(trial.params) for trial in trials]
        for process, trial in zip(both, trials, strict=True):
            process.tell(trial)
    assert len(set(found[: 2 * STARTUP])) == 2 * STARTUP
    if sampler != "nsga-ii":  # whose children may be like a parent, or like each other
        assert len(set(found)) == 16


@pytest.mark.parametrize("sampler", slow_but_for("tpe", "cma-es"))
def test_several_objectives(sampler: Sampler, database: str) -> None:
    if sampler == "cma-es":
        with pytest.raises(UserError, match="--sampler: cma-es knows one objective, not 2; choose one of random, tpe"):
            Process(sampler, database, n_objectives=2)
        return
    process = Process(sampler, database, n_objectives=2)
    process.search(STARTUP + 4)
    assert process.study.best_trials


@pytest.mark.parametrize("pruner", ["hyperband", "halving", "median"])
@pytest.mark.parametrize("sampler", slow_but_for("tpe", "grid"))
def test_every_sampler_goes_with_pruners(sampler: Sampler, pruner: Pruner, database: str) -> None:
    process = Process(sampler, database, pruner=pruner)
    for _ in range(10):
        trial = process.ask()
        trial.report(trial.params["gamma"], 50)
        if trial.should_prune():
            process.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            process.tell(trial)


def test_a_trial_of_another_process_can_be_told(database: str) -> None:
    asking, telling = Process("nsga-ii", database), Process("nsga-ii", database)
    number = asking.ask().number
    telling.study.tell(number, 1.0)
    assert telling.study.trials[0].value == 1.0


def test_sobol_fills_the_space_from_the_first_trial(database: str) -> None:
    found = Process("qmc", database).search(16)
    gammas = sorted(params["gamma"] for params in found)
    assert {round(gamma, 1) for gamma in gammas} == {0.5, 0.6, 0.7, 0.8, 0.9}
    sixteenths = [int(16 * (math.log10(params["rate"]) + 5) / 3) for params in found]
    assert sorted(sixteenths) == list(range(16))  # one in each sixteenth


def test_a_grid_ends(database: str) -> None:
    process = Process("grid", database)
    found = []
    while not is_exhausted(process.study):
        found += process.search(1)
    assert len(found) == 20
    assert {(params["batch"], round(params["gamma"], 3), params["fixed"]) for params in found} == {
        (batch, gamma, 0.5) for batch in (16, 32, "[64, 64]", None) for gamma in (0.5, 0.6, 0.7, 0.8, 0.9)
    }
    assert is_exhausted(Process("grid", database, seed=5).study)
    process.search(1)  # whoever asks all the same gets a point again


def test_a_grid_with_several_seeds_and_an_interruption(database: str) -> None:
    first = Process("grid", database)
    first.search(7)
    interrupted = first.ask()
    interrupted.set_user_attr(REASON, INTERRUPTED)
    first.study.tell(interrupted, state=optuna.trial.TrialState.FAIL)
    broken = first.ask()
    broken.set_user_attr(REASON, "ZeroDivisionError: a mistake")
    first.study.tell(broken, state=optuna.trial.TrialState.FAIL)

    second = Process("grid", database, seed=2)
    while not is_exhausted(second.study):
        second.search(1)
    found = [str(trial.params) for trial in second.study.trials]
    assert len(set(found)) == 20
    assert len(found) == 21  # only the interrupted one was tried again
    assert found.count(str(interrupted.params)) == 2


def test_a_running_point_is_left_alone(database: str) -> None:
    process = Process("grid", database)
    running = process.ask()
    process.search(19)
    assert is_exhausted(process.study)
    process.tell(running)
    assert len({str(trial.params) for trial in process.study.trials}) == 20


@pytest.mark.parametrize(
    ("sampler", "space", "expected"),
    [
        ("tep", {}, "--sampler: unknown sampler 'tep'; did you mean 'tpe'?"),
        (
            "grid",
            {"gamma": FloatDistribution(0.5, 0.9)},
            "--sampler grid: gamma: a float range needs a step, e.g. {type: float, low: 0.5, high: 0.9, step: 0.1}, or "
            "a list, e.g. {type: categorical, choices: [0.5, 0.7, 0.9]}",
        ),
        (
            "grid",
            {"rate": FloatDistribution(1e-5, 1e-3, log=True)},
            "rate: a range with log: true has no steps; list its values, e.g. {type: categorical, choices: [1e-05, "
            "0.0001, 0.001]}",
        ),
        (
            "grid",
            {"width": IntDistribution(1, 1000, log=True)},
            "width: a range with log: true has no steps; list its values, e.g. {type: categorical, choices: [1, 32, "
            "1000]}",
        ),
        (
            "grid",
            {key: IntDistribution(1, 1000) for key in "ab"},
            "the search block has 1,000,000 combinations, and 100,000 are allowed; give fewer choices, or a larger",
        ),
        (
            "cma-es",
            {"rate": SPACE["rate"], "batch": SPACE["batch"], "fixed": SPACE["fixed"]},
            "--sampler cma-es: needs two ranges of numbers in the search block, and it has rate",
        ),
    ],
)
def test_what_a_sampler_cannot_search_is_one_line(
    sampler: Sampler, space: dict[str, BaseDistribution], expected: str
) -> None:
    with pytest.raises(UserError, match=re.escape(expected)) as error:
        sampler_of(StudyOptions(sampler=sampler), space, 1)
    assert "\n" not in str(error.value)


def test_values_of_a_grid() -> None:
    assert list(values_of(FloatDistribution(0.1, 0.7, step=0.2), "x")) == [0.1, 0.3, 0.5, 0.7]
    assert list(values_of(IntDistribution(2, 8, step=3), "x")) == [2, 5, 8]
    assert list(values_of(IntDistribution(2, 4), "x")) == [2, 3, 4]
    assert list(values_of(FloatDistribution(2.0, 2.0, step=1), "x")) == [2.0]
    assert list(values_of(CategoricalDistribution([1, None]), "x")) == [1, None]
