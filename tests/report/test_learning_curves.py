"""Which runs are one curve, what is refused, and how published curves come into the picture."""

from pathlib import Path

import numpy as np
import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.published_scores import curves_of
from dqn_zoo_ext.report.chart import Level
from dqn_zoo_ext.report.curves import Curve
from dqn_zoo_ext.report.learning_curves import STYLES, What, as_curve, cut, learning_chart
from dqn_zoo_ext.storage.run_history import Evaluations, RunHistory, TrainingGames


def run(
    number: int,
    score: float,
    algo: str = "dqn",
    env: str = "PongNoFrameskip-v4",
    config: str = "",
    log_folder: str = "",
) -> RunHistory:
    steps = np.array([1e6, 2e6])
    games = TrainingGames(np.array([score, score]), steps, steps / 100)
    evaluations = Evaluations(steps, np.array([[score], [score + 1]]))
    game = "pong" if "Pong" in env else None
    frames = 4 if game else 1
    folder = Path(log_folder) / algo / f"{env}_{number}"
    return RunHistory(folder, algo, env, game, frames, "greedy", config, games, evaluations)


def test_equal_configurations_are_seeds_of_one_curve() -> None:
    chart = learning_chart([run(1, 10), run(2, 20), run(1, 5, "c51")])
    assert [curve.label for curve in chart.curves] == ["dqn (2 seeds)", "c51"]
    assert chart.curves[0].score.tolist() == [15, 16]
    assert chart.curves[0].x.tolist() == [4e6, 8e6]
    assert chart.axis == "frames"
    assert list(chart.notes) == ["Points: evaluations of 1 game by greedy.", "Bands: lowest to highest seed."]


def test_other_configurations_of_an_algorithm_are_told_apart_by_their_runs() -> None:
    runs = [run(1, 10, config="a"), run(2, 20, config="b"), run(3, 30, config="b")]
    labels = [curve.label for curve in learning_chart(runs).curves]
    assert labels == ["dqn, run 1", "dqn, runs 2, 3 (2 seeds)"]
    each = learning_chart([run(1, 10), run(2, 20)], What(separate=True))
    assert [curve.label for curve in each.curves] == ["dqn, run 1", "dqn, run 2"]


def test_runs_of_several_log_folders_with_one_number_are_told_apart_by_their_folders() -> None:
    runs = [run(1, 10.0 * place, config=log_folder, log_folder=log_folder) for place, log_folder in enumerate("abc")]
    chart = learning_chart(runs)
    assert [curve.label for curve in chart.curves] == ["dqn, run 1 in a", "dqn, run 1 in b", "dqn, run 1 in c"]
    assert [curve.score[0] for curve in chart.curves] == [0, 10, 20]

    seeds = [run(number, 10, log_folder=f"/logs/{each}/of") for each in ("one", "other") for number in (1, 2)]
    assert [curve.label for curve in learning_chart(seeds).curves] == ["dqn (4 seeds)"]
    assert [curve.label for curve in learning_chart(seeds, What(separate=True)).curves] == [
        *("dqn, run 1 in one/of", "dqn, run 2 in one/of", "dqn, run 1 in other/of", "dqn, run 2 in other/of"),
    ]
    mixed = [*seeds, run(1, 10, config="c", log_folder="/logs"), run(1, 10, "c51", log_folder="/logs")]
    assert [curve.label for curve in learning_chart(mixed).curves] == [
        "dqn, runs 1, 2 in logs/one/of and runs 1, 2 in logs/other/of (4 seeds)",
        "dqn, run 1 in logs",
        "c51",
    ]


def test_runs_of_two_games_are_refused() -> None:
    with pytest.raises(UserError, match="one environment, and these are runs of CartPole-v1, PongNoFrameskip-v4"):
        learning_chart([run(1, 10), run(1, 10, env="CartPole-v1")])


def test_outside_atari_the_axis_is_agent_steps() -> None:
    assert learning_chart([run(1, 10, env="CartPole-v1")]).axis == "agent_steps"


def test_the_style_of_the_last_600_games() -> None:
    style = STYLES["games600"]
    what = What(style.axis, style.of_training, style.last_games)
    levels = [Level("random: 7", 7, "random"), Level("best: 9", 9, "best-constant-action")]
    chart = learning_chart([run(1, 10)], what, style, levels)
    assert chart.axis == "games"
    assert list(chart.notes) == ["Points: mean of the last 600 training games, of all so far while they are fewer."]
    assert [(level.score, level.colour) for level in chart.levels] == [(7, "#0072B2"), (9, "#D5301A"), (10, "#aaaaaa")]
    assert chart.levels[-1].label == "highest mean: 10.0"
    assert chart.colours[0] == "#000000"


def test_a_published_curve_on_either_axis() -> None:
    (published,) = curves_of("pong", names=["nnabla-dqn"])
    over_frames, over_steps = as_curve(published, "frames", 4), as_curve(published, "agent_steps", 4)
    assert over_frames.x[0] == 1e6
    assert (over_frames.x / over_steps.x).tolist() == [4] * 7
    assert over_frames.low is not None
    assert over_frames.label == "DQN, nnabla-rl, 3 seeds: evaluations, no sticky actions, nature-2015-30min [nnabla-rl]"
    (btr,) = curves_of("pong", names=["btr"])
    assert as_curve(btr, "frames", 4).low is None
    with pytest.raises(UserError, match="published curves are over frames, so not over hours"):
        as_curve(published, "hours", 4)


def test_published_curves_go_as_far_as_the_runs() -> None:
    (published,) = curves_of("pong", names=["nnabla-dqn"])
    (behind,) = learning_chart([run(1, 10)], behind=[published]).behind
    assert behind.x.tolist() == [1e6, 5e6, 10e6]  # the runs end at 8M frames, and 10M are always shown
    whole = Curve(
        "dqn", np.array([0.0, 10.0]), np.array([0.0, 100.0]), "", np.array([0.0, 50.0]), np.array([0.0, 200.0])
    )
    part = cut(whole, 5)
    assert part.low is not None
    assert part.high is not None
    assert (part.x.tolist(), part.score.tolist()) == ([0, 5], [0, 50])
    assert (part.low.tolist(), part.high.tolist(), part.cut) == ([0, 25], [0, 100], True)
    assert cut(whole, 10) is whole
