import pytest

from dqn_zoo_ext import registry
from dqn_zoo_ext.envs.rules import EvaluationRules
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.protocols import PROTOCOLS, get

# name: epsilon, episodes, noop_max, max_frames_per_game, repeat_action_probability
AS_PUBLISHED = {
    "nature-2015": (0.05, 30, 30, 5 * 60 * 60, 0.0),
    "nature-2015-30min": (0.05, 30, 30, 30 * 60 * 60, 0.0),
    "double-dqn-tuned": (0.001, 100, 30, 30 * 60 * 60, 0.0),
    "machado-2018": (0.01, 100, 0, 5 * 60 * 60, 0.25),
    "dopamine": (0.01, 100, 0, 27_000 * 4, 0.25),
    "course-unit3": (0.01, 10, 30, 108_000, 0.0),
    "rl-zoo": (0.01, 5, 30, 108_000, None),
    "greedy": (0.0, 20, 30, 108_000, None),
}


@pytest.mark.parametrize("name", sorted(AS_PUBLISHED))
def test_values_are_the_published_ones(name: str) -> None:
    epsilon, episodes, noop_max, max_frames, sticky = AS_PUBLISHED[name]
    protocol = get(name)
    assert (protocol.name, protocol.epsilon, protocol.episodes) == (name, epsilon, episodes)
    assert protocol.rules == EvaluationRules(
        noop_max=noop_max, max_frames_per_game=max_frames, repeat_action_probability=sticky
    )
    assert protocol.source


def test_no_protocol_is_left_out_above() -> None:
    assert PROTOCOLS.keys() == AS_PUBLISHED.keys()


def test_each_is_registered_by_its_name() -> None:
    assert {name: registry.protocols.get(name) for name in registry.protocols.names()} == PROTOCOLS


def test_only_the_course_has_a_pass_mark() -> None:
    assert {name: protocol.pass_mark for name, protocol in PROTOCOLS.items() if protocol.pass_mark is not None} == {
        "course-unit3": 200.0
    }
    course = get("course-unit3")
    assert [course.pass_mark_on(game) for game in ("space_invaders", "pong", None)] == [200.0, None, None]
    assert get("nature-2015").pass_mark_on("space_invaders") is None


@pytest.mark.parametrize(
    ("game", "result", "games", "says"),
    [
        ("space_invaders", 200.0, 10, "over 10 games: passed"),
        ("space_invaders", 200.0, 11, "over 10 games: passed"),
        ("space_invaders", 199.9, 10, "over 10 games: not passed"),
        ("space_invaders", 900.0, 9, "over 10 games, and 9 are too few to tell"),
        ("space_invaders", 900.0, 1, "over 10 games, and 1 is too few to tell"),
        ("pong", 900.0, 10, None),
        (None, 900.0, 10, None),
    ],
)
def test_the_course_judges_space_invaders_by_whole_evaluations(
    game: str | None, result: float, games: int, says: str | None
) -> None:
    verdict = get("course-unit3").verdict(game, result, games, 10_000)
    assert verdict == (None if says is None else f"the course asks for mean - std of at least 200 {says}")
    assert get("nature-2015").verdict(game, result, games) is None


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^unknown evaluation protocol 'nature-2016'; did you mean 'nature-2015'\?$"):
        get("nature-2016")


def test_a_pass_after_few_updates_comes_with_a_doubt() -> None:
    course, asks = get("course-unit3"), "the course asks for mean - std of at least 200 over 10 games"
    lucky = course.verdict("space_invaders", 240.0, 10, 100)
    assert lucky == (
        f"{asks}: passed, but 100 updates teach next to nothing, and shooting without end passes at times; see what "
        "random and constant play score: "
        "python -m dqn_zoo_ext.evaluate --algo baselines --env SpaceInvaders --protocol course-unit3"
    )
    assert course.verdict("space_invaders", 240.0, 10, 9_999) != f"{asks}: passed"
    for updates in (10_000, None):
        assert course.verdict("space_invaders", 240.0, 10, updates) == f"{asks}: passed"
    assert course.verdict("space_invaders", 199.0, 10, 100) == f"{asks}: not passed"
