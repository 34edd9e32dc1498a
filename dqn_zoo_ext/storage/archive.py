"""Members of zip files from anywhere: read into memory if they are small enough, never unpacked by their names."""

import io
import zipfile
from pathlib import Path
from typing import BinaryIO

from dqn_zoo_ext.errors import UserError

GIGABYTE = 1_000_000_000
MOST_EXPANSION = 100
"""A member that is so many times as large as what is stored of it is made to fill a memory: files of agents shrink to
a tenth at most, and Stable-Baselines3 does not compress them at all."""
_TOO_SMALL_TO_MATTER = 1_000_000
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How a member may be packed. Python unpacks anything else without regard to the size that its header gives."""


def read_member(archive: zipfile.ZipFile, name: str | zipfile.ZipInfo, path: Path, most_bytes: int) -> bytes:
    """The member's content, its CRC checked. UserError as in ``check_size``.

    path: the archive, for messages. KeyError if there is no such member, and whatever zipfile raises if it is damaged.
    """
    member = archive.getinfo(name) if isinstance(name, str) else name
    check_size(member, path, most_bytes)
    with archive.open(member) as file:
        return file.read(member.file_size)  # told no number, it would unpack all there is before it heeds its header


def stored_again(content: bytes, path: Path, most_bytes: int) -> BinaryIO:
    """A zip's members in a zip once more, none of them packed, as large as their headers say: for other readers.

    They know no measure, and may find another directory in the same bytes than the one that was checked. UserError as
    in ``check_all_sizes``, and whatever zipfile raises if it cannot read it.
    """
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as given, zipfile.ZipFile(result, "w") as plain:
        check_all_sizes(given, path, most_bytes)
        for member in given.infolist():
            plain.writestr(zipfile.ZipInfo(member.filename), read_member(given, member, path, most_bytes))
    result.seek(0)
    return result


def check_all_sizes(archive: zipfile.ZipFile, path: Path, most_bytes: int) -> None:
    """UserError if one member, or all together, are larger than `most_bytes` or expand beyond measure.

    Together they are held against the file at `path` on disk: neither many small members nor a zip within a zip, nor
    members that share their bytes, make more of it.
    """
    members = archive.infolist()
    for member in members:
        check_size(member, path, most_bytes)
    size, stored = sum(member.file_size for member in members), path.stat().st_size
    if size > most_bytes or (size > _TOO_SMALL_TO_MATTER and size > MOST_EXPANSION * stored):
        raise UserError(
            f"{path}: its {len(members)} members would take {size / 1e6:,.0f} MB, from {stored / 1e6:,.1f} MB; refused"
        )


def check_size(member: zipfile.ZipInfo, path: Path, most_bytes: int) -> None:
    """UserError if the member is larger than `most_bytes`, expands beyond measure, or is packed by another method."""
    if member.compress_type not in _BOUNDED:
        raise UserError(
            f"{path}: its member {member.filename!r:.100} is packed by method {member.compress_type}, neither stored "
            "nor deflated; refused"
        )
    size = member.file_size
    expands = size > _TOO_SMALL_TO_MATTER and size > MOST_EXPANSION * member.compress_size
    if size > most_bytes or expands:
        raise UserError(
            f"{path}: its member {member.filename!r:.100} would take {size / 1e6:,.0f} MB, from "
            f"{member.compress_size / 1e6:,.1f} MB; refused"
        )
