"""`aggregate` on runs written by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from dqn_zoo_ext.aggregate import main as aggregate
from dqn_zoo_ext.command_line import run_verb
from dqn_zoo_ext.report.profiles import profiles_chart


def make_run(root: Path, algo: str, env: str, number: int, score: float, protocol: str = "nature-2015") -> str:
    run = root / algo / f"{env}_{number}"
    (run / env).mkdir(parents=True)
    (run / env / "config.yml").write_text(f"complete: true\neval_protocol: {protocol}\n")
    np.savez(run / "evaluations.npz", timesteps=[100, 200], results=[[0.0, 0.0], [score - 1, score + 1]])
    return str(run)


PONG, BREAKOUT = "PongNoFrameskip-v4", "BreakoutNoFrameskip-v4"
# Pong: random -20.7, human 14.6; Breakout: random 1.7, human 30.5 (rounded in the papers)
HALF = {PONG: -20.7 + 0.5 * 35.3, BREAKOUT: 1.7 + 0.5 * 28.8}


def make_runs(root: Path, seeds: tuple[int, ...] = (1, 2)) -> list[str]:
    runs = [make_run(root, "dqn", env, seed, HALF[env]) for env in (PONG, BREAKOUT) for seed in seeds]
    runs += [make_run(root, "c51", env, seed, HALF[env] + 5 * seed) for env in (PONG, BREAKOUT) for seed in seeds]
    return runs


def complaint(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        run_verb(aggregate, words)
    (line,) = capsys.readouterr().err.splitlines()
    assert exit_.value.code == 2
    return line.removeprefix("error: ")


def test_two_algorithms_on_two_games(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert aggregate([*make_runs(tmp_path, (1, 2, 3)), "--repetitions", "50", "--json"]) == 0
    out = capsys.readouterr().out
    found = json.loads(out.splitlines()[-1])
    assert (found["protocol"], found["games"]) == ("nature-2015", ["breakout", "pong"])
    dqn, c51 = found["algorithms"]["dqn"], found["algorithms"]["c51"]
    assert (dqn["runs"], dqn["games"]) == (3, 2)
    for name in ("median", "iqm", "mean", "optimality_gap"):
        assert dqn[name]["value"] == pytest.approx(0.5)
    assert c51["mean"]["value"] == pytest.approx(0.5 + 10 * (1 / 35.3 + 1 / 28.8) / 2)
    assert c51["mean"]["low"] < c51["mean"]["value"] < c51["mean"]["high"]
    assert found["improvement"]["c51 over dqn"]["value"] == 1
    assert found["improvement"]["dqn over c51"]["value"] == 0
    assert "0.500 [0.500, 0.500]" in out


def test_two_seeds_give_no_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert aggregate([*make_runs(tmp_path), "--repetitions", "50", "--json"]) == 0
    out = capsys.readouterr().out
    mean = json.loads(out.splitlines()[-1])["algorithms"]["c51"]["mean"]
    assert (mean["low"], mean["high"]) == (None, None)
    assert "too few seeds for an interval" in out


def test_a_picture_of_performance_profiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = make_runs(tmp_path)
    for name in ("profiles.svg", "again.svg"):
        assert aggregate([*runs, "--repetitions", "50", "-o", str(tmp_path / name)]) == 0
        assert f"performance profiles: {tmp_path / name}" in capsys.readouterr().out
    picture = (tmp_path / "profiles.svg").read_text()
    assert (tmp_path / "again.svg").read_text() == picture
    for words in ("c51 (2 runs x 2", "dqn (2 runs x 2", "share of runs above this score", "human-normalised score"):
        assert words in picture
    assert "2 games: breakout, pong; last evaluations by nature-2015." in picture
    assert "must end in .png or .svg, not 'profiles.gif'" in complaint([*runs, "-o", "profiles.gif"], capsys)


def test_the_profiles_are_shares_of_runs() -> None:
    one = np.array([[0.5, 1.5], [1.0, 2.0], [0.5, 2.0]])  # (runs, games)
    chart = profiles_chart({"one": one, "other": one[:1] - 1}, ["breakout", "pong"], "greedy", repetitions=50)
    drawn, single = chart.curves
    assert (drawn.x[0], drawn.x[-1]) == (0, 2)
    for threshold, share in ((0.0, 1.0), (0.4, 1.0), (0.7, 4 / 6), (1.2, 3 / 6), (1.8, 2 / 6), (2.0, 0.0)):
        assert drawn.score[np.argmin(abs(drawn.x - threshold))] == share
    assert drawn.low is not None
    assert drawn.high is not None
    assert (drawn.low <= drawn.score).all()
    assert (drawn.high >= drawn.score).all()
    assert (drawn.high > drawn.low).any()
    assert (single.low, single.band) == (None, None)  # nothing is known of other seeds
    assert single.score[0] == 0.5


def test_what_cannot_be_put_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = make_runs(tmp_path)
    assert complaint(runs[:-1], capsys) == ("'c51': every game needs the same number of runs; given breakout 1, pong 2")
    assert "there is no run of 'c51' on breakout" in complaint(runs[:6], capsys)
    other = make_run(tmp_path, "dqn", PONG, 3, 5.0, protocol="dopamine")
    assert "evaluated by dopamine and nature-2015" in complaint([*runs, other], capsys)
    cart_pole = make_run(tmp_path, "dqn", "CartPole-v1", 1, 500.0)
    assert "no random and human scores are published of CartPole-v1" in complaint([cart_pole], capsys)
    assert "no run folder" in complaint([f"{runs[0]}0"], capsys)
