"""The leaderboard's page over two hundred cards, in a real browser, with the Hub on this machine behind its links."""

from pathlib import Path

import numpy as np
import pytest
from board_cards import GAME, HOSTILE, Cards, fill
from browser import opened
from hub_server import Hub
from playwright.sync_api import Page

from dqn_zoo_ext.leaderboard import main as leaderboard
from dqn_zoo_ext.storage.video_file import write_mp4

NAMES = "[...document.querySelectorAll('#board tbody tr:not([hidden])')].map(row => row.dataset.agent)"


@pytest.fixture
def cards(hub: Hub, tmp_path: Path) -> Cards:
    write_mp4([np.full((210, 160, 3), 8 * shade, np.uint8) for shade in range(30)], tmp_path / "replay.mp4", 15)
    return fill(hub.store, (tmp_path / "replay.mp4").read_bytes())


@pytest.fixture
def board(cards: Cards, tmp_path: Path) -> Path:
    assert cards.good
    assert leaderboard(["--env", GAME, "--mine", "ann", "--page", str(tmp_path / "index.html"), "--verbose", "0"]) == 0
    return tmp_path / "index.html"


def names(page: Page) -> list[str]:
    found: list[str] = page.evaluate(NAMES)
    return found


def until(page: Page, expression: str) -> None:
    """`wait_for_function` is evaluated in the page, which its policy forbids."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"not in ten seconds: {expression}")


def test_search_sort_and_own(board: Path, cards: Cards) -> None:
    ranked = [each[0] for each in sorted(cards.good, key=lambda each: (-round(each[1] - each[2], 6), each[0]))]
    by_mean = sorted(cards.good, key=lambda each: (-each[1], ranked.index(each[0])))
    with opened(board) as (page, complaints):
        assert names(page) == ranked
        page.click("th button:text('mean ± std')")
        assert names(page) == [each[0] for each in by_mean]
        page.click("th button:text('mean ± std')")
        assert names(page)[0] == min(cards.good, key=lambda each: (each[1], ranked.index(each[0])))[0]
        assert page.get_attribute("th[data-key=mean]", "aria-sort") == "ascending"
        page.click("th button:text('rank')")
        assert names(page) == ranked

        page.fill("#search", "USER07 rainbow")
        wanted = [name for name in ranked if name.startswith("user07/rainbow")]
        assert names(page) == wanted
        assert page.inner_text("#shown") == f"{len(wanted)} of {len(ranked)} agents"
        page.fill("#search", "nobody is called so")
        assert names(page) == []
        assert page.is_visible("#none")
        page.fill("#search", "")
        page.select_option("#algo", "QRDQN")
        assert names(page) == [name for name in ranked if "/qrdqn-" in name]
        page.select_option("#algo", "")
        page.check("#mine")
        own = [name for name in ranked if name.startswith("ann/")]
        assert names(page) == own
        assert f"number {ranked.index(own[0]) + 1} of {len(ranked)}" in page.inner_text(".own")
        page.click("summary")
        assert f"{sum(cards.broken.values())} more agents" in page.inner_text("details")
        assert complaints == []


def test_a_replay_is_fetched_on_a_click_and_not_before(board: Path, hub: Hub) -> None:
    hub.faulty.requests.clear()
    with opened(board) as (page, complaints):
        page.wait_for_timeout(300)
        assert hub.faulty.requests == []
        name = page.get_attribute(".play >> nth=0", "data-name")
        page.click(".play >> nth=0")
        until(page, "document.querySelector('video').currentTime > 0.3")
        assert page.inner_text("#theatre h2") == name
        assert hub.requests("GET", "replay.mp4") == [f"GET /{name}/resolve/main/replay.mp4"]
        assert all(each.startswith(("http://127.0.0.1:", "http://localhost:")) for each in complaints)
        page.keyboard.press("Escape")
        assert not page.evaluate("document.querySelector('video').hasAttribute('src')")

        hub.store.repos.clear()
        page.click(".play >> nth=1")
        page.wait_for_selector("text=The video cannot be played.")


def test_nothing_in_a_card_is_run(board: Path, hub: Hub) -> None:
    with opened(board) as (page, complaints):
        page.fill("#search", "mallory")
        page.wait_for_timeout(300)
        assert len(names(page)) == len(HOSTILE)
        shown = page.locator("#board tbody tr:not([hidden]) .algo").all_inner_texts()
        assert any("<script>" in text for text in shown)
        assert page.evaluate("window.harmed") is None
        assert page.locator("img, #board script, iframe").count() == 0
        links = page.eval_on_selector_all("a, [data-video]", "all => all.map(each => each.href || each.dataset.video)")
        assert len(links) > 200
        assert all(link.startswith(f"{hub.url}/") for link in links)
        assert complaints == []
        # even a script that got in would not run: the page's policy knows its own by its checksum
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'window.harmed=1'}))"
        )
        assert page.evaluate("window.harmed") is None
        assert "Content Security Policy" in complaints[0]


def test_it_is_readable_on_a_phone(board: Path) -> None:
    with opened(board, width=390, height=844) as (page, complaints):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        first = page.locator("#board tbody tr").first
        assert first.locator(".result").is_visible()
        assert first.locator(".how").is_visible()
        assert first.locator(".range").evaluate("element => element.clientWidth") > 120
        assert complaints == []


def test_a_board_without_agents(hub: Hub, tmp_path: Path) -> None:
    assert hub.store.repos == {}
    assert leaderboard(["--env", "PongNoFrameskip-v4", "--page", str(tmp_path / "index.html")]) == 0
    with opened(tmp_path / "index.html") as (page, complaints):
        assert page.inner_text("h1") == "Pong"
        assert page.is_visible("#none")
        assert complaints == []
