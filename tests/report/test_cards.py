import json
import re
from pathlib import Path

from browser import opened

from dqn_zoo_ext.evaluation.aggregates import Estimate
from dqn_zoo_ext.report.cards import Card, CardsPage, Link, cards_as_html, write_cards
from dqn_zoo_ext.report.plots import probabilities_plot

HOSTILE = "</script><script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"


def hostile(title: str) -> CardsPage:
    plot = probabilities_plot({HOSTILE: Estimate(0.5, 0.25, 0.75)}, HOSTILE)
    card = Card(HOSTILE, [HOSTILE], [plot], [(HOSTILE, "b"), (HOSTILE, Link(HOSTILE, HOSTILE))], [HOSTILE])
    return CardsPage(title, [(HOSTILE, HOSTILE)], [card, Card("empty")], HOSTILE)


def test_everything_stands_on_it_and_whatever_comes_from_files_is_escaped() -> None:
    html = cards_as_html(hostile(HOSTILE))
    places = 12  # title, heading, fact (2), card, sentence, cells (2), link (2), note, foot
    assert html.count("&lt;/script&gt;") == 2 * places
    assert "<script>document" not in html
    (data,) = re.findall(r'class="plot-data">(.*?)</script>', html)
    assert json.loads(data)["data"][0]["y"] == [HOSTILE]


def test_nothing_in_it_is_run(tmp_path: Path) -> None:
    write_cards(hostile("calm"), tmp_path / "page.html")
    with opened(tmp_path / "page.html") as (page, complaints):
        page.wait_for_selector(".plot .main-svg")
        page.wait_for_timeout(300)
        assert page.title() == "calm"
        assert page.locator(".plot").count() == 1
        assert complaints == []
