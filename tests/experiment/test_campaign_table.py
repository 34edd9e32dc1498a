"""The table of a campaign, worked out by hand from made-up results."""

import math
import re

import pytest
from rich.console import Console

from dqn_zoo_ext.evaluation.across_games import Improvement
from dqn_zoo_ext.evaluation.aggregates import Estimate
from dqn_zoo_ext.experiment.campaign.plan import words_of
from dqn_zoo_ext.experiment.campaign.table import Heading, Spread, Summary, markdown, summaries
from dqn_zoo_ext.experiment.campaign.terminal import print_improvements, print_scores
from dqn_zoo_ext.storage.campaign_folder import Row


def finished(
    variant: str, seed: int, final: float, best: float, speed: float, changed: str = "", env: str = "CartPole-v1"
) -> Row:
    return Row(
        variant=variant,
        algo="dqn",
        env=env,
        seed=seed,
        changed=changed,
        state="finished",
        protocol="greedy",
        agent_steps=100,
        updates=0 if variant == "other" else 25,
        final_mean=final,
        best_mean=best,
        agent_steps_per_second=speed,
        seconds=1.0,
    )


ROWS = [
    finished("whole", 1, 10, 20, 100),
    finished("whole", 2, 20, 30, 200),
    finished("whole", 3, 60, 70, 300),
    finished("less", 1, 4, 5, 50, "n_steps:1"),
    Row(variant="less", algo="dqn", env="CartPole-v1", seed=2, changed="n_steps:1", state="failed", reason="NaN"),
    finished("less", 3, 50, 60, 150, "n_steps:1"),
    Row(variant="none", algo="dqn", env="CartPole-v1", seed=1, changed="policy_kwargs.net_arch:[8]", state="stopped"),
    finished("other", 4, 1, 2, 10, "gamma:0.5"),
]
ORDER = [(name, "CartPole-v1") for name in ("whole", "less", "none", "other")]


SEEDS = (1, 2, 3)
HEADING = Heading("ablation", "dqn", ["CartPole-v1"], "whole", frozenset([50_000]))


def values(spread: Spread | None) -> tuple[float, float]:
    assert spread is not None
    assert spread.std is not None
    return spread.mean, spread.std


def test_by_hand() -> None:
    whole, less, none, other = summaries(ROWS, ORDER, "whole", SEEDS)
    assert values(whole.final) == pytest.approx((30.0, math.sqrt((400 + 100 + 900) / 2)))
    assert values(whole.best) == pytest.approx((40.0, math.sqrt((400 + 100 + 900) / 2)))
    assert whole.difference is None
    assert whole.agent_steps_per_second == 200
    assert (whole.seeds, whole.planned) == (3, 3)
    assert values(less.final) == pytest.approx((27.0, math.sqrt(2 * 23**2)))
    # seeds 1 and 3 have both: 4 - 10 and 50 - 60, although the means of all that has finished differ by 3
    assert values(less.difference) == pytest.approx((-8.0, math.sqrt(8)))
    assert (less.seeds, less.planned, less.agent_steps_per_second) == (2, 3, 100)
    assert (none.final, none.best, none.difference, none.agent_steps_per_second) == (None, None, None, None)
    assert other.final == Spread(1.0, None)
    assert other.difference is None  # no seed in common
    assert (none.seeds, none.planned) == (0, 3)  # one has begun
    assert (other.seeds, other.planned) == (1, 4)  # with a seed beside the planned ones
    assert (whole.updates, none.updates, other.updates) == (25, None, 0)


def test_as_a_file() -> None:
    text = markdown(summaries(ROWS, ORDER, "whole", SEEDS), HEADING)
    assert text.splitlines()[-1] == "other on CartPole-v1: 0 updates: these networks have not learned"
    assert text.splitlines()[:8] == [
        "# ablation of dqn on CartPole-v1, 50,000 agent steps, evaluated by greedy",
        "",
        "| variant | changed | seeds | final | best | - whole | agent steps/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| whole | - | 3 | 30.0 +/- 26.5 | 40.0 +/- 26.5 | - | 200 |",
        "| less | n_steps:1 | 2/3 | 27.0 +/- 32.5 | 32.5 +/- 38.9 | -8.0 +/- 2.8 | 100 |",
        "| none | policy_kwargs.net_arch:[8] | 0/3 | - | - | - | - |",
        "| other | gamma:0.5 | 1/4 | 1.0 | 2.0 | - | 10 |",
    ]


def test_human_normalised_by_other_rules_than_the_levels_is_marked() -> None:
    pong = "PongNoFrameskip-v4"
    rows = [
        Row(**{**vars(finished(protocol, 1, 10, 10, 1, env=pong)), "protocol": protocol, "human_normalised": 0.5})
        for protocol in ("nature-2015-30min", "machado-2018", "nature-2015", "of-no-known-rules")
    ]
    found = of(rows, "nature-2015-30min")
    assert [each.other_rules for each in found] == [False, True, True, True]
    text = markdown(found, Heading("comparison", "x", [pong], "nature-2015-30min", frozenset([100])))
    assert "| nature-2015-30min | 1/3 | 10.0 | 10.0 | 50% | - | 1 |" in text
    assert "| machado-2018 | 1/3 | 10.0 | 10.0 | ~ 50% | - | 1 |" in text
    note = "~: random play and people were measured by the rules of nature-2015-30min, these evaluations by others"
    assert note in text
    assert note in printed(found, "nature-2015-30min", terminal=False)
    assert found[1].as_dict()["other_rules"] is True
    assert note not in markdown(found[:1], Heading("comparison", "x", [pong], "nature-2015-30min", frozenset([100])))
    sticky = Row(**{**vars(rows[0]), "env": "ALE/Pong-v5", "protocol": "rl-zoo"})
    same = Row(**{**vars(rows[0]), "protocol": "rl-zoo"})
    assert [each.other_rules for each in of([same, sticky], "x")] == [False, True]


def test_no_difference_between_scores_of_two_protocols() -> None:
    """Of a campaign of an older version, which did not refuse them."""
    rows = [finished("whole", 1, 10, 20, 1), Row(**{**vars(finished("less", 1, 4, 5, 1)), "protocol": "dopamine"})]
    whole, less = of(rows, "whole")
    assert less.difference is None
    said = "CartPole-v1 was evaluated by several protocols (whole by greedy, less by dopamine): such scores do not "
    assert f"{said}compare" in printed([whole, less], "whole", terminal=False)


WIDE = [
    finished(f"{name}_with_a_long_name", seed, 1_000.0 * seed, 20_000.0 * seed, 12_345.0, "n_steps:1 gamma:0.5", env)
    for name in ("first", "second")
    for seed in SEEDS
    for env in ("CartPole-v1", "Acrobot-v1")
]


def of(rows: list[Row], reference: str) -> list[Summary]:
    order = [(row.variant, row.env) for row in rows]
    return summaries(rows, sorted(set(order), key=order.index), reference, SEEDS)


def printed(found: list[Summary], reference: str, terminal: bool, width: int = 80) -> str:
    console = Console(width=width, force_terminal=terminal, color_system=None)
    with console.capture() as captured:
        print_scores(console, found, Heading("comparison", "x", ["CartPole-v1"], reference, frozenset([100])))
    assert console.width == width
    return captured.get()


def test_brackets_are_no_markup_and_what_is_changed_stands_below() -> None:
    lines = printed(of(ROWS, "whole"), "whole", terminal=True).splitlines()
    assert lines[-3:] == [
        "none: policy_kwargs.net_arch:[8]",
        "other: gamma:0.5",
        "other on CartPole-v1: 0 updates: these networks have not learned",
    ]


@pytest.mark.parametrize("envs", [1, 2])
def test_a_pipe_has_whole_lines(envs: int) -> None:
    rows = [row for row in WIDE if envs == 2 or row.env == "CartPole-v1"]
    reference = "first_with_a_long_name"
    text = printed(of(rows, reference), reference, terminal=False)
    numbers = r"3 .*2000\.0 \+/- 1000\.0 .*\+0\.0 \+/- 0\.0 "
    assert len(re.findall(f"second_with_a_long_name .*{numbers}", text)) == envs
    assert f"- {reference}" in text


@pytest.mark.parametrize("width", [50, 60, 80])
def test_a_narrow_terminal_folds_names_and_no_number(width: int) -> None:
    rows = [row for row in WIDE if row.env == "CartPole-v1"]
    text = printed(of(rows, "first_with_a_long_name"), "first_with_a_long_name", terminal=True, width=width)
    for number in ("2000.0", "1000.0", "40000.0", "20000.0", "12,345", "+0.0"):
        assert number in text
    assert "second_with_a_long_name" not in text.partition("second_with_a_long_name: ")[0]
    if width == 80:
        assert max(map(len, text.splitlines())) <= width


def test_who_is_better_is_not_cropped_either() -> None:
    found = Improvement("second_with_a_long_name", "first_with_a_long_name", ("x",), 3, 3, Estimate(0.5, 0.25, 0.75))
    console = Console(width=50, color_system=None)
    with console.capture() as captured:
        print_improvements(console, [found])
    assert "second_with_a_long_name over first_with_a_long_name" in captured.get()
    assert str(found.probability) in captured.get()


def test_changes_as_words_for_params() -> None:
    changed = {"algo": "dqn", "policy_kwargs.net_arch": [8, 8], "exploration": 0.0, "x": None, "y": {"a": True}}
    assert words_of(changed) == 'algo:dqn policy_kwargs.net_arch:[8,8] exploration:0.0 x:null y:{"a":true}'
