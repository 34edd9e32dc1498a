"""A run with all callbacks learns what one without them does, and goes on exactly where it was stopped."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import at_step  # noqa: F401  # registers the callback
import pytest
from short_runs import CART_POLE, differences, the_run

from dqn_zoo_ext.callbacks import video
from dqn_zoo_ext.evaluation.recording import record_game
from dqn_zoo_ext.evaluation.screens import Picture
from dqn_zoo_ext.storage.agent_file import read_counters, read_policy_weights
from dqn_zoo_ext.train import main as train

CALLBACKS = (
    "throughput, {q_values: {every: 60, states: 40}}, {action_histogram: {agent_steps: 90, names: [left, right]}}, "
    "{milestones: {scores: [10, 14, 20], games: 5}}, {video: {every: 200, max_agent_steps: 8}}, "
    "{nan_guard: {every: 9}}, {stop_at_score: {score: 10000, games: 5}}, at_step"
)
WORDS = [*CART_POLE, f"callback:[{CALLBACKS}]"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert train([*WORDS, "-f", str(folder), "--verbose", "0"]) == 0
    return the_run(folder)


def test_it_learns_what_one_without_them_does(undisturbed: Path, tmp_path: Path) -> None:
    assert train([*CART_POLE, "-f", str(tmp_path), "--verbose", "0"]) == 0
    assert differences(undisturbed, the_run(tmp_path)) == ["progress.csv"]  # the columns of callbacks
    columns = (undisturbed / "progress.csv").read_text().splitlines()[0].split(",")
    for expected in ("actions/left", "milestones/14", "q_values/mean_of_max", "time/frames_per_second"):
        assert expected in columns
    assert [path.name for path in sorted((undisturbed / "videos").iterdir())] == [
        f"agent_steps_{agent_steps:08}.mp4" for agent_steps in (200, 400, 600)
    ]


@pytest.mark.parametrize("at", [60, 250])  # amid collecting states, and just before an evaluation
def test_it_goes_on_as_if_it_had_not_been_stopped(
    at: int, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AT_STEP", f"{at} SIGTERM")
    assert train([*WORDS, "-f", str(tmp_path), "--verbose", "0"]) == 75
    monkeypatch.delenv("AT_STEP")
    run = the_run(tmp_path)
    assert train(["--resume", str(run), "--verbose", "0"]) == 0
    assert all_differences(undisturbed, run) == []


def test_it_is_stopped_amid_a_film(undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any, **named: Any) -> Iterator[Picture]:
        for number, picture in enumerate(record_game(*arguments, **named)):
            if number == 3:
                signal.raise_signal(signal.SIGTERM)
            yield picture

    monkeypatch.setattr(video, "record_game", interrupted)
    assert train([*WORDS, "-f", str(tmp_path), "--verbose", "0"]) == 75
    monkeypatch.setattr(video, "record_game", record_game)
    run = the_run(tmp_path)
    assert list((run / "videos").iterdir()) == []
    assert read_counters(run / "CartPole-v1.zip").num_timesteps == 200
    assert train(["--resume", str(run), "--verbose", "0"]) == 0
    assert all_differences(undisturbed, run) == []


def test_trackers_go_on_with_the_run_that_was_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow, trackio = pytest.importorskip("mlflow"), pytest.importorskip("trackio")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # to make a database takes seconds
    store, project = f"file:{tmp_path}/mlruns", tmp_path.name
    both = f"{{mlflow: {{tracking_uri: '{store}'}}}}, {{trackio: {{project: {project}}}}}, at_step"
    monkeypatch.setenv("AT_STEP", "250 SIGTERM")
    assert train([*CART_POLE, f"callback:[{both}]", "-f", str(tmp_path / "logs"), "--verbose", "0"]) == 75
    client = mlflow.MlflowClient(tracking_uri=store)
    (stopped,) = client.search_runs([client.get_experiment_by_name("dqn_zoo_ext").experiment_id])
    assert stopped.info.status == "FAILED"
    monkeypatch.delenv("AT_STEP")
    run = the_run(tmp_path / "logs")
    assert train(["--resume", str(run), "--verbose", "0"]) == 0
    (finished,) = client.search_runs([stopped.info.experiment_id])
    assert finished.info.status == "FINISHED"
    header, *rows = (line.split(",") for line in (run / "progress.csv").read_text().splitlines())
    steps = [int(row[header.index("time/total_timesteps")]) for row in rows]
    history = client.get_metric_history(finished.info.run_id, "time/total_timesteps")
    assert [each.step for each in history] == steps
    (there,) = trackio.Api().runs(project)
    assert there.name.startswith("CartPole-v1__double_dqn__3__")


def all_differences(one: Path, other: Path) -> list[str]:
    """Of the runs, their films and the agents at milestones."""
    found = differences(one, other)
    for pattern in ("videos/*", "milestone_*.zip"):
        here, there = ({path.name: path for path in run.glob(pattern)} for run in (one, other))
        assert here
        found += [f"{pattern}: {name}" for name in here.keys() ^ there.keys()]
        found += [name for name in here.keys() & there.keys() if content(here[name]) != content(there[name])]
    return found


def content(path: Path) -> object:
    """Bytes of a film; weights and counters of an agent, whose file has the time in it."""
    if path.suffix == ".mp4":
        return path.read_bytes()
    weights = {name: weight.numpy().tobytes() for name, weight in read_policy_weights(path).items()}
    return weights, read_counters(path)
