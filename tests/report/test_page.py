import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.report.page import FilmedGame, Page, Row, RunSection, as_html, write_page
from dqn_zoo_ext.report.plots import mood_plot

HOSTILE = "</script><script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"

FILM = FilmedGame(
    video=b"mp4",
    random_video=None,
    steps_per_second=15.0,
    caption="a game",
    random_caption="",
    mood=mood_plot([[1.0, 2.0]], [0.5], [0.0]),
    values=[[1.0, 2.00049]],
    surprise=[0.5],
    actions=[1],
    action_names=["NOOP", "FIRE"],
)
RUN = RunSection(
    title="dqn, run Pong_1",
    subtitle="logs/dqn/Pong_1",
    facts=[("agent steps", "1,000")],
    scores=[Row("the best network", "20.1", "99%", "10 games by dopamine", ours=True)],
    film=FILM,
    shares=[("learning", 0.75), ("acting", 0.25)],
    settings=[("gamma", "0.99", "hyperparams/families/atari.yml:12")],
    warnings=["gamma should be below 1"],
    command="python -m dqn_zoo_ext.train",
)
PAGE = Page(
    title="dqn on Pong", curves={"data": [], "layout": {}}, notes=["Points: evaluations."], runs=[RUN], made_by="by us"
)


def test_everything_stands_on_it() -> None:
    html = as_html(replace(PAGE, aggregates=[("algo", "IQM"), ("dqn", "1.2")]))
    texts = ("dqn on Pong", "Points: evaluations.", "logs/dqn/Pong_1", "1,000", "20.1", "10 games by dopamine", "99%")
    for text in (*texts, "learning 75 %", "gamma should be below 1", "hyperparams/families/atari.yml:12", "IQM"):
        assert text in html
    assert 'src="data:video/mp4;base64,bXA0"' in html
    (moments,) = re.findall(r'class="moments">(.*?)</script>', html)
    assert json.loads(moments)["values"] == [[1.0, 2.0]]


def test_a_run_without_a_film_or_results_has_a_page_too() -> None:
    html = as_html(replace(PAGE, runs=[replace(RUN, film=None, shares=[], scores=[], warnings=[])]))
    assert "<video" not in html
    assert "<h3>Where the time went" not in html


def test_whatever_comes_from_files_is_escaped() -> None:
    film = replace(FILM, caption=HOSTILE, action_names=[HOSTILE, HOSTILE])
    row = Row(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    run = RunSection(HOSTILE, HOSTILE, [(HOSTILE, HOSTILE)], [row], [(HOSTILE, 1.0)], [(HOSTILE, HOSTILE, HOSTILE)],
                     [HOSTILE], HOSTILE, film, HOSTILE)  # fmt: skip
    curves = {"data": [{"name": HOSTILE}], "layout": {}}
    html = as_html(Page(HOSTILE, curves, [HOSTILE], [run], [(HOSTILE,), (HOSTILE,)], HOSTILE))
    assert "<script>document" not in html
    assert "<img" not in html.partition("<script>")[0]  # behind it plotly.js begins
    (data,) = re.findall(r'id="curves-data">(.*?)</script>', html)
    assert json.loads(data)["data"][0]["name"] == HOSTILE


def test_a_page_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "none" / "report.html"
    with pytest.raises(UserError, match=r"cannot write .*report\.html: No such file or directory"):
        write_page(PAGE, path)
    write_page(PAGE, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == as_html(PAGE)
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
