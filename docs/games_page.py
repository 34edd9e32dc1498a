"""Makes docs/games.md, and with --screenshots its pictures: every game that has a YAML, with what is known of it.

The text comes from the YAML files, the published scores of the package and benchmarks/results/random_agents.json, so
nothing is written twice; a test says when the page is older than they are. The pictures are screens of random play from
seed 0, always the same.

Run: python docs/games_page.py [--screenshots [ROM ...]]
"""

import argparse
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import ale_py
import numpy as np
import yaml
from ale_py import roms
from PIL import Image

from dqn_zoo_ext.envs.ids import FAMILIES, single_player_games
from dqn_zoo_ext.evaluation.published_scores import games, scores_of, sources
from dqn_zoo_ext.words import counted

ROOT = Path(__file__).resolve().parents[1]
PAGE, PICTURES = ROOT / "docs" / "games.md", ROOT / "docs" / "images" / "games"
RANDOM = ROOT / "benchmarks" / "results" / "random_agents.json"
TRAINED = ROOT / "benchmarks" / "results" / "playground.json"
AGENT_STEPS, COLOURS = 300, 64

_HEAD = """\
# The games

Written by `python docs/games_page.py`; change the YAML files, not this page.

Every game here has a YAML of facts in [hyperparams/](../hyperparams); `--env` takes the id, or the ROM's name alone
(`--env {example}`). Hyperparameters are the family's: the papers play all games with one set of values.
Pictures are screens of random play.

random here: the mean score of uniformly random actions, with the deviation over games, measured by the protocol
in the game's YAML ({protocols}), over {games}
([random_agents.json](../benchmarks/results/random_agents.json), `python benchmarks/random_agents.py`). `python -m
dqn_zoo_ext.evaluate --algo random --env Pong` finds the same number{unless}. random, human:
{published}; a dash where nothing is published.

All of them train for 200 agent steps in one command, `python benchmarks/every_game.py`
([every_game.json](../benchmarks/results/every_game.json)).
"""


def facts_of(family: str) -> dict[str, dict[str, Any]]:
    """The blocks `game` of a family's files, by file name."""
    files = sorted((ROOT / "hyperparams" / family).glob("*.yml"))
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["game"] for path in files}


def measured() -> Mapping[str, Mapping[str, Any]]:
    """The rows of random_agents.json, by ROM or id."""
    rows: Mapping[str, Mapping[str, Any]] = json.loads(RANDOM.read_text(encoding="utf-8"))["random"]
    return rows


def page() -> str:
    """The whole page."""
    atari, rows = facts_of("atari"), measured()
    usual = max((row["games"] for row in rows.values()), default=0)
    protocols = " or ".join(sorted({row["protocol"] for row in rows.values()}, reverse=True))
    fewer = any(row["games"] != usual for row in rows.values())
    parts = [
        _HEAD.format(
            example="space_invaders",
            protocols=protocols,
            games=f"{usual} games" + (" where no other number is named" if fewer else ""),
            unless=" with as many `--episodes`" if fewer else "",
            published=sources("scores")["random"].source,
        )
    ]
    literature = [rom for rom in atari if rom in games()]
    others = [rom for rom in atari if rom not in games()]
    parts.append(f"## The {len(literature)} games of the literature\n\n{_atari_table(literature, atari, rows, usual)}")
    parts.append(f"## The {len(others)} others that the emulator runs\n\n{_atari_table(others, atari, rows, usual)}")
    parts.append(_playground(rows, usual))
    return "\n".join(parts)


def _atari_table(chosen: Iterable[str], facts: Mapping[str, Any], rows: Mapping[str, Any], usual: int) -> str:
    lines = ["| | game | random here | random | human |", "| --- | --- | ---: | ---: | ---: |"]
    for rom in chosen:
        picture = f'<img src="images/games/{rom}.png" width="120" alt="{facts[rom]["title"]}">'
        published = scores_of(rom)
        levels = [f"{published[name].score:,.10g}" if name in published else "–" for name in ("random", "human")]
        cells = [picture, _told(facts[rom]), _score(rows.get(rom), usual), *levels]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _told(game: Mapping[str, Any]) -> str:
    """A game in a cell: name, what one does, facts, traps."""
    told = [f"**{_plain(game['title'])}**. {_plain(game['task'])}", f"`{game['ids'][0]}`<br>{_numbers(game)}"]
    if "budget" in game:
        told.append(f"Budget: {_plain(game['budget'])}")
    told += [f"• {_plain(trap)}" for trap in game.get("traps", ())]
    return "<br>".join(told)


def _numbers(game: Mapping[str, Any]) -> str:
    """Actions, lives, FIRE and screen in a line."""
    lives = {0: "no lives told", 1: "1 life told"}.get(game["lives"], f"{game['lives']} lives")
    told = [f"{len(game['actions'])} actions", lives]
    if game["fire_starts"]:
        told.append("FIRE starts a game" + (" and each new life" if game.get("fire_after_life") else ""))
    elif game.get("fire_after_life"):
        told.append("FIRE starts each new life")
    if not any("FIRE" in action for action in game["actions"]):
        told.append("no FIRE")
    if "screen" in game:
        told.append(f"a screen of {game['screen'][1]} x {game['screen'][0]}")
    if "black_agent_steps" in game:
        told.append(f"black for {counted(game['black_agent_steps'], 'agent step')} at the start")
    return ", ".join(told) + "."


def _score(row: Mapping[str, Any] | None, usual: int) -> str:
    if row is None:
        return "not measured"
    digits = 0 if abs(row["mean"]) >= 1_000 else 1
    number = f"{row['mean']:,.{digits}f} ± {row['std']:,.{digits}f}"
    return number if row["games"] == usual else f"{number} ({row['games']} games)"


def _playground(rows: Mapping[str, Any], usual: int) -> str:
    trained: Mapping[str, Any] = json.loads(TRAINED.read_text(encoding="utf-8"))["rows"]
    lines = [
        "## The playground, for people without a GPU\n",
        "Minutes on a CPU each. MinAtar's games need `pip install -c constraints.txt '.[minatar]'`, and nothing",
        "else: their ids are known without `--gym-packages`. solved: the mean of 100 games that gymnasium asks for.",
        "DQN here: the best network of one training by the shipped YAML, over 100 fresh games, with the agent steps of",
        "the training",
        "([playground.json](../benchmarks/results/playground.json), `python benchmarks/playground.py`).\n",
        "| game | actions | score | random here | DQN here | solved |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for family in FAMILIES[1:]:
        for game in facts_of(family).values():
            traps = "".join(f"<br>• {_plain(trap)}" for trap in game.get("traps", ()))
            told = f"**{_plain(game['title'])}** `{game['ids'][0]}`. {_plain(game['task'])}{traps}"
            solved = f"{game['solved']:g}" if "solved" in game else "–"
            at_random, learned = _score(rows.get(game["ids"][0]), usual), _learned(trained.get(game["ids"][0]))
            cells = [told, str(len(game["actions"])), _plain(game["score"]), at_random, learned, solved]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _learned(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "–"
    return f"{row['mean']:,.1f} ± {row['std']:,.1f} ({row['agent_steps']:,})"


def _plain(text: str) -> str:
    """As Markdown in a cell shows it unchanged."""
    return text.strip().replace("|", "\\|").replace("*", "\\*")


def screenshot(rom: str) -> bytes:
    """A PNG of the screen after some seconds of random play; of two frames the brighter, as things blink."""
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    emulator = ale_py.ALEInterface()
    emulator.setInt("random_seed", 0)
    emulator.setFloat("repeat_action_probability", 0.0)
    emulator.loadROM(roms.get_rom_path(rom))
    emulator.reset_game()
    random, actions = np.random.default_rng(0), emulator.getMinimalActionSet()
    screens = [emulator.getScreenRGB()] * 2
    for _ in range(AGENT_STEPS):
        action = actions[random.integers(len(actions))]
        for _ in range(4):
            emulator.act(action)
            screens = [screens[1], emulator.getScreenRGB()]
        if emulator.game_over():
            emulator.reset_game()
    picture = Image.fromarray(np.maximum(*screens)).quantize(COLOURS, dither=Image.Dither.NONE)
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return content.getvalue()


def main() -> None:
    """Write the page, or the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots", nargs="*", metavar="ROM", help="make the pictures (of these games) as well")
    wanted = parser.parse_args().screenshots
    if wanted is not None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        for rom in wanted or single_player_games():
            (PICTURES / f"{rom}.png").write_bytes(screenshot(rom))
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
