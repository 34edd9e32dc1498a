"""The ids of MinAtar's games, ``MinAtar/Breakout-v1`` and so on, from the optional package of that name."""

import importlib
import re

import gymnasium

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import one_line

MINATAR = "minatar"
ENTRY_POINT = "minatar.gym:BaseEnv"

_ID = re.compile(r"MinAtar/(?P<title>\w+)-v\d+")


def make_known(name: str) -> None:
    """Register MinAtar's ids with gymnasium if `name` looks like one and they are not there.

    UserError, with the line that installs it, if the package is missing.
    """
    if not name.startswith("MinAtar/") or any(each.startswith("MinAtar/") for each in gymnasium.registry):
        return
    try:
        importlib.import_module("minatar.gym").register_envs()
    except ImportError as error:
        raise UserError(
            f"environment '{one_line(name)}' needs the package MinAtar: pip install 'dqn_zoo_ext[minatar]' ({error})"
        ) from error


def game_of(gym_id: str) -> str:
    """What the game is called in the package, ``space_invaders`` for ``MinAtar/SpaceInvaders-v1``."""
    written = _ID.fullmatch(gym_id)
    if written is None:
        raise ValueError(f"'{gym_id}' is no id of MinAtar's")
    return re.sub(r"(?<!^)(?=[A-Z])", "_", written["title"]).lower()
