"""The table of a campaign, worked out by hand from made-up results."""

import math

import pytest
from rich.console import Console

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.experiment.campaign.plan import Plan, Variant, words_of
from dqn_zoo_ext.experiment.campaign.table import Spread, for_terminal, markdown, summaries
from dqn_zoo_ext.storage.campaign_folder import Row


def finished(variant: str, seed: int, final: float, best: float, speed: float, changed: str = "") -> Row:
    return Row(
        variant=variant,
        algo="dqn",
        env="CartPole-v1",
        seed=seed,
        changed=changed,
        state="finished",
        protocol="greedy",
        agent_steps=100,
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


def plan() -> Plan:
    configuration = load("dqn", resolve("CartPole-v1"))
    return Plan("ablation", "dqn", "x", (Variant("whole", configuration, {}),), (1, 2, 3))


def values(spread: Spread | None) -> tuple[float, float]:
    assert spread is not None
    assert spread.std is not None
    return spread.mean, spread.std


def test_by_hand() -> None:
    whole, less, none, other = summaries(ROWS, ORDER, "whole")
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


def test_as_a_file() -> None:
    text = markdown(summaries(ROWS, ORDER, "whole"), plan())
    assert text.splitlines()[:8] == [
        "# ablation of dqn on CartPole-v1, 50,000 agent steps, evaluated by greedy",
        "",
        "| variant | changed | seeds | final | best | - whole | steps/s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| whole | - | 3 | 30.0 +/- 26.5 | 40.0 +/- 26.5 | - | 200 |",
        "| less | n_steps:1 | 2/3 | 27.0 +/- 32.5 | 32.5 +/- 38.9 | -8.0 +/- 2.8 | 100 |",
        "| none | policy_kwargs.net_arch:[8] | 0/1 | - | - | - | - |",
        "| other | gamma:0.5 | 1 | 1.0 | 2.0 | - | 10 |",
    ]


def test_on_a_terminal_brackets_are_no_markup() -> None:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(for_terminal(summaries(ROWS, ORDER, "whole"), plan()))
    assert "policy_kwargs.net_arch:[8]" in captured.get()
    assert "-8.0 +/- 2.8" in captured.get()


def test_changes_as_words_for_params() -> None:
    changed = {"algo": "dqn", "policy_kwargs.net_arch": [8, 8], "exploration": 0.0, "x": None, "y": {"a": True}}
    assert words_of(changed) == 'algo:dqn policy_kwargs.net_arch:[8,8] exploration:0.0 x:null y:{"a":true}'
