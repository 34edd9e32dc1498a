"""What a checkpoint consists of: every file with its size and checksum, and a checksum of the list itself."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from dqn_zoo_ext.errors import first_line
from dqn_zoo_ext.storage.exact.tensor_file import Written, checksum
from dqn_zoo_ext.storage.results import Count, Versions

FORMAT_VERSION = 1
NAME = "manifest.json"
_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Segment:
    """A file of replay rows: `first` to `last` (exclusive), counted from the first row ever added."""

    __pydantic_config__ = _STRICT

    file: str
    first: Count
    last: Count
    content: Written


@dataclass(frozen=True)
class Manifest:
    """files: by name, those in the checkpoint's own folder. segments: ascending, of the replay that all share."""

    __pydantic_config__ = _STRICT

    agent_steps: Count
    versions: Versions
    files: dict[str, Written]
    segments: tuple[Segment, ...]
    format_version: int = FORMAT_VERSION
    sha256: str = ""
    """Of the manifest as it would be written without it."""

    def text(self) -> str:
        """As it stands in the file."""
        unsigned = _dump(replace(self, sha256=""))
        return _dump(replace(self, sha256=hashlib.sha256(unsigned.encode()).hexdigest()))


_READER = TypeAdapter(Manifest)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest that is whole. OSError, or ValueError that says in a few words what is wrong with it."""
    content = path.read_bytes()
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{NAME} is damaged: {first_line(error)}") from error
    version = data.get("format_version") if isinstance(data, dict) else None
    if type(version) is int and version != FORMAT_VERSION:
        raise ValueError(f"{NAME} has format_version {version}, and this program reads {FORMAT_VERSION}")
    try:
        manifest = _READER.validate_json(content)
    except ValidationError as error:
        raise ValueError(f"{NAME} is damaged: {error.errors()[0]['msg']}") from error
    if manifest.text().encode() != content:
        raise ValueError(f"{NAME} is damaged: its checksum is wrong")
    return manifest


def what_is_wrong(path: Path, expected: Written) -> str | None:
    """In a few words what is wrong with the file; None if its size and checksum are as expected.

    OSError if it is there and cannot be read.
    """
    try:
        size = path.stat().st_size
        if size != expected.bytes:
            return f"{path.name} has {size} bytes, and should have {expected.bytes}"
        if checksum(path) != expected:
            return f"{path.name} is damaged: its checksum is wrong"
    except FileNotFoundError:
        return f"{path.name} is missing"
    except IsADirectoryError:
        return f"{path.name} cannot be read: Is a directory"
    return None


def _dump(manifest: Manifest) -> str:
    return json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n"
