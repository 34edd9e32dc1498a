"""A bar of games played, for verbs that measure; where there is no terminal, a line now and then."""

import contextlib
import sys
import threading
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


_SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def games_bar(options: Namespace, what: str, line: str = "") -> Iterator[GamesBar]:
    """The bar, which is gone when the games are; without a terminal lines; ``--verbose 0``: none of them."""
    seen = Console(stderr=True).is_terminal
    console = Console(stderr=True, quiet=options.verbose < 1 or not seen)
    with Progress(console=console, transient=True) as bar:
        said = line if options.verbose > 0 and not seen else ""
        task = bar.add_task(what, total=None)
        with contextlib.nullcontext() if seen or options.verbose < 1 else _told_now_and_then(bar, what):
            yield GamesBar(bar, task, said)


@contextmanager
def _told_now_and_then(bar: Progress, what: str) -> Iterator[None]:
    """In a thread: a game may take longer than a reader waits for a word."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(_SECONDS_BETWEEN_LINES):
            (task,) = bar.tasks
            total = "" if task.total is None else f" of {task.total:,.0f}"
            print(f"{what}: {task.completed:,.0f}{total} played", file=sys.stderr, flush=True)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
