"""Human-normalised scores against published ones, and what stands beside a score."""

from pathlib import Path
from statistics import median

import pytest
import yaml

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.protocols import PROTOCOLS, get
from dqn_zoo_ext.evaluation.published_scores import curves_of, games, scores_of, sources
from dqn_zoo_ext.evaluation.scores import human_normalised, human_normalised_of, in_context

# Mnih et al. 2015, Figure 3 and the last column of Extended Data Table 2: DQN in percent of the tester, cut or rounded
NATURE_PERCENT = {
    "boxing": 1707,
    "breakout": 1327,
    "star_gunner": 598,
    "pong": 132,
    "space_invaders": 121,
    "beam_rider": 119,
    "enduro": 97,
    "qbert": 78,
    "seaquest": 25,
    "ms_pacman": 13,
}

# medians over 57 games in percent: Bellemare et al. 2017, Figure 6; Dabney et al. 2018 (quantile regression), Table 1
PUBLISHED_MEDIANS = {
    "dqn_wang": 79,
    "double_dqn_wang": 118,
    "dueling_dqn": 151,
    "prioritized_rank": 124,
    "prioritized_dueling": 172,
    "c51": 178,
    "qrdqn_0": 199,
    "qrdqn": 211,
}


def test_by_hand() -> None:
    assert human_normalised(550, random=150, human=950) == 0.5
    assert human_normalised(150, random=150, human=950) == 0
    assert human_normalised(-20.7, random=-20.7, human=14.6) == 0
    with pytest.raises(ValueError, match="both 7"):
        human_normalised(1, random=7, human=7)


@pytest.mark.parametrize("game", sorted(NATURE_PERCENT))
def test_the_papers_own_percentages(game: str) -> None:
    published = scores_of(game)
    levels = published["random_nature"].score, published["human_nature"].score
    percent = 100 * human_normalised(published["dqn"].score, *levels)
    assert NATURE_PERCENT[game] - 0.51 < percent < NATURE_PERCENT[game] + 1


@pytest.mark.parametrize("agent", sorted(PUBLISHED_MEDIANS))
def test_the_papers_own_medians(agent: str) -> None:
    normalised = [human_normalised_of(game, scores_of(game)[agent].score) for game in games()]
    assert len(normalised) == 57
    assert median([100 * each for each in normalised if each is not None]) == pytest.approx(
        PUBLISHED_MEDIANS[agent], abs=0.5
    )


def test_a_game_without_published_scores() -> None:
    assert scores_of("tetris") == {}
    assert human_normalised_of("tetris", 5.0) is None
    assert in_context("tetris", 5.0, get("nature-2015"), 0.0) is None
    assert in_context(None, 5.0, get("greedy"), None) is None


def test_every_column_and_series_is_explained_and_every_explanation_used() -> None:
    columns = {name for game in games() for name in scores_of(game)}
    assert columns == sources("scores").keys()
    series = {curve.source.name for game in games() for curve in curves_of(game, names=sources("curves"))}
    assert series == sources("curves").keys()
    for source in (*sources("scores").values(), *sources("curves").values()):
        assert source.rules is None or source.rules in PROTOCOLS
        assert source.source
        assert source.reported


def test_every_shipped_game_has_random_human_and_dqn() -> None:
    shipped = ("beam_rider", "breakout", "enduro", "ms_pacman", "pong", "qbert", "seaquest", "space_invaders")
    for game in shipped:
        assert {"random", "human", "dqn", "rainbow"} <= scores_of(game).keys()
        assert len(curves_of(game, algos=["dqn"])) >= 3


def test_curves_ascend_and_their_bands_hold_the_mean() -> None:
    for game in games():
        for curve in curves_of(game, names=sources("curves")):
            frames = [point.frames for point in curve.points]
            assert frames == sorted(set(frames))
            assert frames[0] >= 1e6
            for point in curve.points:
                if point.lowest is not None and point.highest is not None:
                    assert point.lowest <= point.mean <= point.highest


def test_curves_are_chosen_by_algorithm_or_name() -> None:
    assert [curve.source.name for curve in curves_of("pong", algos=["double_dqn"])] == ["nnabla-double-dqn"]
    assert [curve.source.name for curve in curves_of("pong", names=["btr"])] == ["btr"]
    assert curves_of("pong") == ()
    with pytest.raises(UserError, match="unknown published curve 'dopamine-dqm'; did you mean 'dopamine-dqn'"):
        curves_of("pong", names=["dopamine-dqm"])


@pytest.mark.parametrize(
    ("protocol", "sticky", "there", "not_there"),
    [
        ("nature-2015", 0.0, {"dqn", "double_dqn"}, {"rainbow", "dqn_rl_zoo", "dopamine-dqn"}),
        ("nature-2015-30min", 0.0, {"rainbow", "dqn_rl_zoo", "nnabla-dqn"}, {"dqn", "dopamine-dqn", "btr"}),
        ("dopamine", 0.0, {"dopamine-dqn"}, {"dqn", "rainbow", "nnabla-dqn"}),
        ("machado-2018", 0.0, set(), {"dopamine-dqn"}),  # 5 minutes, not 30
        ("rl-zoo", 0.0, {"rainbow"}, {"dopamine-dqn"}),
        ("rl-zoo", 0.25, set(), {"rainbow", "dopamine-dqn"}),  # sticky actions with no-op starts: nobody's
        ("rl-zoo", None, set(), {"rainbow", "dopamine-dqn"}),  # nobody knows how often they stuck
    ],
)
def test_only_scores_by_the_same_rules_are_beside_it(
    protocol: str, sticky: float | None, there: set[str], not_there: set[str]
) -> None:
    context = in_context("space_invaders", 550.0, get(protocol), sticky)
    assert context is not None
    comparable = {each.source.name for each in context.comparable}
    others = {each.source.name for each in context.others}
    assert there <= comparable
    assert not_there <= others
    assert not comparable & others
    assert not (comparable | others) & {"random", "human", "random_nature", "human_nature"}


def test_the_lines_for_people() -> None:
    context = in_context("space_invaders", 550.0, get("nature-2015"), None)
    assert context is not None
    head, title, dqn, double_dqn = context.lines()
    assert head == "human-normalised: 26.4% (0 % is random play, 148; 100 % a person, 1668.7)"  # 402 / 1520.7
    assert title == "published, by the same starts, sticky actions and cap on a game:"
    assert dqn.split()[:3] == ["DQN", "1,976", "120%"]
    assert "Mnih et al. 2015, Extended Data Table 2" in dqn
    assert double_dqn.split()[:4] == ["Double", "DQN", "3,154.6", "198%"]
    assert len(context.lines(most=1)) == 3
    assert context.lines(most=1)[1].endswith("(the 1 nearest of 2):")


def test_published_scores_stand_in_the_table_alone() -> None:
    """A game's YAML has facts; a score written there as well would be a second copy."""
    files = sorted((Path(__file__).parents[2] / "hyperparams" / "atari").glob("*.yml"))
    assert len(files) == 104
    assert not [file.name for file in files if "scores" in yaml.safe_load(file.read_text(encoding="utf-8"))["game"]]
