"""Makes docs/results.md and its pictures from results/, beside what others have published; adds runs to results/.

The numbers of ours are those of results/ (``results_folder.py`` says what is in it), the goals those of
results/games.yml, the published numbers those of the package; a test says when the page is older than they are.

Run: python docs/results_page.py
     python docs/results_page.py --add logs/dqn/PongNoFrameskip-v4_1 --commit 1a2b3c4 --evaluations FILE ...

Each FILE is what `python -m dqn_zoo_ext.evaluate` has printed of the run's best or last network. Adding a run that is
there makes its folder anew, with the evaluations and notes that are given.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml
from results_folder import RESULTS, ROOT, Published, add, published
from results_picture import pictures
from results_tables import goals_table, scores_table

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.words import counted

PAGE, PICTURES = ROOT / "docs" / "results.md", ROOT / "docs" / "images"
_HEAD = """\
# Results

Written by `python docs/results_page.py` from [results/](../results); change those files, not this page.

What was trained, and what it scored. Nothing of ours stands here that is not in [results/](../results): a folder for
each run, with its hyperparameters, its curve, its evaluations, and the command that repeats it. A score is the mean of
whole games with the game's own score, ± the standard deviation over games; [scores.md](scores.md) tells the protocols.
One run says little of what the next seed will do.

A result below its goal is taken as a defect of this project until it is shown to be something else.
"""
_REPEATING = """\
### The runs

Their commands as they were given. Leave `--device cuda` out where there is no such GPU, and `--save-freq -1` if you
want to be able to stop, and go on by `--resume`. A run that a time limit ended goes on to its planned end with you.
"""
_TAIL = """\
## Add a run

Train, measure the best and the last network by 100 games, and make the folder and this page:

```
python -m dqn_zoo_ext.train --preset course-unit3 --seed 3
python -m dqn_zoo_ext.evaluate --algo dqn --env SpaceInvadersNoFrameskip-v4 --load-best --episodes 100 > best.txt
python -m dqn_zoo_ext.evaluate --algo dqn --env SpaceInvadersNoFrameskip-v4 --episodes 100 > last.txt
python docs/results_page.py --add logs/dqn/SpaceInvadersNoFrameskip-v4_1 --commit COMMIT --evaluations best.txt last.txt
```

`--note` takes a sentence on what the files cannot say, `--name` a name for the folder where the usual one is taken. A
goal is a few lines in [games.yml](../results/games.yml).
"""


def page(runs: Sequence[Published] | None = None) -> str:
    """The whole page. runs: those of results/ by default, sorted by game."""
    runs = published() if runs is None else runs
    facts = games()
    parts = [_HEAD]
    for game, each in by_game(runs):
        parts.append(_section(game, each, facts.get(game, {})))
    return "\n".join([*parts, _TAIL])


def by_game(runs: Iterable[Published]) -> Iterator[tuple[str, list[Published]]]:
    """The runs of each game, the one that they were sorted by."""
    for game, each in groupby(runs, key=lambda run: str(run.run["game"])):
        yield game, list(each)


def games() -> Mapping[str, Mapping[str, Any]]:
    """What results/games.yml says, by the ROM's name."""
    said: Mapping[str, Mapping[str, Any]] = yaml.safe_load((RESULTS / "games.yml").read_text(encoding="utf-8"))
    return said


def _section(game: str, runs: Sequence[Published], facts: Mapping[str, Any]) -> str:
    said = yaml.safe_load((ROOT / "hyperparams" / "atari" / f"{game}.yml").read_text(encoding="utf-8"))
    title = said["game"]["title"]
    lines = [
        f"## {title}\n",
        *[
            f"![Learning curves of our {shown.words} of {title}, with published ones behind](images/{shown.file})\n"
            for shown in pictures(game, runs)
        ],
        *goals_table(game, runs, facts.get("goals", ())),
        *[f"{paragraph}\n" for paragraph in facts.get("remark", "").splitlines()],
        *scores_table(game, runs, facts.get("others", ())),
        f"{_REPEATING}",
    ]
    for run in runs:
        lines += _run(run)
    return "\n".join(lines)


def _run(run: Published) -> Iterator[str]:
    """A run in words, and its command."""
    said = run.run
    machine = said["machine"]
    where = machine["gpu"] or machine["cpu"]
    yield f"**{run.name}**: {_length(said)}, {said['updates']:,} updates, {_duration(said['hours'])} on"
    yield f"{where} with {counted(machine['cores'], 'core')}, {said['started'][:10]}, commit {said['commit']}."
    if said["notes"]:
        yield " ".join(f"{note[0].upper()}{note[1:]}." for note in said["notes"])
    yield f"[All of it](../{run.folder.relative_to(ROOT)}).\n"
    yield f"```\n{said['command']}\n```\n"


def _length(said: Mapping[str, Any]) -> str:
    if said["agent_steps"] >= said["planned_agent_steps"]:
        return f"{said['agent_steps']:,} agent steps"
    return f"ended at {said['agent_steps']:,} of {said['planned_agent_steps']:,} agent steps"


def _duration(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else counted(round(hours * 60), "minute")


def main(arguments: Sequence[str] | None = None) -> int:
    """Add a run if asked to, then write the page and its pictures; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--add", type=Path, metavar="RUN_FOLDER", help="a folder logs/ALGO/ENV_N")
    parser.add_argument("--commit", help="of this project, that the run was made by")
    parser.add_argument("--note", action="append", default=[], help="a sentence without its full stop; repeatable")
    parser.add_argument("--evaluations", nargs="+", type=Path, default=[], metavar="FILE", help="what evaluate printed")
    parser.add_argument("--name", help="of the folder in results/GAME/ (default: ALGO_PRESET_seed_N)")
    options = parser.parse_args(arguments)
    if options.add is not None and not options.commit:
        parser.error("--add needs --commit: which state of the project was trained")
    try:
        if options.add is not None:
            print(add(options.add, options.commit, options.note, options.evaluations, options.name))
        for game, runs in by_game(published()):
            for shown in pictures(game, runs):
                (PICTURES / shown.file).write_text(shown.svg(), encoding="utf-8")
        PAGE.write_text(page(), encoding="utf-8")
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
