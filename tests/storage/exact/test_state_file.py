"""A state through its two files: what comes back is what was given, to the bit, and nothing else is accepted."""

import json
import math
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dqn_zoo_ext.learning.saved.random_state import (
    generator_state,
    random_state,
    set_generator_state,
    set_random_state,
)
from dqn_zoo_ext.storage.exact.state_file import ARRAYS, PLAIN, copied, read_state, write_state

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from([2**64, -(2**200), 1 << 127])
)
states = st.dictionaries(
    st.text().filter(lambda key: not key.startswith("$")),
    st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc."), inner)),
    max_size=6,
)


def through_files(state: dict[str, Any], folder: Path) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    write_state(state, folder)
    return read_state(folder)


@given(states)
@settings(max_examples=150, deadline=None)
def test_plain_data_comes_back_with_its_types(tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any]) -> None:
    back = through_files(state, tmp_path_factory.getbasetemp() / "plain")
    assert _canonical(back) == _canonical(state)


def _canonical(value: Any) -> Any:
    """With each leaf's type, and floats by their bits, so that 1, 1.0 and True are told apart, and 0.0 and -0.0."""
    if isinstance(value, dict):
        return [(key, _canonical(each)) for key, each in value.items()]
    if isinstance(value, list):
        return [_canonical(each) for each in value]
    return type(value).__name__, struct.pack("d", value) if isinstance(value, float) else repr(value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, -0.0, 5e-324, 2.2e-308, 0.1, 1e308, 1 / 3])
def test_floats_come_back_bit_for_bit(value: float, tmp_path: Path) -> None:
    back = through_files({"value": value}, tmp_path / "state")["value"]
    assert struct.pack("d", back) == struct.pack("d", value)


def test_nan_comes_back_as_nan(tmp_path: Path) -> None:
    assert math.isnan(through_files({"value": [math.nan]}, tmp_path / "state")["value"][0])


@pytest.mark.parametrize(
    "value", [np.float32(0.1), np.float64(0.1), np.int64(-3), np.uint8(200), np.bool_(True), np.float16(2.5)]
)
def test_numbers_of_numpy_come_back_as_they_are_written_in_a_log(value: np.generic, tmp_path: Path) -> None:
    back = through_files({"value": value}, tmp_path / "state")["value"]
    assert (type(back), str(back)) == (type(value), str(value))


ARRAYS_GIVEN = {
    "0-d": np.array(2.5),
    "empty": np.zeros((0, 4), dtype=np.int16),
    "transposed": np.arange(12).reshape(3, 4).T,
    "every third": np.arange(12, dtype=np.uint32)[::3],
    "reversed": np.arange(5.0)[::-1],
    "bool": np.array([True, False]),
    "special": np.array([0x7FF8000000000001, 0x7FF0000000000000, 1 << 63, 1], dtype=np.uint64).view(np.float64),
    "read-only": np.broadcast_to(np.arange(3), (2, 3)),
}


@pytest.mark.parametrize("name", ARRAYS_GIVEN)
def test_arrays_come_back_as_arrays_with_type_shape_and_bits(name: str, tmp_path: Path) -> None:
    array = ARRAYS_GIVEN[name]
    back = through_files({"nested": [{"array": array}]}, tmp_path / "state")["nested"][0]["array"]
    assert isinstance(back, np.ndarray)
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
    back[...] = 0  # it can be written to, as the owner's own


def test_tensors_come_back_as_tensors(tmp_path: Path) -> None:
    weight = torch.nn.Linear(2, 2).weight
    state = {"weight": weight, "step": torch.tensor(7.0), "list": [torch.zeros(0), torch.ones(1)]}
    back = through_files(state, tmp_path / "state")
    assert isinstance(back["weight"], torch.Tensor)
    assert torch.equal(back["weight"], weight.detach())
    assert back["step"].shape == ()
    assert [tensor.tolist() for tensor in back["list"]] == [[], [1.0]]


def test_keys_that_read_alike_are_kept_apart(tmp_path: Path) -> None:
    state = {
        "a.b": torch.tensor(1),
        "a": {"b": torch.tensor(2), "": torch.tensor(3)},
        "": {"a.b": torch.tensor(4), "": {"a": {"b": torch.tensor(5)}}},
        "list.0": torch.tensor(6),
        "list": [torch.tensor(7)],
        "a.b'": torch.tensor(8),
    }
    back = through_files(state, tmp_path / "state")
    assert [int(back["a.b"]), int(back["a"]["b"]), int(back["a"][""])] == [1, 2, 3]
    assert [int(back[""]["a.b"]), int(back[""][""]["a"]["b"])] == [4, 5]
    assert [int(back["list.0"]), int(back["list"][0]), int(back["a.b'"])] == [6, 7, 8]


def test_the_tensor_files_own_word_can_be_a_key(tmp_path: Path) -> None:
    back = through_files({"__metadata__": torch.tensor([1, 2])}, tmp_path / "state")
    assert back["__metadata__"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1: "one"}, "only text can be a key"),
        ({"$array": "x"}, "no reserved word"),
        ({1, 2}, "state 'outer.value' is no plain data: set"),
        (b"bytes", "no plain data: bytes"),
        (object(), "no plain data: object"),
        (Path("x"), "no plain data: "),
        (1j, "no plain data: complex"),
        (np.array([object()]), "an array of object"),
        (np.array(["text"]), "an array of <U4"),
        (np.array([1j]), "an array of complex128"),
        (np.array([1], dtype=">i4"), "an array of >i4"),
        (torch.zeros(1, dtype=torch.complex64), "complex64"),
        (np.datetime64("2020-01-01"), "no plain data: datetime64"),
    ],
)
def test_what_is_no_plain_data_is_refused_by_name(value: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=message):
        write_state({"outer": {"value": value}}, tmp_path)


def test_equal_states_make_equal_files(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_state({"b": torch.arange(3), "a": [1.5, {"c": np.arange(3)}]}, tmp_path / name)
    for file in (PLAIN, ARRAYS):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_all_random_generators_draw_the_same_afterwards(tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    generators = [np.random.default_rng(5), np.random.Generator(np.random.MT19937(5))]
    for _ in range(3):  # an odd number: each keeps half of a pair for the next draw
        random.gauss(0, 1)
        np.random.randn()  # noqa: NPY002
        torch.randn(1)
        for generator in generators:
            generator.integers(100, dtype=np.uint32)
    state = {"all": random_state(cpu), "generators": [generator_state(generator) for generator in generators]}
    back = through_files(state, tmp_path / "state")

    def draws() -> list[float]:
        drawn = [random.gauss(0, 1), random.random(), np.random.randn(), np.random.rand()]  # noqa: NPY002
        drawn += [float(torch.randn(1)), float(torch.rand(1))]
        return drawn + [float(each.integers(100, dtype=np.uint32)) + each.standard_normal() for each in generators]

    expected = draws()
    assert draws() != expected
    set_random_state(back["all"], cpu)
    for generator, saved in zip(generators, back["generators"], strict=True):
        set_generator_state(generator, saved)
    assert draws() == expected


def test_another_kind_of_generator_is_refused() -> None:
    state = generator_state(np.random.Generator(np.random.MT19937(5)))
    with pytest.raises((ValueError, TypeError)):
        set_generator_state(np.random.default_rng(5), state)


def test_a_copy_has_arrays_of_its_own() -> None:
    state = {"a": [np.zeros(2), {"b": torch.zeros(2)}], "c": (1, "x")}
    copy = copied(state)
    state["a"][0][0] = 1  # type: ignore[index]
    state["a"][1]["b"][0] = 1  # type: ignore[index]
    assert copy["a"][0].tolist() == copy["a"][1]["b"].tolist() == [0, 0]
    assert copy["c"] == [1, "x"]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"x": {"$array": "y"}}', "\udcff"])
def test_a_damaged_state_is_a_value_error(text: str, tmp_path: Path) -> None:
    write_state({"x": np.arange(3)}, tmp_path)
    (tmp_path / PLAIN).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=r"."):
        read_state(tmp_path)


def test_nothing_is_pickled(tmp_path: Path) -> None:
    write_state({"x": np.arange(3), "y": {"z": [1, torch.ones(2)]}}, tmp_path)
    assert json.loads((tmp_path / PLAIN).read_text())["y"]["z"][0] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [PLAIN, ARRAYS]
