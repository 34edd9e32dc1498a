import dataclasses
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.results import (
    EvaluationRecord,
    Machine,
    RunResults,
    Versions,
    read_results,
    write_results,
)

EVALUATION = {"mean": 20.0, "std": 10.0, "result": 10.0, "protocol": "greedy", "seed": 3, "episodes": [10.0, 30.0]}


@pytest.fixture
def results() -> RunResults:
    record = EvaluationRecord.at(1000, EVALUATION, 0.25)
    return RunResults(
        versions=Versions.here(),
        machine=Machine.here(),
        algo="dqn",
        env="PongNoFrameskip-v4",
        seed=1,
        command="python -m dqn_zoo_ext.train --env PongNoFrameskip-v4",
        started=datetime(2026, 11, 20, 12, 30, 1, tzinfo=UTC),
        seconds=61.5,
        agent_steps=1000,
        frames=4000,
        updates=125,
        agent_steps_per_second=16.3,
        evaluations=(record, dataclasses.replace(record, agent_steps=2000)),
        best=record,
    )


def test_what_was_written_is_read_back(results: RunResults, tmp_path: Path) -> None:
    write_results(results, tmp_path / "results.json")
    assert read_results(tmp_path / "results.json") == results
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_the_file_is_plain_json_for_others(results: RunResults, tmp_path: Path) -> None:
    write_results(results, tmp_path / "results.json")
    data = json.loads((tmp_path / "results.json").read_text())
    assert next(iter(data)) == "format_version"
    assert data["started"] == "2026-11-20T12:30:01+00:00"
    assert data["best"] == {
        "agent_steps": 1000,
        "protocol": "greedy",
        "episodes": [10.0, 30.0],
        "mean": 20.0,
        "std": 10.0,
        "result": 10.0,
        "repeat_action_probability": 0.25,
    }
    assert data["final"] is None
    assert len(data["evaluations"]) == 2


def test_a_file_from_before_it_was_written_how_often_actions_stick(results: RunResults, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    write_results(results, file)
    older = re.sub(r',\s*"repeat_action_probability": 0.25', "", file.read_text())
    assert "repeat_action" not in older
    file.write_text(older)
    best = read_results(file).best
    assert best is not None
    assert best.repeat_action_probability is None
    assert best.mean == 20.0


def test_versions_and_machine_are_those_of_this_process() -> None:
    versions, machine = Versions.here(), Machine.here()
    assert all(re.match(r"\d+\.\d+", value) for value in dataclasses.asdict(versions).values())
    assert machine.cores >= 1
    assert machine.cpu


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "1"}, "seed: Input should be a valid integer; given '1'"),
        ({"speed": 3}, "speed: Unexpected keyword argument; given 3"),
        ({"frames": -4}, "frames: Input should be greater than or equal to 0; given -4"),
        ({"started": "2026-11-20T12:30:01"}, "started: Input should have timezone info; given '2026-11-20T12:30:01'"),
        ({"format_version": 2}, "format_version is 2; this program reads 1"),
        ({"machine": {"cpu": "x", "cores": 2}}, "machine.gpu: Field required; given {'cores': 2, 'cpu': 'x'}"),
    ],
)
def test_a_wrong_value_is_one_line(results: RunResults, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results.as_dict() | change))
    with pytest.raises(UserError) as caught:
        read_results(path)
    assert str(caught.value) == f"{path}: {message}"


def test_a_result_that_is_not_mean_minus_std_is_one_line(results: RunResults, tmp_path: Path) -> None:
    data = results.as_dict()
    path = tmp_path / "results.json"
    path.write_text(json.dumps(data | {"best": data["best"] | {"result": 11.0}}))
    with pytest.raises(UserError, match=r"best: Value error, result must be mean - std = 10; given \S[^\n]+$"):
        read_results(path)


@pytest.mark.parametrize("content", [b"", b'{"algo": "dqn"', b"\xff\xff", b"[]", b"{}", b"[" * 200_000])
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(UserError, match=r"results\.json") as caught:
        read_results(tmp_path / "results.json")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_an_absent_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^cannot read .*: No such file or directory$"):
        read_results(tmp_path / "results.json")


def test_numbers_that_json_does_not_know_are_refused(results: RunResults, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_results(dataclasses.replace(results, seconds=float("nan")), tmp_path / "results.json")
    assert list(tmp_path.iterdir()) == []
