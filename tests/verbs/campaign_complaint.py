"""What `campaign` says of a user's mistake."""

import pytest

from dqn_zoo_ext.campaign import main as campaign
from dqn_zoo_ext.command_line import run_verb


def complaint(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr, of exit code 2."""
    with pytest.raises(SystemExit) as ended:
        run_verb(campaign, words)
    captured = capsys.readouterr()
    assert ended.value.code == 2, captured
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")
