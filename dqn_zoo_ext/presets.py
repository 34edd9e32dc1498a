"""``python -m dqn_zoo_ext.presets``: the trainings that have a name, what each reproduces, costs and should score."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dqn_zoo_ext.callbacks.progress import quiet_without_reader
from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.verb import python_to_type, run_verb
from dqn_zoo_ext.config.load import flatten
from dqn_zoo_ext.config.presets import Preset, find_preset
from dqn_zoo_ext.config.shipped_files import PRESETS, preset_files, shipped
from dqn_zoo_ext.config.yaml_source import Located

_DESCRIPTION = """\
The trainings that have a name: systems and papers that `train --preset NAME` reproduces. Without a name all of them;
with one everything about it: the document, what is kept and what corrected, the command, where its YAML file lies."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.presets
  python -m dqn_zoo_ext.presets pong-2019
  python -m dqn_zoo_ext.presets --json

`python -m dqn_zoo_ext.config --preset NAME` shows every value of one, with the file and line it comes from.
With --json the last line is a list of objects, or one object: name, algo, env, source, cost, expected, kept, corrected,
games, beneath, faithful, file, command."""

_UNKNOWN = "not known"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, look up, print."""
    parser = Parser("presets", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("name", nargs="?", metavar="NAME", help="of the one to show (default: a list of all)")
    parser.add_argument("--markdown", action="store_true", help="print it as a part of a page, as in docs/presets.md")
    parser.add_argument("--json", action="store_true", help="print it as JSON, in the last line")
    options = parser.parse(arguments)
    asked = list(preset_files()) if options.name is None else [options.name]
    found = [find_preset(name, blame="presets") for name in asked]
    if options.json:
        said = [_as_data(each) for each in found]
        print(json.dumps(said if options.name is None else said[0]))
        return 0
    if options.markdown:
        print("\n".join(map(_as_markdown, found)), end="")
        return 0
    console = Console()
    with quiet_without_reader(console):
        if options.name is None:
            _print_all(console, found)
        else:
            _print_whole(console, found[0])
    return 0


def _print_all(console: Console, found: Sequence[Preset]) -> None:
    table = Table("preset", "what it is")
    for each in found:
        table.add_row(Text(each.name, style="bold", overflow="fold"), _grid(_in_short(each)), end_section=True)
    console.print(table)
    console.print(f"to train one:      {_command('train', '--preset', 'NAME')}", highlight=False, markup=False)
    console.print(f"everything of one: {_command('presets', 'NAME')}", highlight=False, markup=False)


def _print_whole(console: Console, preset: Preset) -> None:
    head = preset.head
    said: dict[str, str | Sequence[str]] = {**_in_short(preset)}
    if head.beneath is not None:
        said["lies over"] = head.beneath
    said |= {"kept": head.kept, "corrected": head.corrected, "games": ", ".join(head.games)}
    if preset.faithful:
        said["--faithful"] = [f"{key}: {json.dumps(value)}" for key, value in _plain(preset.faithful).items()]
    said |= {
        "train": _train(preset),
        "its values": _command("config", "--preset", preset.name),
        "file": _shown_file(preset),
    }
    console.print(Text(preset.name, style="bold"))
    console.print(_grid({key: value for key, value in said.items() if value}))


def _in_short(preset: Preset) -> dict[str, str]:
    head = preset.head
    return {
        "trains": f"{head.algo} on {head.env}",
        "source": head.source,
        "cost": head.cost,
        "expected": head.expected or _UNKNOWN,
    }


def _grid(said: Mapping[str, str | Sequence[str]]) -> Table:
    """A word and what it says, as wide as there is room; several texts are lines with a dash."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for word, texts in said.items():
        lines = [texts] if isinstance(texts, str) else [f"- {each}" for each in texts]
        for index, line in enumerate(lines):
            grid.add_row(Text("" if index else word, style="dim"), Text(line))
    return grid


def _as_data(preset: Preset) -> dict[str, Any]:
    return {
        "name": preset.name,
        **asdict(preset.head),
        "faithful": _plain(preset.faithful),
        "file": _shown_file(preset),
        "command": _train(preset),
    }


def _as_markdown(preset: Preset) -> str:
    """A section of a page."""
    head, file = preset.head, preset.path.name
    said: dict[str, str | Sequence[str]] = {**_in_short(preset), "kept": head.kept, "corrected": head.corrected}
    said["trains"] = f"`{head.algo}` on `{head.env}`" + (f", and {', '.join(head.games)}" if head.games else "")
    if head.beneath is not None:
        said["lies over"] = f"[{head.beneath}](#{head.beneath})"
    if preset.faithful:
        said["`--faithful`"] = ", ".join(f"`{key}: {value}`" for key, value in _plain(preset.faithful).items())
    lines = [f"## {preset.name}", "", f"[{file}](../{_shown_file(preset)})", ""]
    lines += [f"- {word}: {each if isinstance(each, str) else '; '.join(each)}" for word, each in said.items() if each]
    return "\n".join([*lines, ""])


def _plain(layer: Mapping[str, Located]) -> dict[str, Any]:
    return flatten({key: value.plain() for key, value in layer.items()})


def _shown_file(preset: Preset) -> str:
    return shipped(f"{PRESETS}/{preset.path.name}")[1]


def _train(preset: Preset) -> str:
    return _command("train", "--preset", preset.name)


def _command(verb: str, *words: str) -> str:
    return shlex.join([python_to_type(), "-m", f"dqn_zoo_ext.{verb}", *words])


if __name__ == "__main__":
    run_verb(main)
