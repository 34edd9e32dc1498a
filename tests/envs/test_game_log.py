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


@pytest.mark.parametrize("content", ["", "r,l,t\n", "#[1]\n", "#{}\n"])
def test_a_file_that_is_no_log_is_refused_and_left_alone(content: str, tmp_path: Path) -> None:
    path = tmp_path / "0.monitor.csv"
    path.write_text(content)
    with pytest.raises(UserError, match="is not a monitor file"):
        GameLog(path, "pong")
    assert path.read_text() == content
