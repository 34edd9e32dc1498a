"""Checkpoints for exact resume: whole or not there at all, checked before they are used, the replay written once.

In the run's folder::

    checkpoints/agent_steps_000000400000/     manifest.json  state.json  state.safetensors  best_model.zip
    checkpoints/replay/                       rows_..._....safetensors.gz, shared by all checkpoints
    checkpoints/.writing_...                  half-written: the process was killed; never used, removed in time
    checkpoints/damaged_...                   set aside because a checksum was wrong

A checkpoint is written under another name, flushed to the disk and renamed, its manifest last. Rows of the replay never
change until they are overwritten, so each is written once, in the first checkpoint that holds it.
"""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.saved.stored_rows import StoredRows
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.exact import manifest as manifests
from dqn_zoo_ext.storage.exact.manifest import Manifest, Segment, read_manifest, what_is_wrong
from dqn_zoo_ext.storage.exact.state_file import read_state, write_state
from dqn_zoo_ext.storage.exact.tensor_file import checksum, read_tensors, write_tensors
from dqn_zoo_ext.storage.results import Versions

BEST_MODEL = "best_model.zip"
_HELD = ".held_"
_SEGMENT_BYTES = 64 << 20  # at most, before compression: what is held in memory when it is read back
_COMPLETE = re.compile(r"agent_steps_(\d{12})")


@dataclass(frozen=True)
class Snapshot:
    """A run at one moment, to be written while it goes on.

    state: arrays of its own (``state_file.copied``). rows: the live replay, of which the checkpoint needs `first_row`
    to `last_row` (exclusive); those from `unsaved_row` on must stay as they are until it is written. best_model: what
    ``hold`` gave, moved into it.
    """

    agent_steps: int
    state: State
    rows: StoredRows | None
    first_row: int
    unsaved_row: int
    last_row: int
    best_model: Path | None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose every byte has been checked."""

    path: Path
    manifest: Manifest

    @property
    def agent_steps(self) -> int:
        """Agent steps of the run when it was taken."""
        return self.manifest.agent_steps

    @property
    def best_model(self) -> Path | None:
        """The best evaluated agent at that time."""
        return self.path / BEST_MODEL if BEST_MODEL in self.manifest.files else None

    def state(self) -> State:
        """The state that was saved. ValueError if it cannot be read, which a checked one can."""
        return read_state(self.path)

    def load_rows(self, rows: StoredRows) -> None:
        """Put the replay's rows back. ValueError or KeyError if they are those of another replay."""
        for segment in self.manifest.segments:
            rows.load_rows(segment.first, read_tensors(_replay_of(self.path.parent) / segment.file))


class CheckpointFolder:
    """A run's checkpoints, the last `keep` of which stay."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self._folder = folder
        self._keep = keep
        self._segments: tuple[Segment, ...] = ()

    def hold(self, best_model: Path) -> Path | None:
        """Keep the file as it is now, for a snapshot. None if it is not there; OSError if it cannot be kept."""
        held = self._folder / f"{_HELD}{secrets.token_hex(4)}.zip"
        self._folder.mkdir(exist_ok=True)
        try:
            os.link(best_model, held)  # free, and safe: an agent's file is replaced, never written into
        except FileNotFoundError:
            return None
        except OSError:  # a file system without such links
            try:
                shutil.copyfile(best_model, held)
            except OSError:
                held.unlink(missing_ok=True)
                raise
        return held

    def write(self, snapshot: Snapshot) -> None:
        """Write a checkpoint, then remove what none of the last ones needs. OSError if it cannot be written.

        Whatever goes wrong, and whenever the process is killed, the checkpoints that were there before stay usable;
        after an error nothing new is left. FileNotFoundError if the run's folder or a file of the replay is gone.
        """
        replay, added = _replay_of(self._folder), list[Segment]()
        try:
            replay.mkdir(exist_ok=True)
            kept = [each for each in self._segments if each.last > snapshot.first_row]
            for segment in kept:
                (replay / segment.file).stat()  # a checkpoint without it would be none
            if snapshot.rows is not None:
                added = _write_rows(snapshot.rows, snapshot.unsaved_row, snapshot.last_row, replay)
            self._write_folder(snapshot, (*kept, *added))
        except BaseException:
            _remove([replay / segment.file for segment in added])
            _remove([snapshot.best_model] if snapshot.best_model is not None else [])
            raise
        self._segments = (*kept, *added)
        _flush_folder(self._folder)
        with contextlib.suppress(OSError):  # the checkpoint is there; what is too much goes the next time
            self._remove_old()

    @property
    def rows_saved(self) -> int:
        """Rows of the replay, from the first ever added, that no checkpoint need write any more."""
        return self._segments[-1].last if self._segments else 0

    def go_on_from(self, checkpoint: Checkpoint, with_replay: bool = True) -> None:
        """Later checkpoints add to the replay that this one has, or begin one."""
        self._segments = checkpoint.manifest.segments if with_replay else ()

    def newest(self, with_replay: bool = True) -> tuple[Checkpoint | None, list[str]]:
        """The newest checkpoint that is whole, and a line for each that is not and was newer.

        Every byte is read and checked, those of the replay only if it is wanted. Nothing is changed. OSError if a file
        is there and cannot be read: that may pass, and is no reason to go on from an older one.
        """
        wrong = [f"{path.name}: half-written" for path in self._half_written()]
        for path in reversed(self._complete()):
            try:
                return self._checked(path, with_replay), wrong
            except (FileNotFoundError, NotADirectoryError) as error:
                wrong.append(f"{path.name}: {Path(str(error.filename)).name} is missing")
            except ValueError as error:
                wrong.append(f"{path.name}: {error}")
        return None, wrong

    def is_there(self) -> bool:
        """Whether anything lies there that looks like a checkpoint."""
        return bool(self._complete())

    def unchecked(self) -> dict[int, Path]:
        """All that look complete, by their agent steps, ascending."""
        return {int(path.name.removeprefix("agent_steps_")): path for path in self._complete()}

    def set_aside_newer(self, checkpoint: Checkpoint) -> None:
        """Rename all checkpoints newer than this one, which are damaged, so that their places are free."""
        for path in self._complete():
            if path.name > checkpoint.path.name:
                path.rename(path.with_name(f"damaged_{path.name}_{secrets.token_hex(4)}"))

    def _complete(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(path for path in self._folder.iterdir() if _COMPLETE.fullmatch(path.name))

    def _half_written(self) -> list[Path]:
        return sorted(self._folder.glob(".writing_*")) if self._folder.is_dir() else []

    def _checked(self, path: Path, with_replay: bool) -> Checkpoint:
        manifest = read_manifest(path / manifests.NAME)
        expected = [(path / name, content) for name, content in manifest.files.items()]
        if with_replay:
            expected += [(_replay_of(self._folder) / each.file, each.content) for each in manifest.segments]
        for file, content in expected:
            if (wrong := what_is_wrong(file, content)) is not None:
                raise ValueError(wrong)
        if int(path.name.removeprefix("agent_steps_")) != manifest.agent_steps:
            raise ValueError(f"its manifest is that of {manifest.agent_steps} agent steps")
        return Checkpoint(path, manifest)

    def _write_folder(self, snapshot: Snapshot, segments: tuple[Segment, ...]) -> None:
        name = f"agent_steps_{snapshot.agent_steps:012d}"
        temporary = self._folder / f".writing_{name}_{secrets.token_hex(4)}"
        try:
            temporary.mkdir()
            write_state(snapshot.state, temporary)
            if snapshot.best_model is not None:
                snapshot.best_model.rename(temporary / BEST_MODEL)
            files = {path.name: checksum(path) for path in sorted(temporary.iterdir())}
            manifest = Manifest(snapshot.agent_steps, Versions.here(), files, segments)
            _write_flushed(temporary / manifests.NAME, manifest.text().encode())
            _flush_folder(temporary)
            temporary.rename(self._folder / name)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _remove_old(self) -> None:
        """Checkpoints before the last `keep`, files of the replay that those do not name, and half-written ones."""
        complete = self._complete()
        for path in complete[: -self._keep]:
            # first another name: half of it is then never taken for a checkpoint
            path.rename(path.with_name(f".writing_{path.name}_{secrets.token_hex(4)}"))
        for path in self._half_written():
            shutil.rmtree(path, ignore_errors=True)
        for path in self._folder.glob(f"{_HELD}*"):
            path.unlink(missing_ok=True)
        needed = set()
        for path in complete[-self._keep :]:
            try:
                needed |= {segment.file for segment in read_manifest(path / manifests.NAME).segments}
            except (OSError, ValueError):  # damaged since it was written: nothing is removed on its word
                return
        for file in _replay_of(self._folder).iterdir():
            if file.name not in needed:
                file.unlink(missing_ok=True)


def _write_rows(rows: StoredRows, first: int, last: int, folder: Path) -> list[Segment]:
    made: list[Segment] = []
    try:
        for begin, end in _parts(rows, first, last):
            name = f"rows_{begin:012d}_{end:012d}_{secrets.token_hex(4)}.safetensors.gz"
            temporary = folder / f".writing_{name}"
            made.append(Segment(name, begin, end, write_tensors(temporary, rows.pieces(begin, end), compress=True)))
            temporary.rename(folder / name)
    except BaseException:
        _remove([*(folder / segment.file for segment in made), *folder.glob(".writing_*")])
        raise
    _flush_folder(folder)
    return made


def _remove(files: Iterable[Path]) -> None:
    """As far as that goes: the error that made it necessary is the one to tell."""
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def _parts(rows: StoredRows, first: int, last: int) -> Iterator[tuple[int, int]]:
    if first == last:
        return
    row_bytes = sum(piece.nbytes for pieces in rows.pieces(first, first + 1).values() for piece in pieces)
    step = max(1, _SEGMENT_BYTES // max(row_bytes, 1))
    for begin in range(first, last, step):
        yield begin, min(begin + step, last)


def _replay_of(folder: Path) -> Path:
    return folder / "replay"


def _write_flushed(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The policy's weights in the checkpoint at `path`, all that is needed to play. UserError if it is damaged."""
    try:
        manifest = read_manifest(path / manifests.NAME)
        for name, content in manifest.files.items():
            if (wrong := what_is_wrong(path / name, content)) is not None:
                raise ValueError(wrong)
        weights: dict[str, Tensor] = read_state(path)["model"]["policy"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"checkpoint {path} cannot be used: {error}") from error
    return weights
