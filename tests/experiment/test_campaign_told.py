"""The page of a campaign as data: made-up rows in, cards out."""

import sys
from pathlib import Path

import pytest

from dqn_zoo_ext.experiment.campaign.tell import Told, tell
from dqn_zoo_ext.report.cards import Card, Link, cards_as_html
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder, Manifest, Row
from dqn_zoo_ext.storage.results import Versions
from dqn_zoo_ext.storage.run_folder import RunFolder

PONG, BOXING, CART = "PongNoFrameskip-v4", "BoxingNoFrameskip-v4", "CartPole-v1"


def finished(variant: str, env: str, seed: int, final: float, human: float | None = None) -> Row:
    return Row(
        variant=variant,
        algo=variant,
        env=env,
        seed=seed,
        run_folder=f"logs/{variant}/{env}_{seed}",
        state="finished",
        protocol="nature-2015",
        agent_steps=1000,
        final_mean=final,
        final_std=1.0,
        best_mean=final,
        human_normalised=human,
        agent_steps_per_second=10.0,
        seconds=100.0,
    )


def told(tmp_path: Path, rows: list[Row]) -> Told:
    folder = CampaignFolder(tmp_path / "campaigns" / "made-up")
    envs = tuple(dict.fromkeys(row.env for row in rows))
    for env in envs:
        for name in ("dqn", "double_dqn"):
            folder.write_variant(name, env, "complete: true\n")
    manifest = Manifest(
        kind="comparison",
        of="dqn, double_dqn",
        envs=envs,
        seeds=(1, 2),
        variants={"dqn": {}, "double_dqn": {"gamma": 0.5}},
        command="python -m dqn_zoo_ext.campaign",
        versions=Versions.here(),
    )
    folder.write_manifest(manifest)
    folder.write_rows(rows)
    return tell(folder)


def card(found: Told, title: str) -> Card:
    (one,) = (each for each in found.page.cards if each.title == title)
    return one


GAMES = [
    finished("dqn", PONG, 1, 0.0, 0.5),
    finished("dqn", PONG, 2, 10.0, 0.75),
    finished("dqn", BOXING, 1, 5.0, 1.25),
    finished("dqn", BOXING, 2, 6.0, 1.5),
    finished("double_dqn", PONG, 1, 20.0, 1.0),
    finished("double_dqn", PONG, 2, 20.0, 1.0),
    finished("double_dqn", BOXING, 1, 4.0, 1.0),
    finished("double_dqn", BOXING, 2, 5.5, 1.0),
]


def test_games_with_published_levels(tmp_path: Path) -> None:
    found = told(tmp_path, GAMES)
    assert found.page.title == "made-up: comparison of dqn, double_dqn"
    assert dict(found.page.facts)["runs finished"] == "8"
    assert dict(found.page.facts)["agent steps in all"] == "8,000"
    assert dict(found.page.facts)["of training"] == "0:13:20"
    head, first, *_ = card(found, "Scores").table
    assert list(head) == ["env", "variant", "seeds", "final", "best", "human", "- dqn", "agent steps/s"]
    assert list(first) == [PONG, "dqn", "2", "5.0 +/- 7.1", "5.0 +/- 7.1", "~ 62% +/- 18%", "-", "10"]
    (better,) = found.improvements
    # Pong: all four pairs won; Boxing: 4 beats none, 5.5 beats 5
    assert better.probability.value == pytest.approx((1 + 1 / 4) / 2)
    over_games = card(found, "Over all games")
    assert len(over_games.plots) == 4
    name, runs, median, iqm, mean, gap = map(str, over_games.table[1])
    assert (name, runs) == ("dqn", "2 x 2")
    # medians of 0.625 and 1.375, IQM of 0.75 and 1.25, a gap of 0.5 and 0.25 of four; two seeds have no interval
    assert (median, iqm, mean, gap) == ("1.000", "1.000", "1.000", "0.188")
    assert found.aggregates["double_dqn"].mean.value == 1.0
    # the runs' folders are not there: said, and the rest stands
    pong = card(found, PONG)
    (note,) = pong.notes
    assert note.startswith("Left out: ")
    assert note.endswith("(and 3 more runs that cannot be read)")
    assert "made-up" in cards_as_html(found.page)


def test_none_with_published_levels_and_runs_that_failed(tmp_path: Path) -> None:
    broken = Row(variant="double_dqn", algo="double_dqn", env=CART, seed=2, state="failed", reason="NaN <b>")
    found = told(tmp_path, [finished("dqn", CART, 1, 10.0), finished("double_dqn", CART, 1, 20.0), broken])
    assert dict(found.page.facts)["runs finished"] == "2 of 4"
    (sentence,) = card(found, "Over all games").words
    assert sentence == "No game here has a published score to measure it by."
    (better,) = found.improvements
    assert (better.probability.value, better.probability.low) == (1.0, None)
    assert card(found, "Runs that failed").table[1] == ("double_dqn", CART, "2", "NaN <b>", "")
    assert "NaN &lt;b&gt;" in cards_as_html(found.page)


def test_nothing_finished_yet(tmp_path: Path) -> None:
    found = told(tmp_path, [Row(variant="dqn", algo="dqn", env=CART, seed=1)])
    assert card(found, "Who is better").words == ["There are no two variants with a finished run on a common game yet."]
    assert card(found, CART).words == ["There is no curve yet: none of a run that has come to its end."]
    assert "made-up" in cards_as_html(found.page)


def test_without_rliable_the_page_says_which_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rliable", None)
    found = told(tmp_path, GAMES)
    assert (found.improvements, found.aggregates) == ([], {})
    for title in ("Who is better", "Over all games"):
        (sentence,) = card(found, title).words
        assert "pip install 'dqn_zoo_ext[scores]'" in sentence
    assert card(found, "Scores").table


def test_the_way_to_each_run_and_what_each_variant_changes(tmp_path: Path) -> None:
    beside = RunFolder.claim(tmp_path, "dqn", CART)  # the log folder has been moved since
    beside.config.touch()
    beside.args.write_text(f"seed: 1\nconf_file: logs/campaigns/made-up/variants/{CART}/dqn.yml\n")
    begun = Row(variant="double_dqn", algo="double_dqn", env=CART, seed=1, run_folder="logs/double_dqn/CartPole-v1_1")
    found = told(tmp_path, [finished("dqn", CART, 1, 10.0), begun])
    assert dict(found.page.facts)["agent steps of a run"] == "1,000"
    compared = card(found, "What is compared")
    assert compared.words == ["The campaign's command: python -m dqn_zoo_ext.campaign"]
    assert compared.table[2] == (
        "double_dqn", CART, "gamma:0.5", Link(f"variants/{CART}/double_dqn.yml", f"variants/{CART}/double_dqn.yml")
    )  # fmt: skip
    _, first, second = card(found, "Runs").table
    assert first[-2:] == (
        Link(f"dqn/{CART}_1", f"../../dqn/{CART}_1/"),
        "python -m dqn_zoo_ext.report logs/dqn/CartPole-v1_1",
    )
    assert (tmp_path / "campaigns" / "made-up" / f"../../dqn/{CART}_1/").is_dir()
    assert (second[3], second[-1]) == ("begun", "-")
    assert f'<a href="../../dqn/{CART}_1/">' in cards_as_html(found.page)


def test_games_with_published_levels_that_not_all_have_finished(tmp_path: Path) -> None:
    (sentence,) = card(told(tmp_path, [Row(variant="dqn", algo="dqn", env=PONG, seed=1)]), "Over all games").words
    assert sentence == "No game with a published score has been finished by every variant yet."


def test_networks_that_have_not_learned_are_said(tmp_path: Path) -> None:
    rows = [Row(**{**vars(finished(name, CART, 1, 1.0)), "updates": 0}) for name in ("dqn", "double_dqn")]
    words = f"dqn, double_dqn on {CART}: 0 updates: these networks have not learned."
    assert words in card(told(tmp_path, rows), "Scores").notes


def test_several_protocols_are_said(tmp_path: Path) -> None:
    other = finished("dqn", CART, 2, 1.0)
    found = told(tmp_path, [finished("dqn", CART, 1, 1.0), Row(**{**vars(other), "protocol": "greedy"})])
    said = f"{CART} was evaluated by several protocols (dqn by greedy and nature-2015): such scores do not compare."
    assert said in card(found, "Scores").notes


def test_scores_of_two_protocols_are_compared_nowhere(tmp_path: Path) -> None:
    """Of a campaign of an older version: a plan with two is refused now."""
    ours = [finished("dqn", PONG, 1, 0.0, 0.5), finished("dqn", BOXING, 1, 5.0, 1.25)]
    theirs = [finished("double_dqn", PONG, 1, 20.0, 1.0), finished("double_dqn", BOXING, 1, 4.0, 1.0)]
    found = told(tmp_path, [*ours, Row(**{**vars(theirs[0]), "protocol": "machado-2018"}), theirs[1]])
    (better,) = found.improvements
    assert (better.games, better.probability.value) == ((BOXING,), 0.0)
    assert {name: each.games for name, each in found.aggregates.items()} == {"dqn": 1, "double_dqn": 1}
    assert any(f"{PONG} was evaluated by several protocols" in note for note in card(found, "Scores").notes)
    over_games = card(found, "Over all games")
    assert over_games.words == [f"Human-normalised final scores over {BOXING}: 0 is random play, 1 a person."]
    assert over_games.notes[0].startswith("Evaluated by nature-2015. ")
    assert over_games.notes[-1].startswith("~: random play and people were measured by the rules of nature-2015-30min")
