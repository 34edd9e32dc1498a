"""What an error of others says, as a part of a line of ours."""

import pytest

from dqn_zoo_ext.errors import first_line, last_line


@pytest.mark.parametrize(
    ("error", "first", "last"),
    [
        (ValueError("one line"), "one line", "one line"),
        (RuntimeError("Error(s) in loading:\n\tMissing key: w.\n"), "Error(s) in loading:", "Missing key: w."),
        (RuntimeError("\n  what it is\n\n"), "what it is", "what it is"),
        (MemoryError(), "MemoryError", "MemoryError"),
        (KeyboardInterrupt(" \n"), "KeyboardInterrupt", "KeyboardInterrupt"),
        (KeyError("name"), "'name'", "'name'"),
    ],
)
def test_the_first_and_the_last_line_of_what_it_says(error: BaseException, first: str, last: str) -> None:
    assert first_line(error) == first
    assert last_line(error) == last
