"""Safetensors files written piece by piece: no second copy of a gigabyte in memory, and a checksum on the way.

The format is that of the safetensors library, which reads these files; its writer takes a copy of every tensor first.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

_NAMES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.uint16: "U16",
    torch.int16: "I16",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.uint32: "U32",
    torch.int32: "I32",
    torch.float32: "F32",
    torch.uint64: "U64",
    torch.int64: "I64",
    torch.float64: "F64",
}
_CHUNK = 4 << 20  # bytes written, or read, at a time
_GZIP = 16 + zlib.MAX_WBITS
_FASTEST = 1  # frames of Atari games shrink 13 to 25 times at 400 MB/s; more effort gains little


@dataclass(frozen=True)
class Written:
    """What a file holds: its size in bytes and the SHA-256 of its content."""

    bytes: int
    sha256: str


def write_tensors(path: Path, tensors: Mapping[str, Sequence[Tensor]], compress: bool = False) -> Written:
    """Write a new file and flush it to the disk. OSError if that fails; a part of the file may then be there.

    tensors: each in pieces that follow each other along the first axis; TypeError for a type that the format has no
    name for. compress: as gzip, for ``.safetensors.gz``.
    """
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        for chunk in _compressed(_content(tensors)) if compress else _content(tensors):
            digest.update(chunk)
            file.write(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return Written(size, digest.hexdigest())


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, compressed or not. OSError, or ValueError if it is damaged."""
    content = path.read_bytes()
    try:
        return safetensors.torch.load(zlib.decompress(content, _GZIP) if path.suffix == ".gz" else content)
    except (zlib.error, SafetensorError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error


def checksum(path: Path) -> Written:
    """Size and SHA-256 of a file that is there. OSError if it cannot be read."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Written(size, digest.hexdigest())


def _content(tensors: Mapping[str, Sequence[Tensor]]) -> Iterator[bytes | memoryview]:
    header, end = {}, 0
    for name, pieces in tensors.items():
        if pieces[0].dtype not in _NAMES:
            raise TypeError(f"'{name}' is {pieces[0].dtype}, which no safetensors file can hold")
        begin, end = end, end + sum(piece.nbytes for piece in pieces)
        shape = list(pieces[0].shape)
        if len(pieces) > 1:
            shape[0] = sum(len(piece) for piece in pieces)
        header[name] = {"dtype": _NAMES[pieces[0].dtype], "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of eight
    yield len(text).to_bytes(8, "little") + text
    for pieces in tensors.values():
        for piece in pieces:
            flat = piece.detach().cpu().contiguous().reshape(-1)
            if flat.numel() < 2:  # its stride may be anything, and PyTorch then refuses to see it as bytes
                flat = flat.clone(memory_format=torch.contiguous_format).as_strided((flat.numel(),), (1,))
            data = flat.view(torch.uint8).numpy().data
            for begin in range(0, len(data), _CHUNK):
                yield data[begin : begin + _CHUNK]


def _compressed(chunks: Iterator[bytes | memoryview]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_FASTEST, zlib.DEFLATED, _GZIP)
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()
