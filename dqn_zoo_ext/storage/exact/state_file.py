"""A ``State`` as two files: a JSON of everything plain, and a safetensors file of the arrays. Nothing is pickled."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.exact.tensor_file import read_tensors, write_tensors

PLAIN, ARRAYS = "state.json", "state.safetensors"
# what stands in the JSON for an array: {"$array": its name in the other file}; for a number of numpy's, {"$number":
# [its type, the number]}, as it is written in another way than Python's when it comes to the log
_TENSOR, _ARRAY, _NUMBER = "$tensor", "$array", "$number"


def write_state(state: State, folder: Path) -> None:
    """Write both files into `folder` and flush them. OSError if that fails, TypeError for what is no plain data."""
    arrays: dict[str, Tensor] = {}
    plain = _without_arrays(state, "", arrays)
    write_tensors(folder / ARRAYS, {name: [array] for name, array in arrays.items()})
    with (folder / PLAIN).open("x", encoding="utf-8") as file:
        json.dump(plain, file)
        file.flush()
        os.fsync(file.fileno())


def read_state(folder: Path) -> State:
    """The state that lies in `folder`. OSError, or ValueError if it is damaged."""
    arrays = read_tensors(folder / ARRAYS)
    try:
        state = _with_arrays(json.loads((folder / PLAIN).read_text(encoding="utf-8")), arrays)
    except (KeyError, RecursionError) as error:
        raise ValueError(f"{PLAIN} is damaged: {error}") from error
    if not isinstance(state, dict):
        raise ValueError(f"{PLAIN} holds no state")
    return state


def copied(state: Any) -> Any:
    """The same state with arrays of its own, in main memory: what it was taken from may go on."""
    if isinstance(state, Mapping):
        return {key: copied(each) for key, each in state.items()}
    if isinstance(state, list | tuple):
        return [copied(each) for each in state]
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    return state.copy() if isinstance(state, np.ndarray) else state


def _without_arrays(value: Any, name: str, arrays: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor | np.ndarray):
        kind = _TENSOR if isinstance(value, Tensor) else _ARRAY
        while name in arrays or name == "__metadata__":  # "a.b" may be b in a, or a key with a point in it
            name += "'"
        arrays[name] = value if isinstance(value, Tensor) else _as_tensor(value, name)
        return {kind: name}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and key not in (_TENSOR, _ARRAY, _NUMBER) for key in value):
            raise TypeError(f"state '{name}': only text can be a key, and no reserved word, not {list(value)}")
        return {key: _without_arrays(each, f"{name}.{key}".lstrip("."), arrays) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(each, f"{name}.{index}", arrays) for index, each in enumerate(value)]
    if isinstance(value, np.bool_ | np.integer | np.floating):
        return {_NUMBER: [value.dtype.name, value.item()]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"state '{name}' is no plain data: {type(value).__name__}")


def _as_tensor(array: np.ndarray, name: str) -> Tensor:
    if array.dtype.kind not in "biuf" or not array.dtype.isnative:
        raise TypeError(f"state '{name}' is no plain data: an array of {array.dtype}")
    return torch.from_numpy(array if array.flags.c_contiguous and array.flags.writeable else array.copy("C"))


def _with_arrays(value: Any, arrays: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_with_arrays(each, arrays) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_TENSOR}:
        return arrays[value[_TENSOR]]
    if value.keys() == {_ARRAY}:
        return arrays[value[_ARRAY]].numpy()
    if value.keys() == {_NUMBER}:
        return np.dtype(value[_NUMBER][0]).type(value[_NUMBER][1])
    return {key: _with_arrays(each, arrays) for key, each in value.items()}
