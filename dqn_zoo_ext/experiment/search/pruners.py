"""Which trials a study gives up, and the rungs at which it decides: agent steps, the last one the training's end.

Optuna's pruners compare trials at the steps that they report. Hyperband and successive halving compute theirs; the
rungs here are made so that those are the very same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PatientPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
    WilcoxonPruner,
)

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.experiment.search.options import PRUNERS, StudyOptions

AGENT_STEPS_PER_RUNG = 100_000
"""Between equally spaced rungs, unless their number is given."""
SMALLEST_SHARE = 64
"""Without a number of rungs, the first of hyperband and halving is at this part of the training or later."""
KEPT_PERCENT = 25.0
"""The pruner percentile gives up a trial that is not among the best of this share."""
PATIENCE = 2
"""The pruner patient lets a trial be for so many reports after its best one."""

_GEOMETRIC = ("hyperband", "halving")


def rungs_of(name: str, n_timesteps: int, n_rungs: int | None = None, reduction_factor: int = 4) -> tuple[int, ...]:
    """The agent steps at which a trial is evaluated for the pruner of that name, ascending, the last is `n_timesteps`.

    Hyperband and halving: each rung is `reduction_factor` times the one before. Wilcoxon: the end only, for it compares
    whole trainings. The others: equally spaced. UserError if so many do not fit.
    """
    _demand_known(name)
    if name in _GEOMETRIC and reduction_factor < 2:
        raise UserError(f"--reduction-factor: must be at least 2, not {reduction_factor}")
    most = _most_rungs(n_timesteps, reduction_factor) if name in _GEOMETRIC else n_timesteps
    if n_rungs is not None and not 1 <= n_rungs <= most:
        by = f", each {reduction_factor} times the one before," if name in _GEOMETRIC else ""
        raise UserError(
            f"--n-evaluations: {n_rungs} do not fit into {n_timesteps} agent steps{by} for the pruner {name}; at most "
            f"{most}"
        )
    if reports_instances(name):
        return (n_timesteps,)
    if name in _GEOMETRIC:
        number = n_rungs or min(most, _most_rungs(SMALLEST_SHARE, reduction_factor))
        first = n_timesteps // reduction_factor ** (number - 1)
        return (*(first * reduction_factor**index for index in range(number - 1)), n_timesteps)
    number = n_rungs or max(1, n_timesteps // AGENT_STEPS_PER_RUNG)
    return tuple(-(-n_timesteps * index // number) for index in range(1, number + 1))


def reports_instances(name: str) -> bool:
    """Whether a trial reports the scores of its instances (game and seed) by their indices, and not of its rungs.

    Such a trial is given up between two instances. Its value is then better told as the mean of those that it has, by
    which the pruner's best trial stays right, than as pruned.
    """
    return name == "wilcoxon"


def pruner_of(options: StudyOptions, rungs: tuple[int, ...], n_objectives: int = 1) -> BasePruner:
    """The pruner that `options` name, for trials that report at `rungs`, as ``rungs_of`` made them.

    UserError if it is unknown, or if there are several objectives, of which Optuna can give up no trial.
    """
    name = options.pruner
    _demand_known(name)
    if n_objectives > 1 and name != "none":
        raise UserError(f"--pruner: {name} cannot give up trials of {n_objectives} objectives; choose none")
    if len(rungs) < 2 and not reports_instances(name):
        return NopPruner()  # the only rung is the end
    return _MAKERS[name](_Asked(rungs, options.reduction_factor, options.n_startup_trials))


@dataclass(frozen=True)
class _Asked:
    rungs: tuple[int, ...]
    reduction_factor: int
    n_startup_trials: int

    @property
    def warmup(self) -> int:
        """RL-Zoo's: no trial is given up in the first third of its evaluations."""
        return self.rungs[max(0, len(self.rungs) // 3 - 1)]


def _hyperband(asked: _Asked) -> BasePruner:
    first, factor = asked.rungs[0], asked.reduction_factor
    # one more than the last rung by its arithmetic: the logarithm of an exact power may come out below a whole number
    most = first * factor ** (len(asked.rungs) - 1) + 1
    return HyperbandPruner(min_resource=first, max_resource=most, reduction_factor=factor)


def _halving(asked: _Asked) -> BasePruner:
    return SuccessiveHalvingPruner(min_resource=asked.rungs[0], reduction_factor=asked.reduction_factor)


def _median(asked: _Asked) -> MedianPruner:
    return MedianPruner(asked.n_startup_trials, n_warmup_steps=asked.warmup)


def _percentile(asked: _Asked) -> BasePruner:
    return PercentilePruner(KEPT_PERCENT, asked.n_startup_trials, n_warmup_steps=asked.warmup)


def _patient(asked: _Asked) -> BasePruner:
    """The median pruner's verdict, once a trial has stopped to get better. A trial of three rungs has less patience."""
    return PatientPruner(_median(asked), patience=min(PATIENCE, max(0, len(asked.rungs) - 3)))


def _wilcoxon(_: _Asked) -> BasePruner:
    return WilcoxonPruner()


def _none(_: _Asked) -> BasePruner:
    return NopPruner()


_MAKERS: Mapping[str, Callable[[_Asked], BasePruner]] = {
    "hyperband": _hyperband,
    "halving": _halving,
    "median": _median,
    "percentile": _percentile,
    "patient": _patient,
    "wilcoxon": _wilcoxon,
    "none": _none,
}


def _demand_known(name: str) -> None:
    if name not in _MAKERS:
        raise UserError(f"--pruner: unknown pruner '{name}'{nearest(name, PRUNERS)}")


def _most_rungs(n_timesteps: int, factor: int) -> int:
    number = 1
    while factor**number <= n_timesteps:
        number += 1
    return number
