"""Errors that are a person's to mend: one line, no traceback, exit code 2 on the command line."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in what the user gave us.

    The message is one line: the rule that was broken, the value given, where it stands, the nearest valid choice.
    Command lines print it after ``error:`` and exit with code 2.
    """


class TryAgain(UserError):  # noqa: N818  # it says what to do
    """A failure that may pass, as when a server does not answer: the same command may succeed later.

    What was done before it is kept. Command lines exit with code 75.
    """


def first_line(error: BaseException) -> str:
    """What it says, for a line of ours: the first line that is not empty, or the name of its class if there is none."""
    return _lines(error)[0]


def last_line(error: BaseException) -> str:
    """The same of the last line: where PyTorch says which weights do not fit, the first is but a heading."""
    return _lines(error)[-1]


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]


def nearest(name: str, choices: Iterable[str], cutoff: float = 0.6) -> str:
    """The tail of an error line: ``; did you mean 'x'?``, or the list of choices when nothing is near.

    cutoff: from 0 to 1, how alike two names must be (difflib); long names, of many syllables, are soon alike.
    Compares without regard to case, so that ``pongnoframeskip-v4`` finds ``PongNoFrameskip-v4``.
    """
    by_folded = {choice.casefold(): choice for choice in sorted(choices)}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=cutoff)
    if found:
        return f"; did you mean '{by_folded[found[0]]}'?"
    if not by_folded or len(by_folded) > 20:
        return ""
    return f"; choose one of {', '.join(by_folded.values())}"
