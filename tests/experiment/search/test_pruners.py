"""Rungs and pruners: simulated trials that report at the rungs, and what Optuna makes of them."""

import re
from collections import Counter

import numpy as np
import optuna
import pytest
from optuna.pruners import HyperbandPruner, NopPruner
from optuna.trial import TrialState

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.search.options import PRUNERS, Pruner, StudyOptions
from dqn_zoo_ext.experiment.search.pruners import pruner_of, reports_instances, rungs_of


def study_with(pruner: Pruner, rungs: tuple[int, ...], factor: int = 4, n_startup_trials: int = 0) -> optuna.Study:
    options = StudyOptions(pruner=pruner, reduction_factor=factor, n_startup_trials=n_startup_trials)
    return optuna.create_study(direction="maximize", pruner=pruner_of(options, rungs), study_name="fixed")


def carry_out(study: optuna.Study, scores: list[float], rungs: tuple[int, ...]) -> int:
    """How many rungs a trial with these scores, one at each rung, reaches before it is given up."""
    trial = study.ask()
    for reached, (rung, score) in enumerate(zip(rungs, scores, strict=True), start=1):
        trial.report(score, rung)
        if reached < len(rungs) and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return reached
    study.tell(trial, scores[-1])
    return len(rungs)


@pytest.mark.parametrize(
    ("name", "n_timesteps", "n_rungs", "factor", "expected"),
    [
        ("hyperband", 27_000, 4, 3, (1000, 3000, 9000, 27_000)),
        ("halving", 64, 4, 4, (1, 4, 16, 64)),
        ("halving", 1_000_000, None, 4, (15_625, 62_500, 250_000, 1_000_000)),
        ("hyperband", 1_000_000, None, 3, (37_037, 111_111, 333_333, 1_000_000)),
        ("hyperband", 100, 3, 3, (11, 33, 100)),  # 99 would be the last one; the training ends at 100
        ("halving", 3, None, 4, (3,)),
        ("halving", 243, None, 3, (9, 27, 81, 243)),
        ("median", 1_000_000, None, 4, tuple(range(100_000, 1_000_001, 100_000))),
        ("median", 200, 3, 4, (67, 134, 200)),
        ("percentile", 200, 4, 4, (50, 100, 150, 200)),
        ("patient", 90_000, None, 4, (90_000,)),
        ("none", 10, 5, 4, (2, 4, 6, 8, 10)),
        ("wilcoxon", 1_000_000, None, 4, (1_000_000,)),
    ],
)
def test_rungs(name: str, n_timesteps: int, n_rungs: int | None, factor: int, expected: tuple[int, ...]) -> None:
    assert rungs_of(name, n_timesteps, n_rungs, factor) == expected


@pytest.mark.parametrize(
    ("name", "n_rungs", "factor", "expected"),
    [
        ("halving", 9, 4, "--n-evaluations: 9 do not fit into 1000 agent steps, each 4 times the one before, for the "
         "pruner halving; at most 5"),
        ("median", 1001, 4, "1001 do not fit into 1000 agent steps for the pruner median; at most 1000"),
        ("median", 0, 4, "--n-evaluations: 0 do not fit"),
        ("hyperband", 2, 1, "--reduction-factor: must be at least 2, not 1"),
        ("medain", 2, 4, "--pruner: unknown pruner 'medain'; did you mean 'median'?"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(name: str, n_rungs: int, factor: int, expected: str) -> None:
    with pytest.raises(UserError, match=re.escape(expected)):
        rungs_of(name, 1000, n_rungs, factor)


@pytest.mark.parametrize("n_timesteps", [64, 1000, 999_999])
def test_halving_compares_at_exactly_the_rungs(n_timesteps: int) -> None:
    rungs = rungs_of("halving", n_timesteps, 3, 4)
    study = study_with("halving", rungs)
    scores = np.random.default_rng(1).permutation(64).astype(float)
    reached = [carry_out(study, [score] * 3, rungs) for score in scores]
    for number, trial in enumerate(study.trials):
        completed = [key for key in trial.system_attrs if key.startswith("completed_rung_")]
        # each report meets one rung of Optuna's own, but for the last one, where nothing is to be decided any more
        assert len(completed) == min(reached[number], 2)
    # by hand: a trial goes on from a rung if it is among the best quarter of those that were there, itself included
    at_rung: list[list[float]] = [[], []]
    for score, last in zip(scores, reached, strict=True):
        expected = 3
        for rung in (0, 1):
            at_rung[rung].append(score)
            if score < sorted(at_rung[rung], reverse=True)[max(0, len(at_rung[rung]) // 4 - 1)]:
                expected = rung + 1
                break
        assert last == expected
    counts = Counter(reached)
    assert counts[1] > counts[2] > 0
    assert counts[3] > 0
    assert reached[int(scores.argmax())] == 3


@pytest.mark.parametrize(
    ("n_timesteps", "n_rungs", "factor"),
    [(243_000, 6, 3), (64, 3, 4), *(pytest.param(each, 3, 3, marks=pytest.mark.slow) for each in (1000, 9))],
)
def test_hyperband_has_a_bracket_for_each_rung(n_timesteps: int, n_rungs: int, factor: int) -> None:
    rungs = rungs_of("hyperband", n_timesteps, n_rungs, factor)
    study = study_with("hyperband", rungs, factor)
    pruner = study.pruner
    assert isinstance(pruner, HyperbandPruner)
    reached: dict[int, Counter[int]] = {}
    for score in np.random.default_rng(1).permutation(300).astype(float):
        last = carry_out(study, [score] * n_rungs, rungs)
        bracket = pruner._get_bracket_id(study, study.trials[-1])
        reached.setdefault(bracket, Counter())[last] += 1
    assert sorted(reached) == list(range(n_rungs))
    for bracket, counts in reached.items():
        assert min(counts) == bracket + 1  # the first decision of a bracket
        assert counts[n_rungs] > 0
    assert set(reached[n_rungs - 1]) == {n_rungs}  # the last bracket trains all to the end


@pytest.mark.parametrize(("name", "kept"), [("median", 50), ("percentile", 25)])
def test_quantiles(name: Pruner, kept: int) -> None:
    rungs = rungs_of(name, 900, 9)
    study = study_with(name, rungs, n_startup_trials=20)
    for score in range(20):  # these are all trained
        assert carry_out(study, [float(score)] * 9, rungs) == 9
    border = float(np.percentile(range(20), 100 - kept))
    assert carry_out(study, [border - 0.1] * 9, rungs) == 3  # none in the first third, as RL-Zoo has it
    assert carry_out(study, [border + 0.1] * 9, rungs) == 9


def test_patience() -> None:
    rungs = rungs_of("patient", 900, 9)
    study = study_with("patient", rungs)
    carry_out(study, [10.0] * 9, rungs)
    rising = [float(score) for score in range(9)]
    assert carry_out(study, rising, rungs) == 9  # worse than the median, and getting better
    assert carry_out(study, [0.0, 1, 2, 3, 2, 2, 2, 2, 2], rungs) == 7  # three reports below its best one


def test_wilcoxon_compares_instances() -> None:
    assert [name for name in PRUNERS if reports_instances(name)] == ["wilcoxon"]
    study = study_with("wilcoxon", (1000,))
    hard = np.array([0.0, 100, 1000, 30, 5, 60, 7, 80, 900, 10])  # games differ by more than settings do

    def run(gain: float) -> int:
        trial = study.ask()
        for instance, score in enumerate(hard + gain):
            trial.report(score, instance)
            if trial.should_prune():
                study.tell(trial, float(np.mean(hard[: instance + 1] + gain)) - 1e3)
                return instance + 1
        study.tell(trial, float(np.mean(hard + gain)))
        return len(hard)

    assert run(0.0) == 10
    assert run(-1.0) < 10  # always a little worse: given up
    assert run(+1.0) == 10


def test_no_pruning() -> None:
    assert isinstance(pruner_of(StudyOptions(pruner="none"), (1, 2)), NopPruner)
    assert isinstance(pruner_of(StudyOptions(pruner="halving"), (100,)), NopPruner)
    with pytest.raises(UserError, match="--pruner: median cannot give up trials of 2 objectives; choose none"):
        pruner_of(StudyOptions(), (1, 2), n_objectives=2)
    with pytest.raises(UserError, match="unknown pruner 'hyperbnad'; did you mean 'hyperband'"):
        pruner_of(StudyOptions(pruner="hyperbnad"), (1, 2))  # type: ignore[arg-type]
