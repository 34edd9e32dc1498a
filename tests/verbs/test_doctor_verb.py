"""The doctor as a command."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.doctor import main as doctor

SMALL = "-n 20000 -params n_envs:2 buffer_size:2000 learning_starts:1000 policy_kwargs.torso:nips"


pytestmark = pytest.mark.usefixtures("a_good_machine")


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_json_is_one_object_on_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(["--env", "SpaceInvadersNoFrameskip-v4", "--json", "--no-measure"]) == 0
    found = last_line(capsys)
    assert found["replay_bytes"] == (10**6 + 1) * 84 * 84 + 10**6 * 11
    assert found["frames_per_agent_step"] == 4
    assert found["updates_per_agent_step"] == 0.25
    assert found["replayed_samples_per_agent_step"] == 8
    assert found["epsilon"]["start"] == found["epsilon"]["learning_begins"] == 1
    assert found["epsilon"]["evaluations"][0] == {"agent_steps": 250_000, "epsilon": pytest.approx(0.82)}
    assert found["epsilon"]["end"] == pytest.approx(0.1)
    assert found["findings"] == []
    assert found["seconds"] is None


@pytest.mark.parametrize("words", [f"--env Pong {SMALL}", "--env CartPole-v1 --algo double_dqn"])
def test_a_measurement_tells_the_time_and_leaves_nothing(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))  # where SB3's loggers write unasked
    assert doctor([*words.split(), "--json"]) == 0
    left = [*(tmp_path / "here").iterdir(), *(tmp_path / "temporary").iterdir()]
    assert [path for path in left if not path.name.startswith("torchinductor")] == []  # PyTorch's cache, empty
    found = last_line(capsys)
    measured = found["measured"]
    acting = found["agent_steps"] * measured["seconds_per_agent_step"]
    assert found["seconds"] == pytest.approx(acting + found["updates"] * measured["seconds_per_update"])
    assert 0 < found["seconds"] < 3600
    assert measured["agent"] >= 3 * measured["weights"] > 0  # two networks and the optimizer's state
    assert found["agent_bytes"] == 2 * measured["agent"]


def test_the_report_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(["--env", "ALE/Pong-v5", "--no-measure"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "dqn on ALE/Pong-v5",
        "4 frames",
        "0.25 per agent step",
        "7.07 GB of memory",
        "14 GB of 16 GB free",
        "repeat_action_probability 0.25 0",
        "terminal_on_life_loss yes no",
        "warning: actions should stick as often in evaluation as in training",
        "-params eval_protocol:machado-2018",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--env Pong -params buffer_size:1000000000", "error: the replay must fit into the memory that is free: "),
        ("--env Pong --eval-env-kwargs full_action_space:true", "full_action_space is False in training and True"),
        ("--env Pong -params preprocessing_kwargs.frame_skip:16", "here it is 16"),
        ("--env Pong -n 20000", "learning starts after 50,000 agent steps"),
    ],
)
def test_a_stop_is_reported_in_full_and_then_in_one_line(
    words: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_verb(doctor, [*words.split(), "--json"])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert expected in line
    found = json.loads(captured.out.splitlines()[-1])
    stops = [each for each in found["findings"] if each["level"] == "stop"]
    assert len(stops) == 1
    rule, value, where, change = (stops[0][name] for name in ("rule", "value", "where", "suggestion"))
    assert line == f"error: {rule}: {value} ({where}). Change: {change}"
    assert ("(-n" in line) == ("-n" in words.split())
    assert found["measured"] is None  # nobody waits for the time of a run that will not start


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--env Pnog", "did you mean 'Pong"),
        ("--env ALE/Pong-v5 --env-kwargs frameskip:4", "would skip frames twice"),
        ("--env Pong -params learning_start:5", "did you mean 'learning_starts'"),
        ("--env CartPole-v1 -params preprocessing:atari", "is for Atari"),
        ("--env Pendulum-v1", "needs discrete actions"),
        ("--env Pendulum-v1 --no-measure", "needs discrete actions"),
        ("--env CartPole-v1 --algo impala_dqn --no-measure", "a convolutional torso needs observations"),
        ("--env Pong --resume", "--resume: the doctor looks at trainings that begin"),
        ("--env Pong --jsn", "did you mean '--json'"),
    ],
)
def test_a_mistake_is_one_line(words: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_verb(doctor, words.split())
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert expected in line
