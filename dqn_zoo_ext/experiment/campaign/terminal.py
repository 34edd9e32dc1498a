"""A campaign's tables as they are printed: as wide as they need where nobody looks, folded where a person does."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from dqn_zoo_ext.evaluation.across_games import Improvement
from dqn_zoo_ext.evaluation.aggregates import TOO_FEW
from dqn_zoo_ext.experiment.campaign.table import Heading, Summary, for_terminal, notes_under

_UNBOUNDED = 100_000
_NARROWEST_NAME, _NARROWEST_HEAD = 8, 11
_BREAKS = {" +/- ": "\n+/- ", " [": "\n[", f", {TOO_FEW}": f",\n{TOO_FEW}"}
"""Where a number may be broken on a narrow terminal."""


def print_scores(console: Console, found: Sequence[Summary], heading: Heading) -> None:
    """The scores, with what each variant changes and what must be said of them below."""
    _say(console, heading.title(found))
    head, sections = for_terminal(found, heading.reference)
    _print(console, head, sections)
    for line in notes_under(found):
        _say(console, line)


def print_improvements(console: Console, better: Sequence[Improvement]) -> None:
    """Who is better."""
    _say(console, "probability of improvement, with its interval of 95 %")
    lines = [
        [pair_of(each), each.probability.told, str(len(each.games)), f"{each.runs} and {each.runs_over}"]
        for each in better
    ]
    _print(console, ["variants", "probability", "games", "runs"], {"": lines})


def pair_of(each: Improvement) -> str:
    """The two that are compared."""
    return f"{each.variant} over {each.over}"


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _print(console: Console, head: Sequence[str], sections: Mapping[str, Sequence[Sequence[str]]]) -> None:
    """Cells of the first column are names, which may be folded; all others are numbers, of which no digit is lost."""
    room, table = console.width, _table(head, sections)
    if console.is_terminal and _width(table) > room:
        broken = {name: [[line[0], *map(_broken, line[1:])] for line in lines] for name, lines in sections.items()}
        table = _table([head[0], *(each.replace(" ", "\n") for each in head[1:])], broken, _NARROWEST_HEAD)
    names = _longest([head[0], *sections, *(line[0] for lines in sections.values() for line in lines)])
    needed = _width(table) - (max(0, names - _NARROWEST_NAME) if console.is_terminal else 0)
    console.width = max(room, needed)  # a line that is too long is wrapped by the terminal, and nothing is cropped
    try:
        console.print(table)
    finally:
        console.width = room


def _table(
    head: Sequence[str], sections: Mapping[str, Sequence[Sequence[str]]], longest_head: int = _UNBOUNDED
) -> Table:
    table = Table()
    every = [line for lines in sections.values() for line in lines]
    table.add_column(Text(head[0]), overflow="fold")
    for index, name in enumerate(head[1:], start=1):
        width = max(min(_longest([name]), longest_head), _longest(["", *(line[index] for line in every)]))
        table.add_column(Text(name), overflow="fold", width=width)
    for name, lines in sections.items():
        if name:
            table.add_section()
            table.add_row(Text(name, style="bold"))
        for line in lines:
            table.add_row(*map(Text, line))  # texts: brackets are no markup
    return table


def _longest(cells: Sequence[str]) -> int:
    return max(Text(line).cell_len for cell in cells for line in cell.split("\n"))


def _width(table: Table) -> int:
    wide = Console(width=_UNBOUNDED)
    return Measurement.get(wide, wide.options, table).maximum


def _broken(cell: str) -> str:
    for at, instead in _BREAKS.items():
        cell = cell.replace(at, instead)
    return cell
