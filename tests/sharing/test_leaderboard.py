"""The leaderboard over the local Hub: two hundred cards, good, broken and hostile, ranked, marked and written."""

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from board_cards import GAME, HOSTILE, SCRIPT, Cards, card, fill, readme
from hub_server import Fault, Hub

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.errors import TryAgain, UserError
from dqn_zoo_ext.leaderboard import main as leaderboard
from dqn_zoo_ext.sharing import listing as listing_module
from dqn_zoo_ext.sharing.leaderboard import NOT_STATED, Unusable, make_leaderboard, read_entry
from dqn_zoo_ext.sharing.listing import Listing

BOARD = ("--env", GAME)


@pytest.fixture
def cards(hub: Hub) -> Cards:
    return fill(hub.store)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_two_hundred_cards(cards: Cards, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.store.largest_page = 37
    assert leaderboard([*BOARD, "--csv", str(tmp_path / "board.csv"), "--limit", "5", "--mine", "ANN"]) == 0
    assert len(hub.requests("GET", "/api/models")) == 6  # 210 models, 37 on a page
    assert len(hub.faulty.requests) == 6  # and nothing is downloaded for any one of them

    rows = rows_of(tmp_path / "board.csv")
    expected = sorted(cards.good, key=lambda each: (-round(each[1] - each[2], 6), each[0]))
    assert [(row["repo_id"], float(row["mean"]), float(row["std"])) for row in rows] == [each[:3] for each in expected]
    assert [float(row["result"]) for row in rows] == pytest.approx([mean - std for _, mean, std, _ in expected])
    stated = [f"{row['protocol']}, {row['games']} games" if row["games"] else row["protocol"] for row in rows]
    assert stated == [each[3] for each in expected]
    assert {row["repo_id"] for row in rows if row["mine"] == "1"} == {
        each[0] for each in cards.good if each[0].startswith("ann/")
    }
    assert {int(row["rank"]) for row in rows if row["repo_id"].startswith("mallory/")} == {
        next(place for place, each in enumerate(expected, 1) if each[0].startswith("mallory/"))
    }  # equal results share a rank
    assert not any(
        cell.startswith(("=", "+", "-", "@")) for row in rows for cell in (row["repo_id"], row["algo"], row["protocol"])
    )

    printed = capsys.readouterr().out
    best = next(row for row in rows if row["mine"] == "1")
    assert f"* yours: 2; the best, {best['repo_id']}, is number {best['rank']} of {len(rows)}" in printed
    in_table = [line for line in printed.splitlines() if "+/- " in line and f"-{GAME}-" in line]
    assert [line.split()[-1] for line in in_table[:5]] == [each[0] for each in expected[:5]]
    assert [line.split()[0] for line in in_table[5:]] == ["*", "*"]  # one's own stand below the best
    assert f"left out: {sum(cards.broken.values())} (" in printed
    for reason, count in cards.broken.items():
        assert f"{reason} {count}" in printed


def test_nothing_of_a_card_reaches_the_terminal_as_it_is(cards: Cards, capsys: pytest.CaptureFixture[str]) -> None:
    assert leaderboard([*BOARD, "--limit", "0"]) == 0
    printed = capsys.readouterr().out
    assert all(repo_id in printed for repo_id, *_ in cards.good)
    assert "\x1b" not in printed
    assert "\u202e" not in printed


def test_a_game_without_agents_is_a_line(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert leaderboard([*BOARD, "--mine", "ann"]) == 0
    assert capsys.readouterr().out == f"{GAME}: no agent with a score on the Hub\n"
    assert hub.requests("GET", "/api/models")


def test_nothing_private_is_listed(hub: Hub, tmp_path: Path) -> None:
    hub.store.put("ann/secret", {"README.md": readme(card("900.00 +/- 1.00"))}, private=True)
    hub.store.put("ann/open", {"README.md": readme(card("300.00 +/- 1.00"))})
    assert leaderboard([*BOARD, "--csv", str(tmp_path / "board.csv")]) == 0  # HF_TOKEN is that of ann
    assert [row["repo_id"] for row in rows_of(tmp_path / "board.csv")] == ["ann/open"]


def test_our_own_card_states_how_it_was_measured(packed: Path, hub: Hub) -> None:
    metadata = yaml.safe_load(next(packed.rglob("README.md")).read_text().split("---\n")[1])
    entry = read_entry({"id": "ann/dqn-CartPole-v1", "cardData": metadata}, "CartPole-v1")
    assert (entry.algo, entry.protocol, entry.games) == ("DQN", "course-unit3", 2)
    assert not hub.faulty.requests


@pytest.mark.parametrize("fault", ["status", "reset", "cut"])
def test_a_page_that_fails_is_fetched_again(
    fault: Any, cards: Cards, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    hub.store.largest_page = 100
    failing = Fault("GET", "/api/models", fault, times=2, after_bytes=1000)
    hub.fail(failing)
    assert leaderboard([*BOARD, "--csv", str(tmp_path / "board.csv")]) == 0
    assert failing.times == 0
    assert len(rows_of(tmp_path / "board.csv")) == len(cards.good)


def test_a_hub_that_stays_away_is_one_line(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hub.fail(Fault("GET", "/api/models", "status", times=9))
    with pytest.raises(SystemExit) as left:
        run_verb(leaderboard, [*BOARD, "--retry-seconds", "0", "--page", "board.html", "--csv", "board.csv"])
    assert left.value.code == 75
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_one_item_that_is_no_json_takes_no_other_with_it(hub: Hub) -> None:
    good = json.dumps({"id": "ann/a", "cardData": card("300.00 +/- 1.00", 'a "quoted", ] name\\')})
    deep = '{"id": "ann/deep", "cardData": ' + "[" * 100_000 + "]" * 100_000 + "}"
    huge = '{"id": "ann/huge", "likes": ' + "9" * 5000 + ', "cardData": ' + json.dumps(card("200.00 +/- 1.00")) + "}"
    hub.store.listed_instead = f"[{deep}, {good}, {huge}, {{oops}}]".encode()
    listing = listing_module.list_models([GAME], _api(hub), _patience(0), print)
    assert (len(listing.models), listing.unreadable, listing.complete) == (2, 2, True)
    board = make_leaderboard(GAME, listing)
    assert [entry.repo_id for entry in board.entries] == ["ann/a", "ann/huge"]
    assert board.entries[0].algo == 'a "quoted", ] name\\'
    assert board.left_out == {"not readable at all": 2}


@pytest.mark.parametrize("answer", [b"<html>", b'{"error": 1}', b"3"])
def test_an_answer_that_is_no_list(answer: bytes, hub: Hub) -> None:
    hub.store.listed_instead = answer
    with pytest.raises(TryAgain, match="the answer was not the Hub's"):
        listing_module.list_models([GAME], _api(hub), _patience(0), print)


@pytest.mark.parametrize("answer", [b"[" * 100_000, b"[{}", b'["', b"[1, 2,,,", b"[\xff", b'["' + b'\\"' * 10**6])
def test_a_list_that_breaks_off_has_nothing_to_rank(answer: bytes, hub: Hub) -> None:
    hub.store.listed_instead = answer
    begun = time.monotonic()
    listing = listing_module.list_models([GAME], _api(hub), _patience(0), print)
    assert make_leaderboard(GAME, listing).entries == []
    assert time.monotonic() - begun < 10


def test_size_time_and_number_of_pages_are_bounded(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = fill(hub.store)
    assert cards.good
    hub.store.largest_page = 2
    monkeypatch.setattr(listing_module, "MOST_PAGES", 5)
    listing = listing_module.list_models([GAME], _api(hub), _patience(0), print)
    assert not listing.complete  # 210 models on pages of two
    assert len(listing.models) == 10
    monkeypatch.setattr(listing_module, "MOST_SECONDS", -1.0)
    with pytest.raises(TryAgain, match="seconds"):
        listing_module.list_models([GAME], _api(hub), _patience(0), print)
    monkeypatch.setattr(listing_module, "MOST_BYTES", 10)
    with pytest.raises(UserError, match="refused"):
        listing_module.list_models([GAME], _api(hub), _patience(0), print)


@pytest.mark.parametrize(
    ("value", "score"),
    [
        ("74.00 +/- 45.81", (74.0, 45.81)),
        (" -21 +/- 0 ", (-21.0, 0.0)),
        ("1.5e3±2.", (1500.0, 2.0)),
        (".5 +- .25", (0.5, 0.25)),
    ],
)
def test_how_scores_are_written(value: str, score: tuple[float, float]) -> None:
    entry = read_entry({"id": "ann/a", "cardData": card(value)}, GAME)
    assert (entry.mean, entry.std) == score


@pytest.mark.parametrize("model", [None, 3, [], {"id": "a"}, {"id": "../x"}, {"id": "a/b/c"}, {"id": f"a/{SCRIPT}"}])
def test_a_model_without_a_name(model: object) -> None:
    with pytest.raises(Unusable, match="no name"):
        read_entry(model, GAME)


def test_what_is_not_stated_and_what_is_odd() -> None:
    odd = {"id": "ann/a", "lastModified": "soon", "siblings": [None, {"rfilename": 3}], "model-index": None}
    arguments: list[object] = [None, [], {"protocol": ["nature-2015"]}, {"protocol": "my own", "games": True}]
    for given in (*arguments, *({"protocol": text, "games": -1} for text in HOSTILE)):
        entry = read_entry({**odd, "cardData": card("5.00 +/- 1.00", None, given)}, GAME)
        assert (entry.protocol, entry.games, entry.updated, entry.video) == (NOT_STATED, None, None, False)
        assert entry.algo == "?"
    beside = {**odd, "cardData": {}, "model-index": card("5.00 +/- 1.00")["model-index"]}
    assert read_entry(beside, GAME).mean == 5  # where the Hub's answers about one model have it


def test_a_model_that_is_listed_twice_counts_once() -> None:
    model = {"id": "ann/a", "cardData": card("5.00 +/- 1.00")}
    assert len(make_leaderboard(GAME, Listing([model, model], 0, True)).entries) == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--env", "SpaceInvadresNoFrameskip-v4"], "did you mean 'SpaceInvadersNoFrameskip-v4'"),
        (["--mine", "a b"], "--mine: nobody on the Hub can be called 'a b'"),
        (["--limit", "-1"], "--limit: must be at least 0"),
        (["--page", "nowhere/index.html"], "--page: cannot write 'nowhere/index.html'"),
        (["--csv", "."], "--csv: cannot write '.'"),
    ],
)
def test_mistakes(words: list[str], expected: str, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run_verb(leaderboard, words)
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
    assert not hub.faulty.requests


def _api(hub: Hub) -> Any:
    from huggingface_hub import HfApi

    return HfApi(endpoint=hub.url)


def _patience(seconds: float) -> Any:
    from dqn_zoo_ext.sharing.patience import Patience

    return Patience(seconds)
