"""Members of anybody's zip: what would take more memory than it should is refused before any of it is unpacked."""

import bz2
import lzma
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.archive import check_all_sizes, check_size, read_member, stored_again

ZEROS = bytes(50_000_000)


def with_member(path: Path, method: int, packed: bytes, said: int) -> Path:
    """A zip with one member, zeros `packed` by `method`, of which both headers say that they are `said`."""
    name, crc = b"data", zlib.crc32(bytes(said))
    local = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 63, 0, method, 0, 0, crc, len(packed), said, len(name), 0)
    body = local + name + packed
    central = struct.pack(
        "<4sHHHHHHIIIHHHHHII",
        *(b"PK\x01\x02", 63, 63, 0, method, 0, 0, crc, len(packed), said, len(name), 0, 0, 0, 0, 0, 0),
    )
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, len(central) + len(name), len(body), 0)
    path.write_bytes(body + central + name + end)
    return path


@pytest.mark.parametrize(
    ("method", "packed"),
    [
        (zipfile.ZIP_BZIP2, bz2.compress(ZEROS)),
        (
            zipfile.ZIP_LZMA,
            b"\x09\x04\x05\x00\x5d\x00\x00\x80\x00"
            + lzma.compress(
                ZEROS,
                lzma.FORMAT_RAW,
                filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 23, "lc": 3, "lp": 0, "pb": 2}],
            ),
        ),
    ],
    ids=["bzip2", "lzma"],
)
def test_methods_that_python_unpacks_without_measure(method: int, packed: bytes, tmp_path: Path) -> None:
    bomb = with_member(tmp_path / "bomb.zip", method, packed, said=20)
    assert bomb.stat().st_size < 10_000
    message = rf"bomb\.zip: its member 'data' is packed by method {method}, neither stored nor deflated; refused$"
    tracemalloc.start()
    try:
        with zipfile.ZipFile(bomb) as archive:
            with pytest.raises(UserError, match=message):
                read_member(archive, "data", bomb, 1_000)
            with pytest.raises(UserError, match=message):
                check_all_sizes(archive, bomb, 1_000)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
            assert archive.read("data") == bytes(20)  # it is a bomb: all of it was in memory before it was cut
            assert tracemalloc.get_traced_memory()[1] > len(ZEROS)
    finally:
        tracemalloc.stop()


def test_a_deflated_member_never_gives_more_than_it_says(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(ZEROS) + packer.flush()
    bomb = with_member(tmp_path / "bomb.zip", zipfile.ZIP_DEFLATED, packed, said=20)
    tracemalloc.start()
    try:
        with zipfile.ZipFile(bomb) as archive:
            assert read_member(archive, "data", bomb, 1_000) == bytes(20)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
            assert archive.read("data") == bytes(20)  # as Python reads it, all of it was in memory before it was cut
            assert tracemalloc.get_traced_memory()[1] > len(ZEROS)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_agents_are_packed_by(method: int, tmp_path: Path) -> None:
    path = tmp_path / "agent.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("data", b"{}" * 100)
    with zipfile.ZipFile(path) as archive:
        assert read_member(archive, "data", path, 200) == b"{}" * 100
        with pytest.raises(UserError, match=r"its member 'data' would take 0 MB, from 0\.0 MB; refused$"):
            check_size(archive.getinfo("data"), path, 199)


def test_a_zip_for_other_readers(tmp_path: Path) -> None:
    path = tmp_path / "agent.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data", b"{}" * 100)
        archive.writestr("a/more", b"")
    again = stored_again(path.read_bytes(), path, 200)
    with zipfile.ZipFile(again) as archive:
        assert [(each.filename, each.compress_type) for each in archive.infolist()] == [("a/data", 0), ("a/more", 0)]
        assert archive.read("a/data") == b"{}" * 100
    with pytest.raises(UserError, match="refused"):
        stored_again(path.read_bytes(), path, 199)
