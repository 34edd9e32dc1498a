"""TensorBoard's files, which can be cut back to an earlier state, so that a resumed run has no point twice."""

import contextlib
import itertools
import secrets
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import TensorBoardOutputFormat

from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically


class EventFiles(TensorBoardOutputFormat):
    """Stable-Baselines3's output for TensorBoard into `folder`.

    Every process that goes on with the run adds a file of its own; TensorBoard shows them as one. private: nobody else
    writes there, so that a file which is not among those of a state was made after it.
    """

    def __init__(self, folder: Path, private: bool = True) -> None:
        with plain_os_errors(f"cannot write event files in {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            _write_and_remove(folder / f".{secrets.token_hex(4)}")
            super().__init__(str(folder))
        self._folder = folder
        self._private = private
        self._made = [Path(self._events._file_name).name]
        # the thread that writes them would print a traceback when it fails; its error comes out of `write` all the
        # same. It has begun already, so whether there is space was tried before
        self._events._async_writer._worker._invoke_excepthook = lambda _: None

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Record and write out. UserError if that fails."""
        with plain_os_errors(f"cannot write event files in {self._folder}"):
            super().write(key_values, key_excluded, step)

    def close(self) -> None:
        """Close the files; what could not be written is left."""
        with contextlib.suppress(OSError):
            super().close()

    def state(self) -> State:
        """The run's files and their sizes in bytes, with all that was recorded written out."""
        self.writer.flush()
        return {path.name: path.stat().st_size for path in self._files() if path.name in self._made}

    def load_state(self, state: State) -> None:
        """Cut the run's files back to what they were. One that is shorter or gone is left so; later ones are removed
        where nobody else could have made them.
        """
        for path in self._files():
            if path.name in state and state[path.name] < path.stat().st_size:
                with path.open("r+b") as file:
                    file.truncate(state[path.name])
            elif self._private and path.name not in (*state, *self._made):
                path.unlink()
        self._made += [name for name in state if name not in self._made]

    @property
    def _events(self) -> Any:
        assert self.writer.file_writer is not None  # there is one until it is closed
        return self.writer.file_writer.event_writer

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("events.out.tfevents.*"))


def _write_and_remove(path: Path) -> None:
    try:
        path.write_bytes(bytes(4096))
    finally:
        path.unlink(missing_ok=True)


def claim_folder(parent: Path, name: str, record: Path) -> Path:
    """Make a folder that no other run has: ``<parent>/<name>``, or ``<parent>/<name>_2``... where there is one already.

    Runs of two log folders, or of two trials, may have one name, and TensorBoard draws the files of a folder as one
    run. record: a file of the run's own that says which it is. UserError if it cannot be made.
    """
    with plain_os_errors(f"cannot write event files in {parent}"):
        parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            path = parent / (name if number == 1 else f"{name}_{number}")
            with contextlib.suppress(FileExistsError):  # exactly one process can make it
                path.mkdir()
                write_atomically(record, f"{path.resolve()}\n")
                return path
    raise AssertionError  # there is always a further one


def claimed_folder(record: Path) -> Path | None:
    """What `claim_folder` has written there. None if it has not. UserError if it cannot be read."""
    if not record.is_file():
        return None
    with plain_os_errors(f"cannot read {record}"):
        return Path(record.read_text(encoding="utf-8", errors="surrogateescape").strip())
