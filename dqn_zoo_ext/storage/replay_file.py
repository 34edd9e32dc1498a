"""The replay ring as a safetensors file: plain tensors, nothing that could run when it is read."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.storage.atomic import plain_os_errors, replacing


def write_replay(ring: FrameRing, path: Path) -> None:
    """Write the ring whole or not at all. UserError if it cannot be written."""
    with replacing(path) as temporary, plain_os_errors(f"cannot write {path}"):
        try:
            save_file(ring.state(), temporary)
        except SafetensorError as error:  # also for a full disk
            raise UserError(f"cannot write {path}: {error}") from error


def read_replay(ring: FrameRing, path: Path) -> None:
    """Fill a ring of the same size. UserError if the file is damaged or of another size."""
    try:
        with plain_os_errors(f"cannot read {path}"):
            ring.load_state(load_file(path))
    except UserError:
        raise
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(f"replay file {path} does not fit this run: {error}") from error
