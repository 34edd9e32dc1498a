"""Performance profiles as a chart: how many of an algorithm's runs are better than this, for every this."""

from collections.abc import Mapping, Sequence

import numpy as np

from dqn_zoo_ext.evaluation.aggregates import FEWEST_RUNS, REPETITIONS, Numbers, performance_profile
from dqn_zoo_ext.report.chart import Chart
from dqn_zoo_ext.report.curves import Curve

_THRESHOLDS = 201
_BAND = "95 % of a stratified bootstrap over runs"


def profiles_chart(
    matrices: Mapping[str, Numbers], games: Sequence[str], protocol: str, seed: int = 0, repetitions: int = REPETITIONS
) -> Chart:
    """The profile of each algorithm's (runs, games), human-normalised, from 0 to the best score of all.

    Bands are intervals of 95 % from a stratified bootstrap;
    an algorithm with fewer than `FEWEST_RUNS` of each game has none.
    Source: Agarwal et al. 2021, figure 6.
    """
    best = max(float(scores.max()) for scores in matrices.values())
    thresholds = np.linspace(0.0, max(best, 1e-3), _THRESHOLDS)
    curves = []
    for algo, scores in matrices.items():
        profile = performance_profile(scores, thresholds.tolist(), seed, repetitions)
        several = len(scores) >= FEWEST_RUNS
        curves.append(
            Curve(
                label=f"{algo} ({len(scores)} runs x {scores.shape[1]} games)",
                x=profile.thresholds,
                score=profile.share,
                measured="the share of runs above the score",
                low=profile.low if several else None,
                high=profile.high if several else None,
                band=_BAND if several else None,
            )
        )
    listed = f"{len(games)} game{'s' if len(games) > 1 else ''}: {', '.join(games)}; last evaluations by {protocol}."
    return Chart(
        title="Performance profiles",
        axis="human-normalised score (0: random play, 1: a person)",
        curves=curves,
        notes=[listed, f"Bands: {_BAND}."] if any(curve.band for curve in curves) else [listed],
        score_label="share of runs above this score",
    )
