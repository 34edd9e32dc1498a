"""The log of finished games: SB3's ``monitor.csv``, with raw scores, and lengths in agent steps."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, SupportsFloat

import gymnasium
from gymnasium.core import ActType, ObsType
from stable_baselines3.common.monitor import Monitor, ResultsWriter

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.state import State

_ENV = "env"


class GameLog:
    """Makes the ``episode`` entry of an info, and writes it to a csv file if there is one.

    path: a file whose name ends in ``monitor.csv``; a file that exists is continued, with its clock, so that a resumed
        run keeps one history. None: no file. Its clock counts the time between two processes too, until `load_state`
        sets it to what it was.
    env_id: goes into the file's header.
    shared: the file holds the games of several environments; its column ``env`` says of which one each game is. A file
        that was begun without the column, by an earlier version, goes on without.
    """

    def __init__(self, path: Path | None, env_id: str, shared: bool = False) -> None:
        self._clock_began = time.time()
        self._names_env = shared
        self._writer: ResultsWriter | None = None
        if path is None:
            return
        if not path.name.endswith(Monitor.EXT):
            raise UserError(f"monitor file '{path}' must end in '{Monitor.EXT}', or SB3 would not find it")
        new = not path.exists()
        if not new:
            self._clock_began = _clock_of(path)
            self._names_env = shared and _has_column(path, _ENV)
        header: dict[str, float | str] = {"t_start": self._clock_began, "env_id": env_id}
        try:
            columns = (_ENV,) if self._names_env else ()
            self._writer = ResultsWriter(str(path), header=header, extra_keys=columns, override_existing=new)
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}") from error

    def finish(self, score: float, agent_steps: int, env: int = 0) -> dict[str, float]:
        """Note a finished game. Returns Monitor's entry: r the raw score, l agent steps, t seconds since the start.

        env: the number of its environment, for a shared file.
        """
        game = {"r": round(score, 6), "l": agent_steps, "t": round(time.time() - self._clock_began, 6)}
        if self._writer is not None:
            try:
                self._writer.write_row({**game, _ENV: env} if self._names_env else game)
            except OSError as error:
                raise UserError(f"cannot write {self._writer.file_handler.name}: {error.strerror}") from error
        return game

    def state(self) -> State | None:
        """How many bytes the file has, all of them on the disk, and the seconds on its clock; None without a file."""
        if self._writer is None:
            return None
        file = self._writer.file_handler
        file.flush()
        os.fsync(file.fileno())
        return {"bytes": os.fstat(file.fileno()).st_size, "seconds": time.time() - self._clock_began}

    def load_state(self, state: State | int | None) -> None:
        """Cut the file back to the bytes it had: games that ended later are to be played again. The clock goes on from
        its seconds; in a state of an earlier version, the bytes alone, there are none, and it stays as it is.

        ValueError if it has fewer, or is gone; then it is left as it is. A log that had no file has nothing to cut.
        """
        if state is None:
            return
        length = state if isinstance(state, int) else state["bytes"]
        if self._writer is None:
            raise ValueError(f"the log of games had a file of {length} bytes when the state was saved; now it has none")
        file = self._writer.file_handler
        size = os.fstat(file.fileno()).st_size
        if size < length or not Path(file.name).exists():
            raise ValueError(f"'{file.name}' is gone or was cut: it had {length} bytes when the state was saved")
        file.seek(length)
        file.truncate()
        if not isinstance(state, int):
            self._clock_began = time.time() - state["seconds"]

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Within this block games are not written: they are replayed, and stand in the file already."""
        writer, self._writer = self._writer, None
        try:
            yield
        finally:
            self._writer = writer

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class GameMonitor(gymnasium.Wrapper[ObsType, ActType, ObsType, ActType]):
    """The wrapper above all that make the game: logs games, and counts their length in agent steps.

    SB3's Monitor stands beneath the Atari wrappers, so it sees raw scores, but counts frames, those of the no-op start
    included. This wrapper takes its score and counts the steps that the agent made.
    """

    def __init__(self, env: gymnasium.Env[ObsType, ActType], monitor: Monitor[ObsType, ActType], log: GameLog) -> None:
        super().__init__(env)
        self._monitor = monitor
        self._log = log
        self._agent_steps = 0
        self._rewards_of_game = monitor.rewards

    def step(self, action: ActType) -> tuple[ObsType, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step, and complete the ``episode`` entry where a game ended."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._agent_steps += 1
        if "episode" in info:
            info["episode"] = self._log.finish(info["episode"]["r"], self._agent_steps)
        return obs, reward, terminated, truncated, info

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObsType, dict[str, Any]]:
        """Reset; the count goes on if only a life was lost."""
        obs, info = self.env.reset(seed=seed, options=options)
        if self._monitor.rewards is not self._rewards_of_game:  # Monitor begins a new list with every game
            self._rewards_of_game = self._monitor.rewards
            self._agent_steps = 0
        return obs, info

    def close(self) -> None:
        """Close the environment and the log."""
        super().close()
        self._log.close()


def _clock_of(path: Path) -> float:
    try:
        with path.open() as lines:
            return float(json.loads(lines.readline().removeprefix("#"))["t_start"])
    except (ValueError, KeyError, TypeError):
        raise UserError(f"'{path}' is not a monitor file: its first line holds no t_start") from None


def _has_column(path: Path, name: str) -> bool:
    with path.open() as lines:
        next(lines)
        return name in next(lines, "").rstrip().split(",")
