"""docs/results.md is what its program makes of results/, where each run is whole and its command is one of ours."""

import hashlib
import importlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from guide_commands import DOCS, ROOT, commands_in

from dqn_zoo_ext.config.of_run import plain_run_file
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluate import _report
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.evaluate import Evaluation
from dqn_zoo_ext.storage.results import EvaluationRecord, Machine, RunResults, Versions, read_results, write_results

if TYPE_CHECKING:
    from dqn_zoo_ext.experiment.agents.agent import Agent

RUNS = sorted(path for path in (ROOT / "results").glob("*/*") if path.is_dir())
PAGE = DOCS / "results.md"


@pytest.fixture(scope="module")
def results_page() -> Iterator[ModuleType]:
    """The program."""
    sys.path.insert(0, str(DOCS))
    yield importlib.import_module("results_page")
    sys.path.remove(str(DOCS))


_ROW = re.compile(r"\| \[[^\]]+\]\((results/[^)]+)\) \| ([\d.]+)M \| ([\d,.]+) ± ([\d,.]+) \| ([\d,.]+) \|")
_SHOWN = _ROW.findall((ROOT / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", _SHOWN, ids=lambda row: row[0])
def test_the_readme_shows_what_results_hold(row: tuple[str, ...]) -> None:
    folder, *shown = row
    run, measured = (
        json.loads((ROOT / folder / name).read_text(encoding="utf-8")) for name in ("run.json", "evaluations.json")
    )
    of_hundred = {each["network"]: each for each in measured["evaluations"] if each["games"] == 100}
    network = of_hundred.get("last") or of_hundred["best"]
    assert network["protocol"] == "course-unit3"
    curve = (ROOT / folder / "curve.csv").read_text(encoding="utf-8").split()
    of_training = [line.split(",")[2] for line in curve if line.split(",")[2]]
    found = [run["frames"] / 1e6, network["mean"], network["std"], float(of_training[-1])]
    for text, number in zip(shown, found, strict=True):
        digits = len(text.partition(".")[2])
        assert float(text.replace(",", "")) == pytest.approx(number, abs=0.5001 * 10**-digits)


def test_the_readme_shows_some() -> None:
    assert len(_SHOWN) >= 7


@pytest.fixture
def results_folder(results_page: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program that makes folders, with an empty results/."""
    module = importlib.import_module("results_folder")
    assert results_page.add is module.add
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    return module


def test_the_page_is_not_stale(results_page: ModuleType) -> None:
    assert PAGE.read_text(encoding="utf-8") == results_page.page(), "stale; run: python docs/results_page.py"


def test_the_pictures_are_not_stale(results_page: ModuleType) -> None:
    """Words, and lines to within a point: the last digit may be another one on another machine."""

    def read(svg: str) -> tuple[list[str], list[float]]:
        lines = " ".join(re.findall(r'\bd="([^"]*)"', svg))
        return re.findall(r">([^<>]+)</(?:text|tspan)>", svg), [
            float(each) for each in re.findall(r"-?\d[\d.]*", lines)
        ]

    by_game = results_page.by_game(results_page.published())
    pictures = [each for game, runs in by_game for each in results_page.pictures(game, runs)]
    assert {path.name for path in (DOCS / "images").glob("results_*.svg")} == {each.file for each in pictures}
    for picture in pictures:
        words, numbers = read((DOCS / "images" / picture.file).read_text(encoding="utf-8"))
        new_words, new_numbers = read(picture.svg())
        assert words == new_words, "stale; run: python docs/results_page.py"
        assert len(numbers) > 100
        assert numbers == pytest.approx(new_numbers, abs=1), "stale; run: python docs/results_page.py"


def test_a_changed_score_makes_the_page_stale_and_a_goal_reached(results_page: ModuleType) -> None:
    runs = [run for run in results_page.published() if run.run["game"] == "pong"]
    missed, reached = (
        results_page.page(
            [
                replace(run, evaluations=tuple(replace(each, mean=mean, result=mean - 1) for each in run.evaluations))
                for run in runs
            ]
        )
        for mean in (-5.0, 5.0)
    )
    assert "**No run has reached it: a draw with the built-in opponent" in missed
    assert "**No run has reached it" not in reached
    assert ": 5.0 after" in reached
    assert missed != reached


def test_a_longer_run_is_held_against_its_own_goals_and_has_its_own_picture(results_page: ModuleType) -> None:
    tables = importlib.import_module("results_tables")
    runs = [run for run in results_page.published() if run.run["game"] == "pong"]
    long = replace(runs[0], run={**runs[0].run, "agent_steps": 3_000_000, "frames": 12_000_000})
    goal = {"what": "a win", "number": "mean", "at_least": 20, "from": 2_000_000, "within": 10_000_000}
    (said,) = (line for line in tables.goals_table("pong", [*runs, long], [goal]) if line.startswith("| a win"))
    assert said.split(" agent steps | ")[1].count(" after ") == len(list(tables._numbers(long, "mean"))) >= 1
    files = [each.file for each in results_page.pictures("pong", [*runs, long])]
    assert files == ["results_pong.svg", "results_pong_long.svg"]
    alone, both = ("\n".join(tables.scores_table("pong", each, [])) for each in (runs, [*runs, long]))
    assert set(alone.splitlines()) < set(both.splitlines())  # what was published of short trainings stays


def test_a_goal_may_name_a_published_number(results_page: ModuleType) -> None:
    tables = importlib.import_module("results_tables")
    assert tables.least_of("space_invaders", "jaskowski_dqn") == 550
    assert tables.least_of("space_invaders", "cleanrl-dqn@4") == 527
    assert tables.least_of("pong", 0) == 0
    for wrong in ("jaskowski", "cleanrl-dqn@5", "cleanrl-dqn"):
        with pytest.raises(UserError, match=wrong):
            tables.least_of("space_invaders", wrong)
    assert results_page.games().keys() <= {run.parent.name for run in RUNS}


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_a_run_is_complete(folder: Path, results_page: ModuleType) -> None:
    """Its command is parsed with all those of the guide (test_commands_of_the_guide.py), as it stands on the page."""
    module = importlib.import_module("results_folder")
    assert sorted(path.name for path in folder.iterdir()) == list(module.FILES)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 50_000
    run = next(each for each in results_page.published() if each.folder == folder)
    said = run.run
    assert f"```\n{said['command']}\n```" in PAGE.read_text(encoding="utf-8")
    assert any(each.verb == "train" and " ".join(each.words) in said["command"] for each in commands_in(PAGE))
    assert f"--seed {said['seed']}" in said["command"]
    assert re.fullmatch(r"[0-9a-f]{7,40}", said["commit"])
    assert (
        0 < said["agent_steps"] <= said["planned_agent_steps"] == plain_run_file(folder / "config.yml")["n_timesteps"]
    )
    assert said["finished"] or said["notes"]
    assert set(said["machine"]) == {"cpu", "cores", "gpu"}
    assert "torch" in said["versions"]
    _check_evaluations(run)
    _check_curve(run)


def _check_evaluations(run: Any) -> None:
    assert run.evaluations
    for each in run.evaluations:
        protocols.get(each.protocol)
        assert each.result == pytest.approx(each.mean - each.std, abs=0.02)
        assert 0 < each.agent_steps <= run.run["agent_steps"]
        assert each.games > 0
        assert each.network in ("in training", "best", "last")


def _check_curve(run: Any) -> None:
    steps = [row["agent_steps"] for row in run.curve]
    assert steps == sorted(set(steps))
    assert 20 < len(steps) <= 200
    assert steps[-1] <= run.run["agent_steps"] < 1.1 * steps[-1]
    assert all(row["frames"] == 4 * row["agent_steps"] for row in run.curve)
    scores = {row["agent_steps"]: row["evaluation_mean"] for row in run.curve if row["evaluation_mean"] is not None}
    assert scores == {each.agent_steps: each.mean for each in run.evaluations if each.network == "in training"}


def a_run(log_folder: Path, command: str = "python -m dqn_zoo_ext.train --env Pong -f /tmp/x --seed 7") -> Path:
    """The folder of a short training of Pong, as far as it is read."""
    folder = log_folder / "dqn" / "PongNoFrameskip-v4_3"
    (folder / "PongNoFrameskip-v4").mkdir(parents=True)
    for network in ("best_model.zip", "PongNoFrameskip-v4.zip"):
        (folder / network).write_bytes(network.encode())
    (folder / "PongNoFrameskip-v4" / "config.yml").write_text("complete: true\nn_timesteps: 2000\n")
    head = "time/total_timesteps,rollout/ep_rew_mean\n"
    (folder / "progress.csv").write_text(head + "500,\n" + "".join(f"{at},-{at / 100}\n" for at in range(1000, 2000)))
    best = EvaluationRecord(1500, "rl-zoo", (-20.0, -10.0), -15.0, 5.0, -20.0)
    results = RunResults(
        versions=Versions.here(),
        machine=Machine.here(),
        algo="dqn",
        env="PongNoFrameskip-v4",
        seed=7,
        command=command,
        started=datetime(2026, 1, 2, tzinfo=UTC),
        seconds=1800.0,
        agent_steps=2000,
        frames=8000,
        updates=250,
        agent_steps_per_second=1.1,
        evaluations=(best,),
        best=best,
    )
    write_results(results, folder / "results.json")
    return folder


def printed(agent: Path, as_json: bool, agent_steps: int | None = None, content: bytes | None = None) -> str:
    """What `evaluate` prints of two games, -21 and -19, with a file of these bytes: by default those of its name."""
    evaluation = Evaluation("rl-zoo", 0, (-21.0, -19.0), (700, 800))
    sha256 = hashlib.sha256(agent.name.encode() if content is None else content).hexdigest()
    facts = {"agent": str(agent), "agent_sha256": sha256, "agent_steps": agent_steps, "repeat_action_probability": 0.25}
    if as_json:
        return f"a warning\n{json.dumps({**evaluation.as_dict(), **facts})}\n"
    env = SimpleNamespace(game="pong")
    told = cast("Agent", SimpleNamespace(file=agent, configuration=SimpleNamespace(env=env), updates=250))
    return "\n".join(["a warning", *_report(told, facts, evaluation, protocols.get("rl-zoo"))])


@pytest.mark.parametrize("as_json", [True, False])
def test_a_run_folder_becomes_a_published_one(as_json: bool, results_folder: ModuleType, tmp_path: Path) -> None:
    run, files = a_run(tmp_path / "logs"), [tmp_path / "best.txt", tmp_path / "last.txt"]
    files[0].write_text(printed(run / "best_model.zip", as_json, 1500))
    files[1].write_text(printed(Path("where/it/was/trained") / "PongNoFrameskip-v4.zip", as_json))
    folder = results_folder.add(run, "1a2b3c4", ["why"], files)
    assert folder == tmp_path / "results" / "pong" / "dqn_seed_7"
    found = results_folder.read(folder)
    assert [(each.network, each.agent_steps, each.games, each.mean, each.std) for each in found.evaluations] == [
        ("in training", 1500, 2, -15.0, 5.0),
        ("best", 1500, 2, -20.0, 1.0),
        ("last", 2000, 2, -20.0, 1.0),
    ]
    assert [each.repeat_action_probability for each in found.evaluations] == [None, *[0.25 if as_json else None] * 2]
    assert found.run["command"] == "python -m dqn_zoo_ext.train --env Pong --seed 7"
    assert found.run["hours"] == 0.5
    assert found.run["notes"] == ["why"]
    assert 180 <= len(found.curve) <= 181
    assert found.curve[0] == {"agent_steps": 1000, "frames": 4000, "training_mean": -10, "evaluation_mean": None}
    assert found.training_mean == (-19.99, 1999)
    assert results_folder.add(run, "1a2b3c4", [], []) == folder  # made anew
    assert len(results_folder.read(folder).evaluations) == 1


def test_a_game_of_which_nothing_is_published_and_a_run_of_which_little_is_known(results_page: ModuleType) -> None:
    """Of half of the games no score is published; a run may have ended before its first game and first evaluation."""
    pong = next(run for run in results_page.published() if run.run["game"] == "pong")
    last = replace(pong.evaluations[0], network="last", mean=1.5)
    short = replace(
        pong,
        folder=results_page.ROOT / "results" / "adventure" / "short",
        run={**pong.run, "game": "adventure"},
        evaluations=(last,),
        curve=tuple({**row, "training_mean": None} for row in pong.curve),
    )
    told = results_page.page([short])
    assert "## Adventure" in told
    assert "1.5 ±" in told
    assert "the last 100 training games" not in told.split("## Adventure")[1].split("###")[2]
    (picture,) = results_page.pictures("adventure", [short])
    assert "1.5 ±" in picture.svg()


def test_how_often_actions_stuck_is_what_the_runs_own_configuration_says(
    results_page: ModuleType, tmp_path: Path
) -> None:
    """Not the id, and not the protocol where that leaves it as in training."""
    pong = next(run for run in results_page.published() if run.run["game"] == "pong")
    rows, config = importlib.import_module("results_tables"), (pong.folder / "config.yml").read_text()
    for name, env, env_kwargs, trained in (
        ("as_it_is", "PongNoFrameskip-v4", "{}", "none"),
        ("sticky", "PongNoFrameskip-v4", "{repeat_action_probability: 0.25}", "0.25"),
        ("by_its_id", "ALE/Pong-v5", "{}", "0.25"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.yml").write_text(config.replace("env_kwargs: {}", f"env_kwargs: {env_kwargs}"))
        evaluations = [
            replace(pong.evaluations[0], network="best", protocol="rl-zoo"),
            replace(pong.evaluations[0], network="last", protocol="nature-2015"),
        ]
        run = replace(pong, folder=folder, run={**pong.run, "env": env}, evaluations=tuple(evaluations))
        cells = [row.split(" | ")[4] for row in rows.rows_of_ours(run, tmp_path)]
        assert cells == [trained, "none", trained]
    recorded = replace(run, evaluations=(replace(evaluations[0], repeat_action_probability=0.5),))
    assert next(rows.rows_of_ours(recorded, tmp_path)).split(" | ")[4] == "0.5"
    assert rows.rules_of("rl-zoo")[1] == "as in training"


def test_what_does_not_belong_together_is_refused(results_folder: ModuleType, tmp_path: Path) -> None:
    run, file = a_run(tmp_path / "logs"), tmp_path / "evaluation.txt"
    best, elsewhere = run / "best_model.zip", Path("/elsewhere/dqn/PongNoFrameskip-v4_3/best_model.zip")
    older = [printed(best, as_json).replace("sha256", "md5") for as_json in (False, True)]
    for text, complaint in (
        (printed(run / "rl_model_500_steps.zip", as_json=False), "neither the run's best nor its last"),
        (
            printed(elsewhere, as_json=False, content=b"x"),
            rf"/elsewhere/.*best_model\.zip.* no agent of {run}: best_mod",
        ),
        (printed(elsewhere, as_json=True, content=b"x"), f"no agent of {run}"),
        (
            printed(best, as_json=False, agent_steps=1000),
            r"after 1,000 agent steps; .*best_model\.zip is one after 1,500",
        ),
        (older[0], "an older `evaluate`'s; measure it again"),
        (older[1], "an older `evaluate`'s; measure it again"),
    ):
        file.write_text(text)
        with pytest.raises(UserError, match=complaint):
            results_folder.add(run, "1a2b3c4", [], [file])
    for text in ("error: no run\n", '{"baselines": []}\n', "{broken\n"):  # --algo baselines prints no agent's scores
        file.write_text(text)
        with pytest.raises(UserError, match="not what `evaluate` prints"):
            results_folder.add(run, "1a2b3c4", [], [file])
    of_this_machine = a_run(tmp_path / "elsewhere", "python -m dqn_zoo_ext.train --env Pong -conf /home/me/dqn.yml")
    with pytest.raises(UserError, match=r"/home/me/dqn\.yml"):
        results_folder.add(of_this_machine, "1a2b3c4", [], [])
    never = a_run(tmp_path / "never")
    write_results(replace(read_results(never / "results.json"), evaluations=(), best=None), never / "results.json")
    with pytest.raises(UserError, match="no score to tell"):
        results_folder.add(never, "1a2b3c4", [], [])
    assert not (tmp_path / "results").exists()
    folder = results_folder.add(run, "1a2b3c4", [], [])
    later = (run / "results.json").read_text().replace("2026-01-02", "2026-01-03")
    (run / "results.json").write_text(later)
    with pytest.raises(UserError, match="another run"):
        results_folder.add(run, "1a2b3c4", [], [])
    assert results_folder.add(run, "1a2b3c4", [], [], "longer").name == "longer"
    (folder / "curve.csv").unlink()
    with pytest.raises(UserError, match=r"no curve\.csv"):
        results_folder.read(folder)
