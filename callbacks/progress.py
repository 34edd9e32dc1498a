"""How far the training is: a live bar on a terminal, a line now and then in a log file."""

import contextlib
import time
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from stable_baselines3.common.callbacks import BaseCallback

_SECONDS_BETWEEN_LINES = 15.0
_SECONDS_BETWEEN_REFRESHES = 0.5
_SECONDS_OF_SPEED = 20.0


class Progress(BaseCallback):
    """Shows agent steps, speed, score (mean of the last games), epsilon and the time left.

    Before learning starts agent steps are many times faster, so it says when that will be instead of the time left.
    live: a bar that redraws itself; otherwise a plain line every 15 seconds. None: a bar if `console` is a terminal.
    """

    def __init__(self, console: Console, live: bool | None = None) -> None:
        super().__init__()
        self._console = console
        self._live = console.is_terminal if live is None else live
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._next_time = 0.0
        self._past: list[tuple[float, int]] = []
        self._learns_after = 0
        self._learns = True

    def _on_training_start(self) -> None:
        self._past = [(time.monotonic(), self.num_timesteps)]
        self._learns_after = int(getattr(self.model, "learns_after", getattr(self.model, "learning_starts", 0)))
        self._learns = self.num_timesteps > self._learns_after
        if self._live:
            self._bar = Bar(
                TextColumn("{task.completed:,.0f} / {task.total:,.0f} agent steps"),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[status]}"),
                TimeElapsedColumn(),
                console=self._console,
            )
            self._task = self._bar.add_task("", total=self.model._total_timesteps, status="")
            self._bar.start()
        self._next_time = time.monotonic() + (0 if self._live else _SECONDS_BETWEEN_LINES)

    def _on_step(self) -> bool:
        if not self._learns and self.num_timesteps > self._learns_after:
            self._learns = True
            self._past = [(time.monotonic(), self.num_timesteps)]  # from here on it is another speed
        if time.monotonic() >= self._next_time:
            self._show()
        return True

    def _on_training_end(self) -> None:
        self.stop()

    def say(self, line: str) -> None:
        """Print a line above the bar. Nothing, if the reader of our output has gone: the training goes on."""
        with quiet_without_reader(self._console):
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def stop(self) -> None:
        """Show the last state and leave the terminal as it was; may be called twice, also after an exception."""
        if self._bar is not None:
            self._show()
            with quiet_without_reader(self._console):
                self._bar.stop()
            self._bar = None

    def _show(self) -> None:
        with quiet_without_reader(self._console):
            self._show_to_reader()

    def _show_to_reader(self) -> None:
        now = time.monotonic()
        self._next_time = now + (_SECONDS_BETWEEN_REFRESHES if self._live else _SECONDS_BETWEEN_LINES)
        self._past.append((now, self.num_timesteps))
        while len(self._past) > 2 and self._past[0][0] < now - _SECONDS_OF_SPEED:
            del self._past[0]
        status = self._status()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self.num_timesteps, status=status)
        else:
            self.say(f"{self.num_timesteps:,} / {self.model._total_timesteps:,} agent steps, {status}")

    def _status(self) -> str:
        (begun, steps_then), (now, steps_now) = self._past[0], self._past[-1]
        speed = (steps_now - steps_then) / max(now - begun, 1e-9)
        parts = [f"{speed:,.0f}/s"]
        if self.model.ep_info_buffer:
            parts.append(f"score {np.mean([game['r'] for game in self.model.ep_info_buffer]):,.1f}")
        parts.append(f"epsilon {getattr(self.model, 'exploration_rate', 0.0):.3f}")
        if not self._learns and self._learns_after < self.model._total_timesteps:
            parts.append(f"learning starts at {self._learns_after:,}")
        elif speed > 0:
            seconds_left = (self.model._total_timesteps - self.num_timesteps) / speed
            parts.append(f"{timedelta(seconds=round(max(seconds_left, 0)))} left")
        return ", ".join(parts)


@contextlib.contextmanager
def quiet_without_reader(console: Console) -> Iterator[None]:
    """Printing in the block does nothing any more once the reader of our output has gone (`| head`)."""
    try:
        yield
    except (OSError, SystemExit):  # rich ends the process with the latter when a pipe has no reader any more
        console.quiet = True
