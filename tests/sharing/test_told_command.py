"""A training's command, as it is told to others."""

import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.sharing.told_command import repeatable

COMMAND = "python -m dqn_zoo_ext.train --algo dqn {}--seed 1"


@pytest.mark.parametrize(
    "folder", ["-f /tmp/logs ", "--log-folder 'my logs' ", "--log-folder=/tmp/logs ", "-f/tmp/logs ", "-f=logs ", ""]
)
def test_it_is_less_its_log_folder(folder: str) -> None:
    assert repeatable(COMMAND.format(folder)) == COMMAND.format("")


@pytest.mark.parametrize(
    "words", ["-conf runs/dqn.yml ", "--faithful ", "--storage http://localhost:80/x ", "-params n:5 "]
)
def test_everything_else_stays(words: str) -> None:
    assert repeatable(COMMAND.format(words)) == COMMAND.format(words)


@pytest.mark.parametrize("words", ["-conf /home/me/dqn.yml ", "--tensorboard-log=/tmp/tb ", "-params folder:/tmp/x "])
def test_a_place_of_one_machine_is_refused(words: str) -> None:
    with pytest.raises(UserError, match=r"names \S*(/home/me/dqn\.yml|=/tmp/tb|:/tmp/x), which is nowhere else"):
        repeatable(COMMAND.format(words))
