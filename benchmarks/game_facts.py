"""What the emulator says of the 104 games, as their YAML files have it: one JSON line last.

Nobody types these facts: a game's file is written from them, and the tests hold it to them.

ids: the game's ids in gymnasium that ``--env`` takes. actions: the minimal set, in the emulator's order.
lives: half a second after the start, as in three games the emulator counts others before. screen: height, width.
black_agent_steps: for how many agent steps of NOOP the screen is black all over, at the start of a game without no-ops.
fire_starts: whether the screen stands still for 10 seconds of NOOP, and moves once FIRE is held down for one; a game
that stands still without that (a turn of the player's, say) is no such game.
fire_after_life: the same 10 seconds of NOOP, beginning 10 seconds after a life that random play has lost (by then the
scene of the loss is over); null where no life was lost within 5 minutes of random play.
moves: whether anything moves within 10 seconds of NOOP at all.
gray: whether the emulator's gray is the luminance of its colours to within 1 of 255, on screens of random play.
modes, difficulties: how many the console's switches have; the first is played.

Run: python benchmarks/game_facts.py [--game ROM ...] [--output FILE]
"""

from typing import Any

import ale_py
import numpy as np
from ale_py import roms
from reporting import parser_of, publish

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.ids import resolve, single_player_games
from dqn_zoo_ext.envs.rules import AtariRules

SECOND = 60
NOOP, FIRE = ale_py.Action.NOOP, ale_py.Action.FIRE


def emulator_of(rom: str) -> ale_py.ALEInterface:
    """At the start of a game, without sticky actions."""
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    emulator = ale_py.ALEInterface()
    emulator.setInt("random_seed", 0)
    emulator.setFloat("repeat_action_probability", 0.0)
    path = roms.get_rom_path(rom)
    if path is None:
        raise ValueError(f"ale-py has no ROM {rom}")
    emulator.loadROM(path)
    return emulator


def stands_still(emulator: ale_py.ALEInterface, frames: int = 10 * SECOND) -> bool:
    """Whether no pixel changes in so many frames of NOOP."""
    before = emulator.getScreen()
    for _ in range(frames):
        emulator.act(NOOP)
        if (emulator.getScreen() != before).any():
            return False
    return True


def waits_for_fire(emulator: ale_py.ALEInterface) -> bool:
    """Whether the screen stands still for 10 seconds of NOOP, and moves once FIRE is held down for a second."""
    if not stands_still(emulator):
        return False
    before = emulator.getScreen()
    for _ in range(SECOND):
        emulator.act(FIRE)
    return bool((emulator.getScreen() != before).any())


def waits_after_a_lost_life(rom: str) -> bool | None:
    """Whether the same is so 10 seconds after a lost life; None if random play loses none within 5 minutes."""
    emulator, random = emulator_of(rom), np.random.default_rng(0)
    actions = emulator.getMinimalActionSet()
    lives = emulator.lives()
    for _ in range(5 * 60 * SECOND // 4):
        action = actions[random.integers(len(actions))]
        for _ in range(4):
            emulator.act(action)
        if emulator.game_over():
            return None
        if emulator.lives() < lives:
            for _ in range(10 * SECOND):
                emulator.act(NOOP)
            return waits_for_fire(emulator)
        lives = emulator.lives()
    return None


def gray_is_luminance(rom: str, agent_steps: int = 150) -> bool:
    """Whether 0.299 R + 0.587 G + 0.114 B is the emulator's gray, to within 1."""
    emulator, random = emulator_of(rom), np.random.default_rng(0)
    actions = emulator.getMinimalActionSet()
    for step in range(agent_steps):
        action = actions[random.integers(len(actions))]
        for _ in range(4):
            emulator.act(action)
        if step % 10 == 0:
            luminance = emulator.getScreenRGB() @ np.array([0.299, 0.587, 0.114])
            if np.abs(luminance - emulator.getScreenGrayscale()).max() > 1.5:
                return False
        if emulator.game_over():
            emulator.reset_game()
    return True


def lives_of(rom: str) -> int:
    """Half a second after the start."""
    emulator = emulator_of(rom)
    for _ in range(SECOND // 2):
        emulator.act(NOOP)
    return emulator.lives()


def black_agent_steps(rom: str) -> int:
    """At the start of a game, at most 1,000."""
    venv = AleVecEnv(rom, 1, AtariRules(noop_max=0), seed=0)
    screens, steps = venv.reset(), 0
    while not screens[0, -1].any() and steps < 1_000:
        screens, *_ = venv.step(np.zeros(1, dtype=np.int64))
        steps += 1
    venv.close()
    return steps


def ids_of(rom: str) -> list[str]:
    """The game's ids; the first is the one that its bare name stands for."""
    own = resolve(rom).gym_id
    return list(dict.fromkeys([own, f"ALE/{rom.title().replace('_', '')}-v5"]))


def facts_of(rom: str) -> dict[str, Any]:
    """Everything above of one game."""
    emulator = emulator_of(rom)
    found: dict[str, Any] = {
        "ids": ids_of(rom),
        "actions": [action.name for action in emulator.getMinimalActionSet()],
        "lives": lives_of(rom),
        "screen": list(emulator.getScreenDims()),
        "black_agent_steps": black_agent_steps(rom),
        "modes": len(emulator.getAvailableModes()),
        "difficulties": len(emulator.getAvailableDifficulties()),
        "moves": not stands_still(emulator_of(rom)),
        "fire_starts": waits_for_fire(emulator),
    }
    after = waits_after_a_lost_life(rom) if found["lives"] else None
    return {**found, "fire_after_life": after, "gray": "luminance" if gray_is_luminance(rom) else "something else"}


def main() -> None:
    """Measure and print."""
    parser = parser_of("game_facts", __doc__)
    every = single_player_games()
    parser.add_argument("--game", nargs="+", metavar="ROM", choices=every, default=every)
    arguments = parser.parse_args()
    found = {}
    for rom in arguments.game:
        found[rom] = facts_of(rom)
        print(rom, found[rom], flush=True)
    publish("game_facts", {"games": found}, arguments.output)


if __name__ == "__main__":
    main()
