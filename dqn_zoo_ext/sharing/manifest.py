"""``manifest.json`` of a package: what it was made from, and every file with its size and checksum."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from dqn_zoo_ext.errors import UserError, first_line
from dqn_zoo_ext.storage.atomic import plain_os_errors
from dqn_zoo_ext.storage.exact.manifest import what_is_wrong
from dqn_zoo_ext.storage.exact.tensor_file import Written, checksum

FORMAT_VERSION = 1
NAME = "manifest.json"
NOT_LISTED = (NAME, "README.md")
"""Files that a manifest does not vouch for: itself, and the card, which people rewrite on the Hub."""
_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class PackageManifest:
    """made_from: SHA-256 of all that the package was made from, so that the same need not be made again.

    files: by name, all in one folder.
    """

    __pydantic_config__ = _STRICT

    algo: str
    env: str
    made_by: str
    made_from: str
    files: dict[str, Written]
    format_version: int = FORMAT_VERSION

    def text(self) -> str:
        """As it stands in the file."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


_READER = TypeAdapter(PackageManifest)


def list_files(folder: Path) -> dict[str, Written]:
    """Size and checksum of every file in the folder that a manifest lists."""
    return {path.name: checksum(path) for path in sorted(folder.iterdir()) if path.name not in NOT_LISTED}


def read_manifest(path: Path) -> PackageManifest:
    """UserError in one line if it is absent, damaged, or of another format."""
    with plain_os_errors(f"cannot read {path}"):
        content = path.read_bytes()
    try:
        data = json.loads(content)
        version = data.get("format_version") if isinstance(data, dict) else None
        if version != FORMAT_VERSION:
            raise UserError(f"{path}: format_version is {version!r:.40}; this program reads {FORMAT_VERSION}")
        return _READER.validate_json(content)
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else first_line(error)
        raise UserError(f"{path} is no manifest: {what}") from error


def check_files(folder: Path, manifest: PackageManifest, names: set[str]) -> None:
    """UserError if one of the files `names` in the folder is not what the manifest says."""
    for name in sorted(names & manifest.files.keys()):
        with plain_os_errors(f"cannot read {folder / name}"):
            wrong = what_is_wrong(folder / name, manifest.files[name])
        if wrong is not None:
            raise UserError(f"{wrong}; {NAME} says otherwise")
