"""A name with a line's end or a terminal's escapes in it: the error stays one line, and shows them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.record_video import main as record_video
from dqn_zoo_ext.train import main as train

Verb = Callable[[Sequence[str] | None], int | None]
CLEARS = "\x1b[2Jpong\nx"


def complaint(verb: Verb, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        run_verb(verb, words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    return line


@pytest.mark.parametrize("verb", [train, evaluate, enjoy, record_video])
def test_names_are_shown_on_one_line(verb: Verb, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = ["-f", str(tmp_path)]
    said = complaint(verb, ["--env", CLEARS, *logs], capsys)
    assert r"unknown environment '\x1b[2Jpong x'" in said
    assert "did you mean 'Pong'" in complaint(verb, ["--env", "Pong\n", *logs], capsys)
    assert r"'\x1b[2Jpong" in complaint(verb, ["--algo", CLEARS, "--env", "Pong", *logs], capsys)
    if verb is not train:
        said = complaint(verb, ["--pretrained", CLEARS], capsys)
        assert r"no agent for '\x1b[2Jpong x' ships with this program" in said
