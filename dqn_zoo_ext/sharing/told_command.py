"""A training's command as others can give it."""

import re
import shlex
from pathlib import Path

from dqn_zoo_ext.errors import UserError

_LOG_FOLDER = ("-f", "--log-folder")
_WITH_ITS_VALUE = re.compile(r"-f.|--log-folder=")  # in one word, as argparse takes them too
_BEFORE_A_VALUE = re.compile(r"[=:](?!//)")  # --option=value, key:value; no address of a network


def repeatable(command: str) -> str:
    """The command less its log folder, which says nothing on another machine.

    UserError if it names another place of the machine: an absolute path, which is nowhere else.
    """
    words = iter(shlex.split(command))
    kept = []
    for word in words:
        if word in _LOG_FOLDER:
            next(words, None)
        elif not _WITH_ITS_VALUE.match(word):
            kept.append(word)
    for word in kept:
        if any(Path(part).is_absolute() for part in _BEFORE_A_VALUE.split(word)):
            raise UserError(f"the run's command names {word}, which is nowhere else: it cannot be repeated")
    return shlex.join(kept)
