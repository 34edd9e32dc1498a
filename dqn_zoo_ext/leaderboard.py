"""``python -m dqn_zoo_ext.leaderboard``: the Hub's agents for a game, ranked."""

import csv
import io
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dqn_zoo_ext.callbacks.progress import quiet_without_reader
from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.values import whole_number
from dqn_zoo_ext.cli.verb import prepare, run_verb
from dqn_zoo_ext.envs.ids import EnvId, resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.protocols import PROTOCOLS
from dqn_zoo_ext.sharing.account import NAME
from dqn_zoo_ext.sharing.board_page import BoardPage, write_board_page
from dqn_zoo_ext.sharing.leaderboard import BoardEntry, Leaderboard, make_leaderboard
from dqn_zoo_ext.sharing.listing import list_models
from dqn_zoo_ext.sharing.patience import Patience, client
from dqn_zoo_ext.storage.atomic import write_atomically
from dqn_zoo_ext.words import counted

_COLUMNS = ("rank", "repo_id", "algo", "result", "mean", "std", "protocol", "games", "video", "updated", "mine")

_WIDTH_OF_FILES = 160

_DESCRIPTION = """\
List the Hugging Face Hub's agents for a game, ranked by mean - std as their cards state it, and how each was measured.
Cards that cannot be read are left out and counted. Nothing is downloaded but the list, and no token is sent."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.leaderboard --env SpaceInvadersNoFrameskip-v4
  python -m dqn_zoo_ext.leaderboard --env SpaceInvadersNoFrameskip-v4 --mine USER
  python -m dqn_zoo_ext.leaderboard --env PongNoFrameskip-v4 --csv pong.csv --page index.html

The page is one file for any web server or a static Space; it fetches a replay from the Hub on a click. Exit code 75:
the Hub could not be reached, try again later."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, list, print, write."""
    options = _parser().parse(arguments)
    prepare(options)
    env = resolve(options.env)
    if options.mine is not None and NAME.fullmatch(options.mine) is None:
        raise UserError(f"--mine: nobody on the Hub can be called {options.mine!r:.100}")
    for option, path in (("--csv", options.csv), ("--page", options.page)):
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise UserError(f"{option}: cannot write {str(path)!r}: give a file's name in a folder that is there")
    console = Console(quiet=options.verbose < 1)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH_OF_FILES)  # so that no name is broken for who greps

    def say(line: str) -> None:
        with quiet_without_reader(console):
            console.print(line, highlight=False, markup=False, soft_wrap=True)

    api = client()
    listing = list_models([env.gym_id, "reinforcement-learning"], api, Patience(float(options.retry_seconds)), say)
    board = make_leaderboard(env.gym_id, listing, options.mine)
    if board.entries:
        with quiet_without_reader(console):
            console.print(_table(board, options.limit))
    else:
        say(f"{board.env}: no agent with a score on the Hub")
    for line in _said_below(board, options):
        say(line)
    if options.csv is not None:
        write_atomically(options.csv, _as_csv(board))
        say(f"the whole table: {options.csv}")
    if options.page is not None:
        made = datetime.now(UTC).date()
        pass_mark = PROTOCOLS["course-unit3"].pass_mark_on(env.game)
        write_board_page(BoardPage(board, _title(env), api.endpoint, made, pass_mark), options.page)
        say(f"the page: {options.page} (open it in a browser, or put it on a web server)")
    return 0


def _parser() -> Parser:
    parser = Parser("leaderboard", _DESCRIPTION, _EXAMPLES)
    parser.add_argument(
        "--env",
        default="SpaceInvadersNoFrameskip-v4",
        help="the game, by the id that agents are tagged with (default: SpaceInvadersNoFrameskip-v4)",
    )
    parser.add_argument("--mine", metavar="USER", help="mark and find the agents of this user or organization")
    parser.add_argument(
        "--limit",
        type=whole_number(0),
        default=20,
        metavar="N",
        help="the best N in the terminal (default: 20; 0: all); files have all",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table as CSV")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write a web page to search and sort, with replays")
    parser.add_retry_option()
    parser.add_plug_in_options()
    return parser


def _table(board: Leaderboard, limit: int) -> Table:
    """The best `limit` (0: all), and one's own wherever they are."""
    title = f"{board.env}: {counted(len(board.entries), 'agent')} by mean - std"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("rank", "mean - std", "mean +/- std", "evaluated by", "agent"):
        number = column not in ("evaluated by", "agent")
        table.add_column(column, justify="right" if number else "left", overflow="fold", no_wrap=number)
    best = board.entries[: limit or None]
    own = [entry for entry in board.entries[len(best) :] if entry.mine]
    for entry in (*best, *own):
        table.add_row(*_cells(entry), style="bold" if entry.mine else "")
    return table


def _cells(entry: BoardEntry) -> list[Text]:
    rank = f"{'* ' if entry.mine else ''}{entry.rank}"
    score = f"{entry.mean:,.2f} +/- {entry.std:,.2f}"
    return [Text(cell) for cell in (rank, f"{entry.result:,.2f}", score, entry.evaluated, entry.repo_id)]


def _said_below(board: Leaderboard, options: Namespace) -> list[str]:
    lines = []
    if options.mine is not None and board.entries:
        best = next(iter(board.mine), None)
        lines.append(
            f"no agent of {options.mine} has a score here"
            if best is None
            else f"* yours: {len(board.mine)}; the best, {best.repo_id}, is number {best.rank} of {len(board.entries)}"
        )
    if board.left_out:
        reasons = ", ".join(f"{reason} {count}" for reason, count in board.left_out.items())
        lines.append(f"left out: {sum(board.left_out.values())} ({reasons})")
    if not board.complete:
        lines.append("the Hub has more agents of this game than were taken")
    return lines


def _as_csv(board: Leaderboard) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for entry in board.entries:
        cells = (getattr(entry, column) for column in _COLUMNS)
        writer.writerow([int(cell) if isinstance(cell, bool) else "" if cell is None else cell for cell in cells])
    return text.getvalue()


def _title(env: EnvId) -> str:
    return env.game.replace("_", " ").title() if env.game is not None else env.gym_id


if __name__ == "__main__":
    run_verb(main)
