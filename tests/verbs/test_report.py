"""`report` on what `train` left."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.report.__main__ import main as report

CART_POLE, PONG = "double_dqn/CartPole-v1_1", "dqn/PongNoFrameskip-v4_1"


def complaint(*words: object) -> str:
    with pytest.raises(UserError) as caught:
        report([str(word) for word in words])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_lies_in_the_runs_folder_unless_told_otherwise(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = logs / CART_POLE / "report.html"
    assert report([str(logs / CART_POLE), "--film-steps", "20"]) == 0
    assert str(page) in capsys.readouterr().out
    html = page.read_text(encoding="utf-8")
    page.unlink()
    assert html.count("data:video/mp4;base64,") == 2  # the agent's game, and the random one
    assert "the best network" in html
    assert re.search(r"Random actions, from the same seed: [\d.]+ points", html)
    assert "the best of 1 evaluations" not in html
    assert "Points of the evaluations: " in html
    assert (
        "a run should be much longer than its learning_starts: it ends after 2,500" in html
    )  # the doctor's warning of this run
    assert '"names":["left","right"]' in html


def test_runs_that_differ_in_the_seed_become_one_curve_and_a_line_of_a_table(logs: Path, tmp_path: Path) -> None:
    runs = [tmp_path / "double_dqn" / f"CartPole-v1_{number}" for number in (1, 2)]
    for run in runs:
        shutil.copytree(logs / CART_POLE, run)
    assert report([*map(str, runs), "-o", str(tmp_path / "both.html"), "--film-steps", "0"]) == 0
    html = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert "<video" not in html
    assert "double_dqn (2 seeds), evaluations" in html
    assert "interquartile mean" in html
    assert html.count('<section class="card run">') == 2


def test_the_doctor_is_told_the_options_that_the_run_was_given(logs: Path, tmp_path: Path) -> None:
    run = tmp_path / CART_POLE
    shutil.copytree(logs / CART_POLE, run)
    config, args = run / "CartPole-v1" / "config.yml", run / "CartPole-v1" / "args.yml"
    config.write_text(config.read_text().replace("eval_freq: 2000", "eval_freq: 5000"))
    as_it_was = args.read_text()
    for given, said in (("null", True), ("100", False)):
        args.write_text(as_it_was.replace("eval_freq: null", f"eval_freq: {given}"))
        assert report([str(run), "-o", str(tmp_path / "page.html"), "--film-steps", "0"]) == 0
        html = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert ("an agent should be evaluated during training" in html) == said


def test_published_scores_are_those_by_the_rules_that_the_evaluation_was_played_by(logs: Path, tmp_path: Path) -> None:
    """By rl-zoo, which leaves stickiness as in training; an older record does not say it, and its config.yml does."""
    run = tmp_path / PONG
    shutil.copytree(logs / PONG, run)
    config, results = run / "PongNoFrameskip-v4" / "config.yml", run / "results.json"
    told = json.loads(results.read_text())
    for key in ("best", "final"):
        assert told[key].pop("repeat_action_probability") == 0
        told[key]["protocol"] = "rl-zoo"
    as_it_was = config.read_text()
    for env_kwargs, recorded, beside in (
        ("{}", {}, True),
        ("{repeat_action_probability: 0.25}", {}, False),
        ("{}", {"repeat_action_probability": 0.25}, False),
    ):
        config.write_text(as_it_was.replace("env_kwargs: {}", f"env_kwargs: {env_kwargs}"))
        both = {key: {**told[key], **recorded} for key in ("best", "final")}
        results.write_text(json.dumps({**told, **both}))
        assert report([str(run), "-o", str(tmp_path / "page.html"), "--film-steps", "0"]) == 0
        html = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert ("M frames, " in html) == beside
        assert "<td>random</td>" in html


def test_one_run_given_twice_is_one_run(logs: Path, tmp_path: Path) -> None:
    run = str(logs / CART_POLE)
    assert report([run, f"{run}/../CartPole-v1_1", "-o", str(tmp_path / "page.html"), "--film-steps", "0"]) == 0
    assert "interquartile mean" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_runs_that_differ_in_more_than_the_seed_are_not_put_together(logs: Path, tmp_path: Path) -> None:
    runs = [tmp_path / "double_dqn" / f"CartPole-v1_{number}" for number in (1, 2, 3)]
    for run in runs:
        shutil.copytree(logs / CART_POLE, run)
    other = runs[2] / "CartPole-v1" / "config.yml"
    text = other.read_text(encoding="utf-8")
    other.write_text(text.replace("batch_size: 64", "batch_size: 32"), encoding="utf-8")
    assert other.read_text(encoding="utf-8") != text
    assert report([*map(str, runs), "-o", str(tmp_path / "page.html"), "--film-steps", "0"]) == 0
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<td>double_dqn, runs 1, 2</td><td>2</td><td>2,500</td>" in html
    assert "<td>double_dqn, run 3</td><td>1</td><td>2,500</td>" in html


def test_runs_of_several_log_folders_all_have_a_curve_and_a_line(logs: Path, tmp_path: Path) -> None:
    runs = [tmp_path / which / "double_dqn" / f"CartPole-v1_{number}" for which in ("one", "other") for number in "12"]
    for run in runs:
        shutil.copytree(logs / CART_POLE, run)
    for run in runs[2:]:
        config = run / "CartPole-v1" / "config.yml"
        config.write_text(config.read_text().replace("batch_size: 64", "batch_size: 32"))
    assert report([*map(str, runs), "-o", str(tmp_path / "page.html"), "--film-steps", "0"]) == 0
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    for log_folder in ("one", "other"):
        assert f"double_dqn, runs 1, 2 in {log_folder} (2 seeds), evaluations" in html
        assert f"<td>double_dqn, runs 1, 2 in {log_folder}</td><td>2</td>" in html


def test_a_run_that_cannot_be_read_or_played_does_not_keep_the_others_from_the_page(logs: Path, tmp_path: Path) -> None:
    unplayable, damaged = (tmp_path / "double_dqn" / f"CartPole-v1_{number}" for number in (1, 2))
    for run in (unplayable, damaged):
        shutil.copytree(logs / CART_POLE, run)
    for agent in unplayable.glob("*.zip"):
        agent.unlink()
    (damaged / "evaluations.npz").write_bytes(b"PK\x03\x04")
    runs = [str(unplayable), str(damaged), str(logs / CART_POLE)]
    assert report([*runs, "-o", str(tmp_path / "page.html"), "--film-steps", "5"]) == 0
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Left out: " in html
    assert "There is no game to see: no agent &#39;CartPole-v1.zip&#39;" in html
    assert html.count("data:video/mp4;base64,") == 2


def test_a_damaged_record_is_named_in_the_section_of_its_run(logs: Path, tmp_path: Path) -> None:
    good, damaged = (tmp_path / "dqn" / f"PongNoFrameskip-v4_{number}" for number in (1, 2))
    for run in (good, damaged):
        shutil.copytree(logs / PONG, run)
    (damaged / "results.json").write_text("{")
    args = damaged / "PongNoFrameskip-v4" / "args.yml"
    args.write_text(args.read_text().replace("eval_freq: null", "eval_freq: often"))
    record = good / "results.json"
    told = json.loads(record.read_text())
    for which in (told["best"], told["final"], *told["evaluations"]):
        which["protocol"] = "nature-2051"
    record.write_text(json.dumps(told))
    assert report([str(good), str(damaged), "-o", str(tmp_path / "page.html"), "--film-steps", "0"]) == 0
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    of_good, of_damaged = html.split('<section class="card run">')[1:]
    assert "This could not be told: unknown evaluation protocol &#39;nature-2051&#39;" in of_good
    assert "by nature-2051, after" in of_good  # what was measured stands there all the same
    assert f"This could not be told: {damaged}/results.json is not JSON" in of_damaged
    assert "args.yml: eval_freq must be a whole number or null, not &#39;often&#39;" in of_damaged
    assert "Configuration, and where each value comes from" in of_damaged


def test_runs_without_a_common_stretch_have_no_curve_and_all_the_rest(logs: Path, tmp_path: Path) -> None:
    runs = [tmp_path / "double_dqn" / f"CartPole-v1_{number}" for number in (1, 2)]
    for run, agent_steps in zip(runs, (50, 52), strict=True):
        shutil.copytree(logs / CART_POLE, run)
        np.savez(run / "evaluations.npz", timesteps=[agent_steps], results=[[20.0, 30.0]])
    words = [*map(str, runs), "-o", str(tmp_path / "page.html"), "--film-steps", "0"]
    assert report(words) == 0
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    missing = "the runs of &#39;double_dqn&#39; have no stretch of training in common"
    assert f"No curve of double_dqn, evaluations: {missing}" in html
    assert "double_dqn (2 seeds), training games" in html
    assert "<td>double_dqn</td><td>2</td><td>50 to 52</td>" in html
    assert html.count('<section class="card run">') == 2
    for run in runs:
        (run / "0.monitor.csv").unlink()
    assert report(words) == 0
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"No curve of double_dqn, evaluations: {missing}" in html
    assert 'id="curves"' not in html


def test_what_it_cannot_tell_is_one_line(logs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert "no run folder" in complaint(logs / "dqn" / "PongNoFrameskip-v4_9", "-o", page)
    assert "is not the folder of a run" in complaint(logs / "dqn", "-o", page)
    both = complaint(logs / PONG, logs / CART_POLE, "-o", page)
    assert both.endswith("these are runs of CartPole-v1, PongNoFrameskip-v4: draw each by itself")
    nowhere = complaint(logs / CART_POLE, "-o", tmp_path / "none" / "page.html")
    assert nowhere.startswith("-o: cannot write the page to ")
    absent = tmp_path / "dqn" / "PongNoFrameskip-v4_9"
    assert f"no run folder {str(absent)!r}" in complaint(absent, logs / CART_POLE, "--film-steps", "20")
    in_the_way = tmp_path / "kept" / CART_POLE
    shutil.copytree(logs / CART_POLE, in_the_way)
    (in_the_way / "report.html").mkdir()
    assert complaint(in_the_way).startswith(f"-o: cannot write the page to '{in_the_way}/report.html'")
    assert "unknown evaluation protocol 'natur-2015'" in complaint(logs / PONG, "--protocol", "natur-2015", "-o", page)
    empty = tmp_path / "dqn" / "CartPole-v1_1"
    shutil.copytree(logs / CART_POLE, empty)
    for name in ("evaluations.npz", "0.monitor.csv"):
        (empty / name).unlink()
    assert "has no evaluations.npz, and no finished game" in complaint(empty, "-o", page)
    damaged = tmp_path / "double_dqn" / "CartPole-v1_1"
    shutil.copytree(logs / CART_POLE, damaged)
    (damaged / "evaluations.npz").write_bytes(b"PK\x03\x04")
    assert "evaluations.npz is cut short or damaged" in complaint(damaged, "-o", page)
    assert not page.exists()
