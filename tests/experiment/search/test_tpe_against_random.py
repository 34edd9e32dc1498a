"""TPE finds a planted good setting in fewer trials than random search, through the samplers of a real search.

No training: the problem is a space as the YAML files have it, in which a small region is good and the rest falls off.
"""

import math
from collections.abc import Mapping

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import mannwhitneyu

from dqn_zoo_ext.experiment.search.options import Sampler, StudyOptions
from dqn_zoo_ext.experiment.search.samplers import sampler_of

SPACE: Mapping[str, BaseDistribution] = {
    "learning_rate": FloatDistribution(1e-5, 1e-2, log=True),
    "exploration.end": FloatDistribution(0.01, 0.2),
    "batch_size": CategoricalDistribution([16, 32, 64]),
    "train_freq": IntDistribution(1, 8),
}
REPETITIONS = 20
MOST_TRIALS = 300
GOOD = 0.85


def score_of(trial: optuna.Trial) -> float:
    """1 for the planted setting: learning rate 3e-4, final epsilon 0.05, batches of 32, an update in four steps."""
    rate = (math.log10(trial.params["learning_rate"]) - math.log10(3e-4)) / 3
    epsilon = (trial.params["exploration.end"] - 0.05) / 0.19
    batch = 0.0 if trial.params["batch_size"] == 32 else 0.5
    frequency = (trial.params["train_freq"] - 4) / 7
    return 1 - math.sqrt(rate**2 + epsilon**2 + batch**2 + frequency**2)


def trials_until_found(sampler: Sampler, seed: int) -> int:
    options = StudyOptions(sampler=sampler, n_startup_trials=10)
    study = optuna.create_study(direction="maximize", sampler=sampler_of(options, SPACE, seed))
    for number in range(1, MOST_TRIALS + 1):
        trial = study.ask(dict(SPACE))
        score = score_of(trial)
        study.tell(trial, score)
        if score >= GOOD:
            return number
    return MOST_TRIALS + 1  # a tie of all that did not find it


def test_a_planted_good_setting_is_found_by_tpe_in_fewer_trials_than_by_random_search() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tpe, random = ([trials_until_found(name, seed) for seed in range(REPETITIONS)] for name in ("tpe", "random"))
    assert np.median(tpe) < np.median(random)
    assert mannwhitneyu(tpe, random, alternative="less").pvalue < 0.01, (sorted(tpe), sorted(random))
