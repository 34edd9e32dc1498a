"""Our writer of safetensors files against the library's reader: every type and layout, whole, in pieces, compressed."""

import gzip
import hashlib
import resource
import signal
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from dqn_zoo_ext.storage.exact import tensor_file
from dqn_zoo_ext.storage.exact.tensor_file import checksum, read_tensors, write_tensors

DTYPES = list(tensor_file._NAMES)
LAYOUTS = {
    "plain": torch.arange(24).reshape(4, 6),
    "0-d": torch.tensor(3),
    "empty": torch.zeros(0),
    "empty rows": torch.zeros(0, 5),
    "rows of nothing": torch.zeros(5, 0),
    "transposed": torch.arange(24).reshape(4, 6).T,
    "every other column": torch.arange(24).reshape(4, 6)[:, ::2],
    "expanded": torch.arange(3).expand(4, 3),
    "one element of a larger": torch.arange(9)[4:5],
    "one element with an odd stride": torch.arange(24).reshape(4, 6)[2:3, 1::7],
    "larger than what is written at a time": torch.arange(700_000),
}


def same(one: Tensor, other: Tensor) -> bool:
    """Same type, shape and bits; NaN is compared by its bits too."""
    as_bytes = [torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.reshape(-1)) for tensor in (one, other)]
    as_bytes = [tensor.view(torch.uint8) for tensor in as_bytes]
    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(*as_bytes)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("compress", [False, True])
def test_the_library_reads_what_was_written(dtype: torch.dtype, compress: bool, tmp_path: Path) -> None:
    given = {name: tensor.to(dtype) for name, tensor in LAYOUTS.items()}
    path = tmp_path / ("all.safetensors.gz" if compress else "all.safetensors")
    write_tensors(path, {name: [tensor] for name, tensor in given.items()}, compress)
    content = gzip.decompress(path.read_bytes()) if compress else path.read_bytes()
    by_library, by_us = safetensors.torch.load(content), read_tensors(path)
    assert by_library.keys() == by_us.keys() == given.keys()
    for name, tensor in given.items():
        assert same(by_library[name], tensor), name
        assert same(by_us[name], tensor), name


def test_special_values_keep_their_bits(tmp_path: Path) -> None:
    bits = torch.tensor([0x7FC00001, 0x7F800001, -0x800000, 0x7F800000, -0x80000000, 1, 0x007FFFFF], dtype=torch.int32)
    values = bits.view(torch.float32)  # two kinds of NaN, the infinities, -0.0, denormals
    write_tensors(tmp_path / "a.safetensors", {"values": [values]})
    assert torch.equal(read_tensors(tmp_path / "a.safetensors")["values"].view(torch.int32), bits)


@pytest.mark.parametrize("cuts", [[7], [3, 4], [0, 7], [7, 0], [0, 0, 7, 0], [2, 2, 3]])
@pytest.mark.parametrize("compress", [False, True])
def test_pieces_are_joined_along_the_first_axis(cuts: list[int], compress: bool, tmp_path: Path) -> None:
    whole = {"frames": torch.arange(7 * 5, dtype=torch.uint8).reshape(7, 5), "rewards": torch.rand(7)}
    path, joined = (tmp_path / f"{name}.safetensors{'.gz' if compress else ''}" for name in ("pieces", "joined"))
    pieces = write_tensors(path, {name: tensor.split(cuts) for name, tensor in whole.items()}, compress)
    assert pieces == write_tensors(joined, {name: [tensor] for name, tensor in whole.items()}, compress)
    assert all(same(tensor, whole[name]) for name, tensor in read_tensors(path).items())


def test_no_tensor_at_all(tmp_path: Path) -> None:
    write_tensors(tmp_path / "none.safetensors", {})
    assert read_tensors(tmp_path / "none.safetensors") == {}


@pytest.mark.parametrize("compress", [False, True])
def test_the_checksum_is_that_of_the_file_and_equal_content_makes_equal_bytes(compress: bool, tmp_path: Path) -> None:
    one, other = ({"x": [torch.arange(5_000_000) % 7], "y": [torch.ones(3)]} for _ in range(2))
    written = [write_tensors(tmp_path / str(index), each, compress) for index, each in enumerate((one, other))]
    content = (tmp_path / "0").read_bytes()
    assert content == (tmp_path / "1").read_bytes()
    assert written[0] == written[1] == checksum(tmp_path / "0")
    assert (written[0].bytes, written[0].sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_the_tensors_are_as_they_were(tmp_path: Path) -> None:
    weight = torch.nn.Linear(3, 3).weight
    before = weight.detach().clone()
    write_tensors(tmp_path / "a.safetensors", {"weight": [weight], "its transpose": [weight.T]})
    assert weight.requires_grad
    assert torch.equal(weight, before)


def test_no_file_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        write_tensors(tmp_path / "a.safetensors", {})
    assert (tmp_path / "a.safetensors").read_bytes() == b"mine"


def test_a_type_without_a_name_in_the_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"'waves' is torch\.complex64, which no safetensors file can hold"):
        write_tensors(tmp_path / "a.safetensors", {"waves": [torch.zeros(2, dtype=torch.complex64)]})


@pytest.mark.parametrize("compress", [False, True])
def test_a_write_that_fails_midway_says_so(compress: bool, tmp_path: Path) -> None:
    noise = torch.randint(256, (1_000_000,), dtype=torch.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_tensors(tmp_path / "a.safetensors", {"noise": [noise]}, compress)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("name", ["a.safetensors", "a.safetensors.gz"])
def test_damage_that_the_format_can_see_is_a_value_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    write_tensors(path, {"x": [torch.arange(1000)]}, compress=name.endswith("gz"))
    whole = path.read_bytes()
    for length in (0, 1, 8, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=f"{name} is damaged"):
            read_tensors(path)
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "none.safetensors")
