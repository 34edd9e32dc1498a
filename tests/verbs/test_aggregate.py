"""`aggregate` on runs written by hand."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from dqn_zoo_ext.aggregate import main as aggregate
from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.experiment.comparable import last_evaluation, names_of_games
from dqn_zoo_ext.report.profiles import profiles_chart
from dqn_zoo_ext.storage.results import Machine, RunResults, Versions, write_results


def make_run(
    root: Path,
    algo: str,
    env: str,
    number: int,
    score: float,
    protocol: str = "nature-2015",
    more: str = "learning_rate: 0.0001\n",
    finished: bool = True,
    agent_steps: int = 200,
) -> str:
    run = root / algo / f"{env}_{number}"
    (run / env).mkdir(parents=True)
    (run / env / "config.yml").write_text(f"complete: true\neval_protocol: {protocol}\n{more}")
    np.savez(run / "evaluations.npz", timesteps=[100, agent_steps], results=[[0.0, 0.0], [score - 1, score + 1]])
    results = RunResults(
        versions=Versions.here(),
        machine=Machine.here(),
        algo=algo,
        env=env,
        seed=number,
        command="train",
        started=datetime.now(UTC),
        seconds=1.0,
        agent_steps=agent_steps,
        frames=4 * agent_steps,
        updates=10,
        agent_steps_per_second=1.0,
        finished=finished,
    )
    write_results(results, run / "results.json")
    return str(run)


def rl_zoo_run(root: Path, number: int, score: float, config: str) -> str:
    """As ``rl_zoo3.train`` leaves one: no results.json, and a configuration that says neither protocol nor whole."""
    run = root / "dqn" / f"{PONG}_{number}"
    (run / PONG).mkdir(parents=True)
    (run / PONG / "config.yml").write_text(config)
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
    assert (found["agent_steps"], found["mixed"]) == ([200, 200], [])
    assert out.startswith(
        "2 games (breakout, pong), last evaluations after 200 agent steps by nature-2015, ~ human-normalised (1: a "
    )
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


ALIKE = "such scores are not to be put together; --allow-mixed does it all the same"


def test_configurations_of_one_algorithm_are_no_seeds_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = (make_run(tmp_path, "dqn", PONG, number, 10.0) for number in (1, 2))
    other = make_run(tmp_path, "dqn", PONG, 3, 20.0, more="learning_rate: 0.01\noptimizer_kwargs: {eps: 0.1}\n")
    assert complaint([one, two, other], capsys) == (
        f"'dqn' has several configurations on pong: learning_rate is 0.0001 in {one} and 0.01 in {other}: {ALIKE}"
    )
    deeper = make_run(tmp_path, "dqn", PONG, 4, 20.0, more="learning_rate: 0.0001\noptimizer_kwargs: {eps: 0.1}\n")
    assert f"optimizer_kwargs.eps is not set in {one} and 0.1 in {deeper}" in complaint([one, deeper], capsys)
    # other games and algorithms have other configurations, and a search block is nothing that was trained with
    search = make_run(tmp_path, "dqn", PONG, 5, 20.0, more="learning_rate: 0.0001\nsearch: {gamma: null}\n")
    assert aggregate([one, search, "--repetitions", "50"]) == 0
    games = [make_run(tmp_path, "dqn", BREAKOUT, 1, 10.0, more="learning_rate: 0.02\n"), one]
    games += [make_run(tmp_path, "c51", env, 1, 10.0, more="learning_rate: 0.03\n") for env in (PONG, BREAKOUT)]
    assert aggregate([*games, "--repetitions", "50"]) == 0
    capsys.readouterr()
    assert aggregate([one, two, other, "--allow-mixed", "--repetitions", "50", "--json"]) == 0
    out = capsys.readouterr().out
    line = f"'dqn' has several configurations on pong: learning_rate is 0.0001 in {one} and 0.01 in {other}"
    assert f"\nmixed: {line}\n" in out
    assert json.loads(out.splitlines()[-1])["mixed"] == [line]


def test_a_game_that_is_not_of_atari_is_called_by_its_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = make_run(tmp_path, "dqn", "CartPole-v1", 1, 10.0)
    other = make_run(tmp_path, "dqn", "CartPole-v1", 2, 10.0, more="learning_rate: 0.01\n")
    assert "'dqn' has several configurations on CartPole-v1: learning_rate is" in complaint([one, other], capsys)
    acrobot = make_run(tmp_path, "dqn", "Acrobot-v1", 1, 10.0)
    names = names_of_games([last_evaluation(Path(run)) for run in (one, acrobot)])
    assert list(names.values()) == ["Acrobot-v1", "CartPole-v1"]


def test_a_run_given_by_several_paths_is_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(make_run(tmp_path, "dqn", PONG, 1, 10.0))
    (tmp_path / "linked").symlink_to(tmp_path / "dqn")
    monkeypatch.chdir(tmp_path)
    given = [str(run), str(run.relative_to(tmp_path)), f"{run}/../{run.name}", str(tmp_path / "linked" / run.name)]
    assert aggregate([*given, "--repetitions", "50", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["algorithms"]
    assert {algo: each["runs"] for algo, each in found.items()} == {"dqn": 1}


def test_runs_of_several_lengths_or_under_way_are_no_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = make_run(tmp_path, "dqn", PONG, 1, 10.0, agent_steps=10_000)
    stopped = make_run(tmp_path, "dqn", PONG, 2, -20.0, finished=False, agent_steps=5_000)
    killed = make_run(tmp_path, "dqn", PONG, 3, -20.0, agent_steps=10_000)
    (Path(killed) / "results.json").unlink()
    said = f"{stopped} has not come to its end (its last evaluation is after 5,000)"
    assert complaint([whole, stopped], capsys) == f"{said}: {ALIKE}"
    assert complaint([whole, stopped, killed], capsys) == f"{said} (and 1 more): {ALIKE}"
    assert f"{killed} has not come to its end" in complaint([whole, killed], capsys)
    shorter = make_run(tmp_path, "c51", PONG, 1, 10.0, agent_steps=250)
    said = f"the last evaluation is after 250 agent steps in {shorter} and after 10,000 in {whole}"
    assert complaint([whole, shorter], capsys) == f"{said}: {ALIKE}"
    assert aggregate([whole, shorter, "--allow-mixed", "--repetitions", "50", "--json"]) == 0
    out = capsys.readouterr().out
    assert "last evaluations after 250 to 10,000 agent steps by nature-2015" in out
    assert f"mixed: {said}" in out
    assert json.loads(out.splitlines()[-1])["agent_steps"] == [250, 10_000]
    nearly = make_run(tmp_path, "c51", PONG, 2, 10.0, agent_steps=10_007)  # its environments step together
    assert aggregate([whole, nearly, "--repetitions", "50"]) == 0


def test_a_game_with_and_without_sticky_actions_is_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, sticky = make_run(tmp_path, "dqn", PONG, 1, 10.0), make_run(tmp_path, "dqn", "ALE-Pong-v5", 1, 10.0)
    assert aggregate([plain, sticky, "--repetitions", "50", "--json"]) == 0
    out = capsys.readouterr().out
    assert "1 x 2" in out
    assert json.loads(out.splitlines()[-1])["games"] == ["pong (ALE-Pong-v5)", f"pong ({PONG})"]
    other = make_run(tmp_path, "c51", "ALE-Pong-v5", 1, 10.0)
    assert f"there is no run of 'c51' on pong ({PONG})" in complaint([plain, sticky, other], capsys)
    configured = "env_kwargs: {repeat_action_probability: 0.25}\n"
    runs = [plain, make_run(tmp_path, "qrdqn", PONG, 1, 10.0, more=configured)]
    assert f"no run of 'dqn' on pong ({PONG}, sticky actions 0.25)" in complaint(runs, capsys)
    # of a game without an id of its own without sticky actions, both kinds lie in folders of one name
    env = "ALE-KingKong-v5"
    runs = [make_run(tmp_path, "dqn", env, number, 10.0) for number in (1, 2)]
    for run, asked in zip(runs, ("ALE/KingKong-v5", "KingKong"), strict=True):
        (Path(run) / env / "args.yml").write_text(f"env: {asked}\n")
    found = [last_evaluation(Path(run)) for run in runs]
    assert [each.played for each in found] == [(env, 0.25), (env, 0.0)]
    assert list(names_of_games(found).values()) == [
        f"king_kong ({env}, sticky actions 0)",
        f"king_kong ({env}, sticky actions 0.25)",
    ]


def test_the_levels_and_their_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for protocol, env, same in (
        ("nature-2015-30min", PONG, True),
        ("machado-2018", PONG, False),
        ("rl-zoo", PONG, True),
        ("rl-zoo", "ALE-Pong-v5", False),
    ):
        run = make_run(tmp_path / f"{protocol}-{env}", "dqn", env, 1, 10.0, protocol=protocol)
        picture = tmp_path / "profiles.svg"
        assert aggregate([run, "--repetitions", "50", "--json", "-o", str(picture)]) == 0
        out = capsys.readouterr().out
        assert json.loads(out.splitlines()[-1])["levels"] == {"rules": "nature-2015-30min", "same_rules": same}
        assert ("~ human-normalised" not in out) == same
        note = "~: random play and people were measured by the rules of nature-2015-30min"
        assert (note not in out) == same
        assert ("people were measured by" not in picture.read_text()) == same


def test_runs_of_rl_zoo_are_put_together_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tag = "!!python/object/apply:collections.OrderedDict"
    runs = [rl_zoo_run(tmp_path, number, 10.0, f"{tag}\n- - - seed\n    - {number}\n") for number in (1, 2)]
    assert aggregate([*runs, "--repetitions", "50"]) == 0
    assert "by an unnamed protocol, ~ human-normalised" in capsys.readouterr().out
