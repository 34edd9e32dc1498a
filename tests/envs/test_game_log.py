"""The csv file of finished games."""

import json
from pathlib import Path

import pytest

from dqn_zoo_ext.envs.game_log import GameLog
from dqn_zoo_ext.errors import UserError


def test_no_file_without_a_path() -> None:
    log = GameLog(None, "pong")
    game = log.finish(-21.0, 800)
    assert (game["r"], game["l"]) == (-21.0, 800)
    assert 0 <= game["t"] < 5
    log.close()


def test_a_log_that_exists_is_continued_with_its_clock(tmp_path: Path) -> None:
    path = tmp_path / "new" / "0.monitor.csv"
    log = GameLog(path, "pong")
    log.finish(1.5, 10)
    log.close()
    log.close()
    lines = path.read_text().splitlines()
    assert json.loads(lines[0][1:])["env_id"] == "pong"
    assert lines[1] == "r,l,t"
    assert lines[2].startswith("1.5,10,")

    began_an_hour_ago = {"t_start": json.loads(lines[0][1:])["t_start"] - 3600, "env_id": "pong"}
    path.write_text("\n".join([f"#{json.dumps(began_an_hour_ago)}", *lines[1:], ""]))
    log = GameLog(path, "pong")
    assert 3600 <= log.finish(2.5, 20)["t"] < 3700
    log.close()
    resumed = path.read_text().splitlines()
    assert len(resumed) == 4
    assert resumed[3].startswith("2.5,20,36")


def test_a_shared_file_says_whose_each_game_was_unless_it_was_begun_without(tmp_path: Path) -> None:
    path, older = tmp_path / "0.monitor.csv", tmp_path / "older" / "0.monitor.csv"
    GameLog(older, "pong").close()
    for file in (path, older):
        for env in (3, 1):
            log = GameLog(file, "pong", shared=True)
            assert log.finish(1.5, 10, env).keys() == {"r", "l", "t"}
            log.close()
    assert [line.split(",")[3:] for line in path.read_text().splitlines()[1:]] == [["env"], ["3"], ["1"]]
    assert [len(line.split(",")) for line in older.read_text().splitlines()[1:]] == [3, 3, 3]


@pytest.mark.parametrize("content", ["", "r,l,t\n", "#[1]\n", "#{}\n"])
def test_a_file_that_is_no_log_is_refused_and_left_alone(content: str, tmp_path: Path) -> None:
    path = tmp_path / "0.monitor.csv"
    path.write_text(content)
    with pytest.raises(UserError, match="is not a monitor file"):
        GameLog(path, "pong")
    assert path.read_text() == content


@pytest.mark.parametrize("continued", [False, True])
def test_it_is_cut_back_to_its_state_and_goes_on_from_there(continued: bool, tmp_path: Path) -> None:
    path = tmp_path / "0.monitor.csv"
    log = GameLog(path, "pong")
    log.finish(1.0, 10)
    state = log.state()
    kept = path.read_bytes()
    assert state is not None
    assert state["bytes"] == len(kept)
    log.finish(2.0, 20)
    if continued:
        log.close()
        log = GameLog(path, "pong")
        log.finish(3.0, 30)
    log.load_state(state)
    assert path.read_bytes() == kept
    log.load_state(log.state())
    log.finish(4.0, 40)
    with log.silent():
        assert log.finish(5.0, 50)["r"] == 5.0
    log.finish(6.0, 60)
    rows = path.read_bytes().removeprefix(kept).decode().splitlines()
    assert [row.split(",")[:2] for row in rows] == [["4.0", "40"], ["6.0", "60"]]


def began_an_hour_earlier(path: Path) -> None:
    head, _, rows = path.read_text().partition("\n")
    header = json.loads(head[1:])
    path.write_text(f"#{json.dumps({**header, 't_start': header['t_start'] - 3600})}\n{rows}")


def test_the_clock_goes_on_from_the_state_and_not_from_the_time_between_two_processes(tmp_path: Path) -> None:
    path = tmp_path / "0.monitor.csv"
    log = GameLog(path, "pong")
    log.finish(1.0, 10)
    log.close()
    began_an_hour_earlier(path)
    log = GameLog(path, "pong")
    state = log.state()
    assert state is not None
    assert 3600 <= state["seconds"] < 3700
    log.close()

    began_an_hour_earlier(path)  # the run lay still for an hour
    log = GameLog(path, "pong")
    log.load_state(state["bytes"])  # of an earlier version
    assert 7200 <= log.finish(2.0, 20)["t"] < 7300
    log.load_state(state)
    assert 3600 <= log.finish(2.0, 20)["t"] < 3700
    log.close()
    assert [row.split(",")[2][:2] for row in path.read_text().splitlines()[3:]] == ["36"]


def test_a_file_that_lost_games_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "0.monitor.csv"
    log = GameLog(path, "pong")
    log.finish(1.0, 10)
    state = log.state()
    assert state is not None
    length = state["bytes"]
    for lost in (path.read_bytes()[: length - 1], None):
        if lost is None:
            path.unlink()
        else:
            path.write_bytes(lost)
        with pytest.raises(ValueError, match=f"is gone or was cut: it had {length} bytes"):
            log.load_state(state)
        assert path.exists() == (lost is not None)
    with pytest.raises(ValueError, match="now it has none"):
        GameLog(None, "pong").load_state(state)
    GameLog(None, "pong").load_state(GameLog(None, "pong").state())
