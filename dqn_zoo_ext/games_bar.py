"""A bar of games played, for verbs that measure."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress, TaskID

from dqn_zoo_ext.words import counted


@dataclass(frozen=True)
class GamesBar:
    """What is being measured, how many games of it there are and have been. Shown on terminals only.

    line: said once when the number is known, where there is no bar to see; empty for nothing.
    """

    bar: Progress
    task: TaskID
    line: str

    def total(self, games: int) -> None:
        """So many games will be played."""
        self.bar.update(self.task, total=games)
        if self.line:
            print(f"{self.line}: {counted(games, 'game')}", file=sys.stderr, flush=True)

    def played(self, games: int) -> None:
        """So many have been."""
        self.bar.update(self.task, completed=games)

    def game(self, *_: object) -> None:
        """Another one has been, whatever came of it."""
        self.bar.advance(self.task)


@contextmanager
def games_bar(options: Namespace, what: str, line: str = "") -> Iterator[GamesBar]:
    """The bar, which is gone when the games are; ``--verbose 0``: none, and no line."""
    seen = Console(stderr=True).is_terminal
    console = Console(stderr=True, quiet=options.verbose < 1 or not seen)
    with Progress(console=console, transient=True) as bar:
        said = line if options.verbose > 0 and not seen else ""
        yield GamesBar(bar, bar.add_task(what, total=None), said)
