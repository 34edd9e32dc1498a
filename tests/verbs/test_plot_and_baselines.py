"""`plot` and the baselines of `evaluate` on what `train` left."""

import hashlib
import json
import re
import shutil
import time
from argparse import Namespace
from pathlib import Path

import pytest

from dqn_zoo_ext.cli.games_bar import games_bar
from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.plot import main as plot
from dqn_zoo_ext.storage.user_cache import CACHE_VARIABLE


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))


def complaint(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        run_verb(plot, words)
    (line,) = capsys.readouterr().err.splitlines()
    assert exit_.value.code == 2
    return line.removeprefix("error: ")


def test_a_run_with_baselines(logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, picture = logs / "double_dqn" / "CartPole-v1_1", tmp_path / "c.svg"
    assert plot([str(run), "-o", str(picture), "--baselines", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out.splitlines()[-1])
    first, second = said.err.splitlines()
    assert re.fullmatch(r"measuring random, which is kept for the next time: \d+ games", first)
    assert re.fullmatch(r"measuring best constant action, which is kept for the next time: \d+ games", second)
    assert found == {"picture": str(picture), "runs": [str(run)], "left_out": []}
    text = picture.read_text()
    for words in ("CartPole-v1", "agent steps", "double_dqn", "by greedy."):
        assert words in text
    assert ">random: 2" in text
    assert "best constant action" in text
    assert plot([str(run), "-o", str(picture), "--baselines"]) == 0
    assert capsys.readouterr().err == ""  # nothing is measured twice


def test_training_games_of_an_atari_run_with_published_curves(logs: Path, tmp_path: Path) -> None:
    words = [str(logs / "dqn" / "PongNoFrameskip-v4_1"), "-o", str(tmp_path / "p.svg"), "--published", "btr"]
    assert plot(words) == 0
    text = (tmp_path / "p.svg").read_text()
    assert "DQN, nnabla-rl" in text
    assert "BTR: evaluations" in text
    assert "emulator frames" in text


def test_a_run_after_published_is_taken_for_a_curve(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(logs / "dqn" / "PongNoFrameskip-v4_1")
    said = complaint([run, "-o", "x.png", "--published", run], capsys)
    assert said == f"--published takes names of curves, and {run!r} is a folder: give runs before it"


def test_a_run_given_by_several_paths_is_one_run(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(logs)
    run = Path("double_dqn", "CartPole-v1_1")
    assert plot([str(run), str(logs / run), f"{run}/../{run.name}", "-o", str(tmp_path / "c.svg"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["runs"] == [str(run)]
    assert "seeds" not in (tmp_path / "c.svg").read_text()


def test_one_bad_run_of_two_is_left_out(logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = logs / "double_dqn" / "CartPole-v1_1", tmp_path / "dqn" / "CartPole-v1_1"
    (bad / "CartPole-v1").mkdir(parents=True)
    (bad / "evaluations.npz").write_bytes((good / "evaluations.npz").read_bytes()[:200])
    assert plot([str(good), str(bad), "-o", str(tmp_path / "c.png")]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: left out: {bad}/evaluations.npz is cut short or damaged")
    assert (tmp_path / "c.png").stat().st_size > 10_000
    (tmp_path / "c.png").unlink()
    words = [str(bad), "-o", str(tmp_path / "c.png")]
    assert "evaluations.npz is cut short or damaged" in complaint(words, capsys)
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("{cartpole} {pong} -o c.png", "one picture shows one environment"),
        ("{cartpole} -o c.gif", "a picture must end in .png or .svg, not 'c.gif'"),
        ("{cartpole} -o c.png --x frame", "--x: unknown 'frame'; did you mean 'frames'?"),
        ("{cartpole} -o c.png --band minmax", "--band: unknown 'minmax'; did you mean 'min-max'?"),
        ("{cartpole} -o c.png --style games60", "--style: unknown 'games60'; did you mean 'games600'?"),
        ("{cartpole} -o c.png --last-games 0", "--last-games: must be at least 1, not 0"),
        ("{cartpole}x -o c.png", "did you mean"),
        ("{pong} -o c.png --published dopamine-dqm", "unknown published curve 'dopamine-dqm'; did you mean"),
        ("{pong} -o c.png --x hours", "has no finished game in a monitor.csv"),
        ("{cartpole} -o c.png --published", "nothing is published of CartPole-v1"),
        ("{cartpole} -o nowhere/c.png", "cannot write nowhere/c.png"),
    ],
)
def test_bad_input(
    words: str,
    expected: str,
    logs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = {"cartpole": logs / "double_dqn" / "CartPole-v1_1", "pong": logs / "dqn" / "PongNoFrameskip-v4_1"}
    assert expected in complaint(words.format(**runs).split(), capsys)
    assert list(tmp_path.iterdir()) == []


def test_baselines_need_no_agent(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--algo baselines --env CartPole-v1 --episodes 20 --protocol greedy --json"
    assert evaluate(words.split()) == 0
    *table, last = capsys.readouterr().out.splitlines()
    assert "CartPole-v1: 20 games each by protocol greedy, seed 0" in table[0]
    found = json.loads(last)
    assert [each["baseline"] for each in found["baselines"]] == ["random", "best-constant-action"]
    assert found["command"] == f"python -m dqn_zoo_ext.evaluate {words}"
    assert found["machine"]["cores"] >= 1
    assert evaluate(["--algo", "random", "--env", "CartPole-v1", "--episodes", "20", "--protocol", "greedy"]) == 0
    assert "best-constant-action" not in capsys.readouterr().out


def test_baselines_beside_an_agent(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--algo",
        "double_dqn",
        "--env",
        "CartPole-v1",
        "-f",
        str(logs),
        "--episodes",
        "5",
        "--baselines",
        "--json",
    ]
    assert evaluate(words) == 0
    out = capsys.readouterr().out.splitlines()
    found = json.loads(out[-1])
    assert len(found["episodes"]) == 5
    assert len(found["baselines"]) == 2
    assert any(line.startswith("│ double_dqn ") for line in out)


def test_an_atari_score_is_put_in_context(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--algo",
        "dqn",
        "--env",
        "Pong",
        "-f",
        str(logs),
        "--episodes",
        "1",
        "--protocol",
        "nature-2015",
        "--json",
    ]
    assert evaluate(words) == 0
    out = capsys.readouterr().out
    found = json.loads(out.splitlines()[-1])
    assert found["human_normalised"] == pytest.approx((found["mean"] + 20.7) / 35.3)
    assert "(0 % is random play, -20.7; 100 % a person, 14.6)" in out
    assert "DQN        " in out


def test_a_score_of_sticky_games_is_not_beside_those_of_others(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By rl-zoo, which leaves stickiness as in training: there it was in env_kwargs, while the id has none."""
    where, words = tmp_path / "dqn" / "PongNoFrameskip-v4_1", "--algo dqn --env Pong --episodes 1 --protocol rl-zoo"
    shutil.copytree(logs / "dqn" / "PongNoFrameskip-v4_1", where)
    config = where / "PongNoFrameskip-v4" / "config.yml"
    told = config.read_text()
    for env_kwargs, sticky in (("{}", 0.0), ("{repeat_action_probability: 0.25}", 0.25)):
        config.write_text(told.replace("env_kwargs: {}", f"env_kwargs: {env_kwargs}"))
        assert evaluate([*words.split(), "-f", str(tmp_path), "--json", "--baselines", "--all-published"]) == 0
        out = capsys.readouterr().out
        found = json.loads(out.splitlines()[-1])
        assert found["repeat_action_probability"] == sticky
        assert ("published, by the same starts" in out) == (sticky == 0)
        assert ("no published score was measured by these rules" in out) == (sticky > 0)
        (human,) = re.findall(r"│ human .*100% │ (~ )?14\.6 ", out)
        assert bool(human) == (sticky > 0)
        assert evaluate([*words.split(), "-f", str(tmp_path), "--baselines"]) == 0
        out = capsys.readouterr().out
        assert "(0 % is random play, -20.7; 100 % a person, 14.6)" in out
        assert "published" in out.partition("a person, 14.6)")[2]  # in the table
        assert "published, by the same starts" not in out


def test_who_was_measured_is_told_by_the_file_and_its_agent_steps(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = logs / "double_dqn" / "CartPole-v1_1" / "CartPole-v1.zip"
    sha256 = hashlib.sha256(agent.read_bytes()).hexdigest()
    words = f"--algo double_dqn --env CartPole-v1 -f {logs} --episodes 1 --json"
    assert evaluate(words.split()) == 0
    first, second, *_, last = capsys.readouterr().out.splitlines()
    assert (first, second) == (str(agent), f"sha256 {sha256[:12]}, after 2,500 agent steps")
    found = json.loads(last)
    assert (found["agent_sha256"], found["agent_steps"]) == (sha256, 2500)
    assert found["repeat_action_probability"] is None


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--load-best", "--load-best is for trained agents; 'random' needs none"),
        ("--baselines", "--baselines measures them beside a trained agent; by themselves it is --algo baselines"),
        ("--device nonsense", "--device: "),
    ],
)
def test_an_agents_option_is_refused_for_a_baseline(option: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_verb(evaluate, ["--algo", "random", "--env", "CartPole-v1", "--episodes", "1", *option.split()])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {said}")


def test_without_a_terminal_it_says_now_and_then_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dqn_zoo_ext.cli.games_bar._SECONDS_BETWEEN_LINES", 0.02)
    with games_bar(Namespace(verbose=1), "random", "measuring random") as bar:
        bar.total(30)
        bar.game()
        time.sleep(0.5)  # no game ends, and yet there is a word
    first, *others = capsys.readouterr().err.splitlines()
    assert first == "measuring random: 30 games"
    assert set(others) == {"random: 1 of 30 played"}
    with games_bar(Namespace(verbose=0), "random", "measuring random") as bar:
        bar.total(30)
        time.sleep(0.1)
    assert capsys.readouterr().err == ""
