"""The report page of real runs, in a real browser."""

from dataclasses import replace
from pathlib import Path

import pytest
from browser import opened
from playwright.sync_api import Page
from test_page import FILM, HOSTILE, PAGE, RUN

from dqn_zoo_ext.report.__main__ import main as report
from dqn_zoo_ext.report.page import write_page

FILMED = 60  # agent steps, 4 seconds
FILMS = ("agent", "random")


@pytest.fixture(scope="module")
def report_of_pong(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "pong.html"
    run = logs / "dqn" / "PongNoFrameskip-v4_1"
    assert report([str(run), "-o", str(path), "--film-steps", str(FILMED)]) == 0
    return path


def line_at(page: Page) -> float:
    return float(page.evaluate("document.querySelector('.mood').layout.shapes[0].x0"))


def point_at(page: Page, plot: str, share_of_width: float) -> None:
    place = page.locator(f"{plot} .nsewdrag").first
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box is not None
    for share in (share_of_width / 2, share_of_width):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)


def until_drawn(page: Page) -> None:
    page.wait_for_function("document.querySelector('.mood .main-svg') && document.querySelector('#curves .main-svg')")
    page.wait_for_function("document.querySelector('video.agent').readyState >= 2")


def test_the_page_lives(report_of_pong: Path) -> None:
    with opened(report_of_pong) as (page, complaints):
        until_drawn(page)
        assert page.evaluate("document.querySelector('video.agent').duration") == pytest.approx(FILMED / 15, abs=0.1)
        assert page.evaluate("document.querySelector('video.random').duration") > 1

        # a seek in the video moves the line in the chart, the sentence and the bars
        page.evaluate("document.querySelector('video.agent').currentTime = 2.5")
        page.wait_for_function("document.querySelector('.mood').layout.shapes[0].x0 === 37")  # 2.5 s of 15 steps
        assert page.inner_text(".now").startswith("step 37: expects ")
        assert page.locator(".weighs .chosen").count() == 1
        assert page.locator(".weighs em").count() == 6

        # a click in the chart moves the video
        point_at(page, ".mood", 0.25)
        page.wait_for_function("document.querySelector('.mood .hoverlayer').textContent.includes('surprise')")
        page.wait_for_timeout(400)  # the chart follows the pointer some moments later
        page.mouse.down()
        page.mouse.up()
        page.wait_for_function("document.querySelector('video.agent').currentTime < 2")
        assert page.evaluate("document.querySelector('video.agent').currentTime") == pytest.approx(1.0, abs=0.4)

        # the video plays, and the line goes with it
        page.evaluate("document.querySelector('video.agent').currentTime = 0")
        page.wait_for_function("document.querySelector('.mood').layout.shapes[0].x0 === 0")
        page.evaluate("document.querySelector('video.agent').play()")
        page.wait_for_function("document.querySelector('video.agent').currentTime > 0.8")
        page.wait_for_function("document.querySelector('.mood').layout.shapes[0].x0 >= 10")
        page.wait_for_function("document.querySelector('video.agent').ended")
        page.wait_for_function(f"document.querySelector('.mood').layout.shapes[0].x0 === {FILMED - 1}")

        # the curves answer the pointer
        assert page.locator("#curves .hoverlayer").text_content() == ""
        said = ""
        for share in (0.86, 0.89, 0.92, 0.95, 0.98):  # the run's only evaluation lies near the right edge
            point_at(page, "#curves", share)
            page.wait_for_timeout(250)
            said += page.locator("#curves .hoverlayer").text_content() or ""
        assert "evaluations" in said

        page.click("summary")
        assert page.is_visible("text=learning_starts")
        assert complaints == []


def test_it_is_readable_on_a_phone(report_of_pong: Path) -> None:
    with opened(report_of_pong, width=390, height=800) as (page, complaints):
        until_drawn(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert float(page.evaluate("document.querySelector('#curves .plot-container').clientWidth")) > 300
        assert complaints == []


def bars(page: Page) -> list[tuple[float, float]]:
    """Where each begins and how wide it is, in percent of the whole."""
    styles = "[...document.querySelectorAll('.weighs i')].map(bar => [bar.style.marginLeft, bar.style.width])"
    return [(float(left.strip("%")), float(width.strip("%"))) for left, width in page.evaluate(styles)]


BARS: list[tuple[list[float], list[tuple[float, float]]]] = [
    ([0.0000049, 1.0, 2.0], [(0, 0), (0, 50), (0, 100)]),  # the lowest is rounded to below itself
    ([-1.0, 0.5, 3.0], [(0, 25), (25, 12.5), (25, 75)]),  # below 0: to the left
    ([-2.0, -1.0, -0.5], [(0, 100), (50, 50), (75, 25)]),
    ([0.0, 0.0, 0.0], [(0, 0), (0, 0), (0, 0)]),
]


def test_bars_of_action_values_begin_at_0(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.html" for number in range(len(BARS))]
    for path, (values, _) in zip(paths, BARS, strict=True):
        film = replace(FILM, values=[values], actions=[1], action_names=["NOOP", "FIRE", "LEFT"])
        write_page(replace(PAGE, runs=[replace(RUN, film=film)]), path)
    with opened(paths[0]) as (page, _):
        for path, (values, expected) in zip(paths, BARS, strict=True):
            page.goto(path.absolute().as_uri())
            page.wait_for_function("document.querySelector('.weighs .chosen')")
            assert bars(page) == [pytest.approx(each, abs=0.02) for each in expected], values


def test_both_films_are_as_high_as_each_other(report_of_pong: Path) -> None:
    with opened(report_of_pong) as (page, _):
        until_drawn(page)
        page.wait_for_function("document.querySelector('video.random').readyState >= 2")
        heights = [float(page.evaluate(f"document.querySelector('video.{name}').clientHeight")) for name in FILMS]
        assert heights[0] == pytest.approx(heights[1], abs=2)
        assert heights[0] > 300


def test_a_long_title_does_not_widen_a_phone(tmp_path: Path) -> None:
    long = "data_efficient_rainbow on " + "SpaceInvadersNoFrameskip-v4" * 3
    run = replace(RUN, title=long, subtitle=f"/{long}", film=None)
    write_page(replace(PAGE, title=long, notes=[long], runs=[run]), tmp_path / "page.html")
    with opened(tmp_path / "page.html", width=390, height=800) as (page, _):
        page.wait_for_selector("#curves .main-svg")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    run = replace(RUN, film=None, title=HOSTILE, command=HOSTILE, settings=[(HOSTILE, HOSTILE, HOSTILE)])
    curves = {"data": [{"x": [1, 2], "y": [1, 2], "name": HOSTILE, "type": "scatter"}], "layout": {"showlegend": True}}
    write_page(replace(PAGE, title="calm", curves=curves, runs=[run], notes=[HOSTILE]), tmp_path / "page.html")
    with opened(tmp_path / "page.html") as (page, complaints):
        page.wait_for_selector("#curves .main-svg")
        page.wait_for_timeout(300)
        assert page.title() == "calm"
        assert HOSTILE in page.inner_text("h2")
        assert complaints == []
