"""What a verb says of a user's mistake."""

from collections.abc import Callable, Sequence

import pytest

from dqn_zoo_ext.cli.verb import run_verb

Verb = Callable[[Sequence[str] | None], int | None]


def complaint(verb: Verb, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr, of exit code 2."""
    with pytest.raises(SystemExit) as ended:
        run_verb(verb, words)
    captured = capsys.readouterr()
    assert ended.value.code == 2, captured
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")
