"""Members of zip files from anywhere: read into memory if they are small enough, never unpacked by their names."""

import zipfile
from pathlib import Path

from dqn_zoo_ext.errors import UserError

GIGABYTE = 1_000_000_000
MOST_EXPANSION = 100
"""A member that is so many times as large as what is stored of it is made to fill a memory: files of agents shrink to
a tenth at most, and Stable-Baselines3 does not compress them at all."""
_TOO_SMALL_TO_MATTER = 1_000_000


def read_member(archive: zipfile.ZipFile, name: str, path: Path, most_bytes: int) -> bytes:
    """The member's content, its CRC checked. UserError if it is larger than `most_bytes`, or expands beyond measure.

    path: the archive, for messages. KeyError if there is no such member, and whatever zipfile raises if it is damaged.
    """
    check_size(archive.getinfo(name), path, most_bytes)
    return archive.read(name)  # no more than the size that the header says


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
    """UserError if the member is larger than `most_bytes`, or expands beyond measure."""
    size = member.file_size
    expands = size > _TOO_SMALL_TO_MATTER and size > MOST_EXPANSION * member.compress_size
    if size > most_bytes or expands:
        raise UserError(
            f"{path}: its member {member.filename!r:.100} would take {size / 1e6:,.0f} MB, from "
            f"{member.compress_size / 1e6:,.1f} MB; refused"
        )
