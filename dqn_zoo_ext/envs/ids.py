"""Environment ids: what a person writes, and what it stands for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import ale_py.roms  # importing ale_py is what registers the Atari ids with gymnasium
import gymnasium
from gymnasium.envs.registration import EnvSpec

from dqn_zoo_ext.envs.minatar_ids import ENTRY_POINT, MINATAR, game_of, make_known
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import one_line

TWO_PLAYERS_ONLY = frozenset({"combat", "joust", "maze_craze", "warlords"})
"""ROMs that no agent can play alone; loading one of them for a single player ends the whole process."""

ATARI = "atari"
FAMILIES = (ATARI, "box2d", "classic_control", MINATAR, "gymnasium")
"""The kinds of environments; the last one is all others."""

_ATARI_ENTRY_POINT = "ale_py.env:AtariEnv"
_WRITTEN = re.compile(r"(ALE/)?(?P<title>\w+?)(?P<ram>-ram)?(?P<skip>NoFrameskip|Deterministic)?(-v(?P<version>\d+))?")


@dataclass(frozen=True)
class EnvId:
    """One environment, whatever way it was written.

    requested: as the user wrote it.
    gym_id: the id under which gymnasium knows it.
    family: one of ``FAMILIES``.
    game: the ROM's name (``space_invaders``); None unless Atari.
    repeat_action_probability: how often the emulator repeats the last action (sticky actions), as the id has it.
    """

    requested: str
    gym_id: str
    family: str
    game: str | None = None
    repeat_action_probability: float = 0.0

    @property
    def folder_name(self) -> str:
        """What a run's folder and files are called: the id without its slash, as in RL-Zoo."""
        return self.gym_id.replace("/", "-")

    @property
    def config_name(self) -> str:
        """What the game's YAML is called: the ROM's name, so that one file serves all ids of a game; so for MinAtar."""
        return self.game or (game_of(self.gym_id) if self.family == MINATAR else self.folder_name)


def resolve(name: str) -> EnvId:
    """The environment that `name` means.

    Atari games, in four forms:

    ``SpaceInvadersNoFrameskip-v4``  no sticky actions (``-v0``: 0.25);
    ``ALE/SpaceInvaders-v5``         sticky actions of 0.25; its own frame skip is switched off where we skip frames,
                                     so that the agent sees every 4th frame, never every 16th;
    ``SpaceInvaders``, ``space_invaders``
                                     ``SpaceInvadersNoFrameskip-v4``; for the 42 games that have no such id the ``-v5``
                                     id, but without sticky actions as well.

    MinAtar's ids (``MinAtar/Breakout-v1``) are registered here when one is asked for. Any other id is looked up in
    gymnasium's registry. UserError with the reason and the right id for those Atari ids
    that skip frames themselves (``SpaceInvaders-v4``, ``SpaceInvadersDeterministic-v4``), that show the memory instead
    of the screen (``-ram-``), and for games that need two players; with the nearest name for an unknown id.
    """
    make_known(name)
    spec = gymnasium.registry.get(name)
    if spec is not None and spec.entry_point != _ATARI_ENTRY_POINT:
        return EnvId(requested=name, gym_id=name, family=_family(spec))
    written = _WRITTEN.fullmatch(name)
    rom = _roms_by_title().get(written["title"]) if written else None
    if written is None or rom is None:
        raise _unknown(name)
    return _resolve_game(name, rom, written)


def resolve_folder(name: str) -> EnvId:
    """The environment whose runs lie in folders of this name (``EnvId.folder_name``). UserError as in `resolve`."""
    prefix = next((prefix for prefix in ("ALE", "MinAtar") if name.startswith(f"{prefix}-")), None)
    return resolve(name if prefix is None else name.replace(f"{prefix}-", f"{prefix}/", 1))


def single_player_games() -> tuple[str, ...]:
    """The ROM names of all games that an agent can play, sorted."""
    return tuple(sorted(set(_roms_by_title().values()) - TWO_PLAYERS_ONLY))


def _resolve_game(name: str, rom: str, written: re.Match[str]) -> EnvId:
    if rom in TWO_PLAYERS_ONLY:
        raise UserError(f"environment '{name}' needs two players; no agent can play it alone")
    ids = _ids_of_game(rom)
    own_id = f"{_title(rom)}NoFrameskip-v4"
    if own_id not in ids:
        own_id = f"ALE/{_title(rom)}-v5"
    if name in ids:
        return EnvId(name, name, "atari", rom, ids[name])
    if name in (_title(rom), rom):
        return EnvId(name, own_id, "atari", rom)
    if written["ram"]:
        raise UserError(f"environment '{name}' shows the console's memory, not the screen; use '{own_id}'")
    if written["skip"] == "Deterministic":
        raise UserError(f"environment '{name}' skips 4 frames beneath the agent's own skip of 4; use '{own_id}'")
    if name in gymnasium.registry:
        raise UserError(
            f"environment '{name}' skips 2 to 4 frames at random beneath the agent's own skip of 4; use '{own_id}'"
        )
    raise UserError(f"unknown environment '{name}'{nearest(name, ids)}")


def _ids_of_game(rom: str) -> Mapping[str, float]:
    """The game's ids that show every frame, or whose frame skip can be switched off; with their sticky probability."""
    candidates = (f"{_title(rom)}NoFrameskip-v4", f"{_title(rom)}NoFrameskip-v0", f"ALE/{_title(rom)}-v5")
    specs = (gymnasium.registry.get(candidate) for candidate in candidates)
    return {spec.id: float(spec.kwargs["repeat_action_probability"]) for spec in specs if spec is not None}


def _title(rom: str) -> str:
    return rom.title().replace("_", "")


@cache
def _roms_by_title() -> Mapping[str, str]:
    """ROM names by the two ways of writing them: ``SpaceInvaders`` and ``space_invaders``."""
    roms = ale_py.roms.get_all_rom_ids()
    return {_title(rom): rom for rom in roms} | {rom: rom for rom in roms}


def _family(spec: EnvSpec) -> str:
    if spec.entry_point == ENTRY_POINT:
        return MINATAR
    for family in ("classic_control", "box2d"):
        if str(spec.entry_point).startswith(f"gymnasium.envs.{family}"):
            return family
    return "gymnasium"


def _unknown(name: str) -> UserError:
    atari = [atari_id for rom in single_player_games() for atari_id in (*_ids_of_game(rom), _title(rom))]
    others = [spec.id for spec in gymnasium.registry.values() if spec.entry_point != _ATARI_ENTRY_POINT]
    near = nearest(name, (*atari, *others))
    hint = near or "; an environment of another package needs that package named with --gym-packages"
    return UserError(f"unknown environment '{one_line(name)}'{hint}")
