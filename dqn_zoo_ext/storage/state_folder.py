"""A small state that is written again and again: the last whole one is there, whenever the process is killed."""

import contextlib
import secrets
import shutil
from pathlib import Path

from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.exact.state_file import read_state, write_state


class StateFolder:
    """``path/state_N`` is the newest; a half-written one has another name until it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, state: State) -> bool:
        """Write `state`, then remove what was there. False, and nothing new is left, if it cannot be written."""
        older = self._states()
        number = int(older[-1].name.removeprefix("state_")) + 1 if older else 0
        temporary = self.path / f".writing_{secrets.token_hex(4)}"
        try:
            temporary.mkdir(parents=True)
            write_state(state, temporary)
            temporary.rename(self.path / f"state_{number:06d}")
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            return False
        for folder in older:
            shutil.rmtree(folder, ignore_errors=True)
        return True

    def is_there(self) -> bool:
        """Whether a state lies there."""
        return bool(self._states())

    def read(self) -> State | None:
        """The newest state that can be read; None if there is none."""
        for folder in reversed(self._states()):
            with contextlib.suppress(OSError, ValueError):
                return read_state(folder)
        return None

    def remove(self) -> None:
        """Remove it, and the folder above if nothing else is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()

    def _states(self) -> list[Path]:
        return sorted(self.path.glob("state_*")) if self.path.is_dir() else []
