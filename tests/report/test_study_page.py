"""The report of a study: page, table and winner, whatever the state of its trials; the line for the dashboard."""

import csv
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import optuna
import pytest
import yaml
from browser import opened
from optuna.study import StudyDirection
from optuna.trial import TrialState
from studies import SPACE, small_study
from test_page import HOSTILE
from test_page_in_a_browser import point_at

from dqn_zoo_ext.report.study_attributes import REASON
from dqn_zoo_ext.report.study_page import dashboard_line, study_as_html
from dqn_zoo_ext.report.trials import TrialsReport

TOO_FEW = "There are too few trials to draw this."


def test_everything_stands_on_it() -> None:
    study = small_study(30)
    html = study_as_html(study, "sqlite:///a folder/study.db")
    best = study.best_trial
    assert f"<th>trial {best.number}</th>" in html
    assert f"<tr><td>score</td><td>{best.value:.6g}</td></tr>" in html
    assert f"<td>learning_rate</td><td>{best.params['learning_rate']:.6g}</td>" in html
    for title in ("History", "Which hyperparameters mattered", "Values that went together", "Rungs"):
        assert f"<h2>{title}</h2>" in html
    assert TOO_FEW not in html
    cell = "<td>([^<]*)</td>"
    rows = re.findall(rf"<tr><td>(\d+)</td><td>([a-z]+)</td>{cell}{cell}.*{cell}</tr>", html)
    assert [int(row[0]) for row in rows] == list(range(30))
    assert {row[1] for row in rows} == {"complete", "pruned", "fail"}
    assert rows[best.number][3] == "4 of 4 (64,000)"
    assert {row[3] for row in rows if row[1] == "pruned"} >= {"1 of 4 (1,000)"}
    assert {row[4] for row in rows if row[1] == "fail"} == {"NotFinite: the loss is not finite"}
    assert "optuna-dashboard &#39;sqlite:///a folder/study.db&#39;" in html
    assert html.count("plotly.js v") == 1


@pytest.mark.parametrize("objectives", [("score",), ("score", "frames"), ("score", "frames", "seconds")])
@pytest.mark.parametrize("n_trials", [0, 1, 2, 30])
def test_however_many_trials(n_trials: int, objectives: tuple[str, ...]) -> None:
    html = study_as_html(small_study(n_trials, objectives=objectives), None)
    assert len(re.findall(r"<tr><td>\d+</td><td>[a-z]+</td>", html)) == n_trials
    assert (TOO_FEW in html) == (n_trials < 30)
    assert ("No trial is complete yet." in html) == (n_trials == 0)
    assert ("<h2>Pareto front</h2>" in html) == (len(objectives) > 1)
    assert "optuna-dashboard" not in html  # it is kept nowhere


@pytest.mark.parametrize("state", [TrialState.FAIL, TrialState.RUNNING, TrialState.PRUNED])
def test_no_trial_is_complete(state: TrialState) -> None:
    study = small_study(0)
    for _ in range(3):
        trial = study.ask(dict(SPACE))
        trial.report(1.0, 1_000)
        if state.is_finished():
            study.tell(trial, state=state)
    html = study_as_html(study, None)
    assert "No trial is complete yet." in html
    assert html.count(f"<td>{state.name.lower()}</td>") == 3


def test_a_study_of_another_program_has_a_page() -> None:
    low, high = StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE
    for directions in ([low], [low, high], [low] * 4):
        study = optuna.create_study(directions=directions)
        study.optimize(lambda trial: [trial.suggest_float("x", 0, 1)] * len(study.directions), 4)  # noqa: B023
        html = study_as_html(study, None)
        assert {f"<th>trial {trial.number}</th>" in html for trial in study.best_trials} == {True}
        assert re.search(r"<tr><td>value( 0)?</td><td>0\.", html)


def test_files(tmp_path: Path) -> None:
    report = TrialsReport(tmp_path / "new" / "report", ("CartPole-v1",))
    study = small_study(12)
    report.write_table(study)
    report.write_winner(study, study.best_trial, "dqn", ["Confirmed with 3 seeds:", "  480 and\n490"])
    report.write_page(study, "postgresql://ann:hush@h/d")
    assert sorted(path.name for path in report.folder.iterdir()) == ["report.html", "trials.csv", "winner.yml"]
    with report.table.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == [str(number) for number in range(12)]
    assert float(rows[study.best_trial.number]["value"]) == study.best_value
    head = [line for line in report.winner("CartPole-v1").read_text().splitlines() if line.startswith("#")]
    assert head[0].startswith(f"# Trial {study.best_trial.number} of study 'cart', score {study.best_value:.6g}. What ")
    assert head[-5:-2] == ["# Confirmed with 3 seeds:", "#   480 and", "# 490"]
    assert yaml.safe_load(report.winner("CartPole-v1").read_text()) == {"complete": True, **study.best_params}
    page = report.page.read_text()
    assert "hush" not in page
    assert "optuna-dashboard &#39;postgresql+psycopg://ann:***@h/d&#39;" in page
    assert "write the password in place of ***" in page


def test_the_table_of_several_objectives(tmp_path: Path) -> None:
    report = TrialsReport(tmp_path, ("CartPole-v1",))
    report.write_table(small_study(2, objectives=("score", "frames")))
    assert report.table.read_text().startswith("number,values_score,values_frames,datetime_start,")


def test_the_page_lives(tmp_path: Path) -> None:
    report = TrialsReport(tmp_path, ("CartPole-v1",))
    report.write_page(small_study(30), None)
    with opened(report.page) as (page, complaints):
        page.wait_for_function("document.querySelectorAll('.figure .main-svg').length >= 4")
        assert page.locator(".figure .plot").count() == 4
        page.evaluate("document.querySelectorAll('.figure .plot').forEach((plot, index) => plot.id = `plot${index}`)")
        # the middle of a bar answers the pointer
        point_at(page, "#plot1", 0.1)
        page.mouse.move(0, 0)
        bar = page.locator("#plot1 .bars .point path").first.bounding_box()
        assert bar is not None
        for share in (0.3, 0.5):
            page.mouse.move(bar["x"] + share * bar["width"], bar["y"] + bar["height"] / 2)
        page.wait_for_function("document.querySelector('#plot1 .hoverlayer').textContent.length > 0")
        assert page.evaluate("document.querySelector('#plot3').layout.xaxis.title.text") == "agent steps"
        assert complaints == []


def test_it_is_readable_on_a_phone(tmp_path: Path) -> None:
    report = TrialsReport(tmp_path, ("CartPole-v1",))
    report.write_page(small_study(12, objectives=("score", "frames")), None)
    with opened(report.page, width=390, height=800) as (page, complaints):
        page.wait_for_function("document.querySelectorAll('.figure .main-svg').length >= 7")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert complaints == []


def test_nothing_in_a_study_is_run(tmp_path: Path) -> None:
    study = small_study(12, name=HOSTILE)
    trial = study.ask(dict(SPACE))
    trial.suggest_categorical(HOSTILE, [HOSTILE, "other"])
    trial.set_user_attr(REASON, HOSTILE)
    study.tell(trial, state=TrialState.FAIL)
    for _ in range(3):
        trial = study.ask(dict(SPACE))
        trial.suggest_categorical(HOSTILE, [HOSTILE, "other"])
        study.tell(trial, 1.0)
    report = TrialsReport(tmp_path, ("CartPole-v1",))
    report.write_page(study, f"sqlite:///{HOSTILE}")
    with opened(report.page) as (page, complaints):
        page.wait_for_function("document.querySelectorAll('.figure .main-svg').length >= 3")
        page.wait_for_timeout(300)
        assert page.title() == f"Study {HOSTILE}"
        assert HOSTILE in page.inner_text("h1")
        assert HOSTILE in page.inner_text("#trials")
        assert complaints == []


def test_the_dashboard_opens_by_the_line_on_the_page(tmp_path: Path) -> None:
    dashboard = pytest.importorskip("optuna_dashboard")
    assert dashboard
    storage = f"sqlite:///{tmp_path}/the study.db"
    small_study(3, storage=storage, name="a study to watch")
    command, *words = shlex.split(dashboard_line(storage))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(sys.executable).with_name(command))
    with subprocess.Popen([program, *words, "--port", str(port)], stderr=subprocess.PIPE) as process:
        try:
            assert "<title>Optuna Dashboard" in fetched(f"http://127.0.0.1:{port}/dashboard", process)
            assert "a study to watch" in fetched(f"http://127.0.0.1:{port}/api/studies", process)
        finally:
            process.terminate()


def fetched(url: str, process: subprocess.Popen[bytes]) -> str:
    for _ in range(100):
        assert process.poll() is None
        try:
            response = httpx2.get(url, follow_redirects=True)
        except httpx2.TransportError:
            time.sleep(0.2)
            continue
        assert response.status_code == 200
        return response.text
    raise AssertionError(f"no answer from {url}")
