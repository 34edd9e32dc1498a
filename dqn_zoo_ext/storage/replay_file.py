"""The replay ring as a safetensors file: plain tensors, nothing that could run when it is read."""

from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load_file, save_file

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.storage.atomic import plain_os_errors, replacing


def write_replay(replay: Any, path: Path) -> None:
    """Write a FrameRing whole or not at all. UserError for any other buffer."""
    with replacing(_of_ring(replay, path)) as temporary, plain_os_errors(f"cannot write {path}"):
        save_file(replay.state(), temporary)


def read_replay(replay: Any, path: Path) -> None:
    """Fill a FrameRing of the same size from a file. UserError if the file is damaged or of another size."""
    _of_ring(replay, path)
    try:
        with plain_os_errors(f"cannot read {path}"):
            replay.load_state(load_file(path))
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"replay file {path} does not fit this run: {error}") from error


def _of_ring(replay: Any, path: Path) -> Path:
    if not isinstance(replay, FrameRing):
        raise UserError(f"{path}: only replay_buffer_class: frame_ring can be kept, not {type(replay).__name__}")
    return path
