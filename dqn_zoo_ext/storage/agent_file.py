"""An agent's zip file in SB3's format, written whole and read without running anything that stands in it.

``stable_baselines3.DQN.load`` unpickles a dozen entries of the member ``data``, so that a stranger's file can run code.
Here only the tensors (``torch.load(weights_only=True)``) and three plain integers of the JSON are read.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.learning.saved.whole_tensors import what_is_wrong
from dqn_zoo_ext.storage.archive import GIGABYTE, read_member, stored_again
from dqn_zoo_ext.storage.atomic import plain_os_errors, replacing

_ANY_ZIP, _ZIP_MAGIC = b"PK", b"PK\x03\x04"
_MOST_BYTES = 2 * GIGABYTE


@dataclass(frozen=True)
class Counters:
    """How far an agent had come when it was saved."""

    num_timesteps: int
    """agent steps, over all environments"""
    n_updates: int
    episodes: int


def write_agent(model: BaseAlgorithm, path: Path) -> None:
    """``model.save``, but whole or not at all: a killed process leaves no half-written zip under the name `path`."""
    with replacing(path) as temporary, plain_os_errors(f"cannot write {path}"), temporary.open("wb") as file:
        model.save(file)


def read_policy_weights(path: Path) -> dict[str, Tensor]:
    """The policy's state dict, on the CPU. UserError if the file is absent, damaged, or holds anything but tensors."""
    weights = _read_tensors(path, "policy.pth")
    if not all(isinstance(name, str) and isinstance(weight, Tensor) for name, weight in weights.items()):
        raise UserError(f"agent file {path}: 'policy.pth' holds something that is not a tensor")
    for name, weight in weights.items():
        wrong = what_is_wrong(weight) if name.isprintable() else "is no name that can be shown"
        if wrong is not None:
            raise UserError(f"agent file {path}: {name!r:.100} in 'policy.pth' {wrong}")
    return dict(weights)


def read_optimizer_state(path: Path) -> dict[str, Any]:
    """The optimizer's state dict, on the CPU, for ``load_optimizer_state``: nothing of the state itself is checked.

    UserError if the file is absent or damaged, or this is no state dict of an optimizer.
    """
    state = _read_tensors(path, "policy.optimizer.pth")
    if not {"state", "param_groups"} <= state.keys():
        raise UserError(f"agent file {path}: 'policy.optimizer.pth' is not the state of an optimizer")
    return dict(state)


def read_counters(path: Path) -> Counters:
    """Agent steps, updates and episodes so far. UserError as in read_policy_weights."""
    try:
        data = json.loads(_read_member(path, "data"))
    except (ValueError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"agent file {path}: its member 'data' is not JSON") from error
    if not isinstance(data, dict):
        raise UserError(f"agent file {path}: its member 'data' is not a JSON object")
    return Counters(*(_counter(data, key, path) for key in ("num_timesteps", "_n_updates", "_episode_num")))


def write_for_sharing(source: Path, target: Path) -> None:
    """Copy an agent with room for one transition, so that who loads it does not reserve memory for a whole replay.

    Nothing else in it is changed or read. UserError as in read_policy_weights.
    """
    with plain_os_errors(f"cannot read agent file {source}"), zipfile.ZipFile(source) as archive:
        names = archive.namelist()
    with replacing(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in names:
            content = _read_member(source, name)
            if name == "data":
                content = json.dumps({**json.loads(content), "buffer_size": 1}, indent=4).encode()
            archive.writestr(zipfile.ZipInfo(name), content)  # no time in it: the same agent, the same bytes


def _counter(data: Mapping[str, object], key: str, path: Path) -> int:
    value = data.get(key)
    if type(value) is not int or value < 0:  # a bool is an int to Python, and no counter
        raise UserError(f"agent file {path}: '{key}' is no counter: {one_line(str(value))[:40]}")
    return value


def _read_tensors(path: Path, member: str) -> Mapping[Any, Any]:
    content = _read_member(path, member)
    try:
        file = stored_again(content, path, _MOST_BYTES) if content.startswith(_ANY_ZIP) else io.BytesIO(content)
        state = torch.load(file, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except Exception as error:  # damaged input makes torch raise nearly anything
        raise UserError(f"agent file {path}: '{member}' cannot be read as plain tensors") from error
    if not isinstance(state, Mapping):
        raise UserError(f"agent file {path}: '{member}' holds no state dict")
    return state


def _read_member(path: Path, member: str) -> bytes:
    try:
        with plain_os_errors(f"cannot read agent file {path}"), zipfile.ZipFile(path) as archive:
            if member not in archive.namelist():
                raise UserError(f"agent file {path} has no member '{member}': cut short, or no agent that SB3 saved")
            return read_member(archive, member, path, _MOST_BYTES)
    except UserError:
        raise
    except zipfile.BadZipFile as error:
        raise UserError(f"agent file {path} {_what_is_wrong(path)}") from error
    except Exception as error:  # a flipped bit in a header: encrypted, an unknown compression, a name in no encoding
        raise UserError(f"agent file {path} is damaged: {type(error).__name__} in its member '{member}'") from error


def _what_is_wrong(path: Path) -> str:
    with path.open("rb") as file:
        begins_as_zip = file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC
    if not begins_as_zip:
        return "is not a zip file"
    return "is damaged (its checksum is wrong)" if zipfile.is_zipfile(path) else "is cut short or damaged"
