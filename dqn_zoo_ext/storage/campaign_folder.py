"""A campaign's folder: ``<log folder>/campaigns/<name>_<n>/`` or ``<name>/``, beside the folders of its runs.

``runs.csv`` has a row for each run, ``table.md`` is what comes of them, ``campaign.json`` says what was planned, and
``variants/<env>/<variant>.yml`` holds each variant's whole configuration, as ``train -conf`` takes it.
"""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically
from dqn_zoo_ext.storage.claimed import Claimed, claim
from dqn_zoo_ext.storage.results import Count, Finite, NotNegative, Versions

FORMAT_VERSION = 1
CAMPAIGNS = "campaigns"
_VARIANTS = "variants"

State = Literal["begun", "finished", "stopped", "failed"]
RunKey = tuple[str, str, int]
"""A variant, the id of its environment, a seed."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run of a campaign.

    changed: what is otherwise than in the algorithm itself, as words for ``-params``. state: begun and never heard of
    again if its process was killed. reason: why it failed. updates: of the network; None if unknown. final_mean,
    final_std, best_mean: of the evaluation at the end and of the best one, by `protocol`; None unless it has finished.
    human_normalised: of final_mean, 0 at random play and 1 at a person's score; None for games of which neither is
    published.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    variant: str
    algo: str
    env: str
    seed: int
    changed: str = ""
    run_folder: str = ""
    state: State = "begun"
    reason: str = ""
    protocol: str = ""
    agent_steps: Count | None = None
    updates: Count | None = None
    final_mean: Finite | None = None
    final_std: NotNegative | None = None
    best_mean: Finite | None = None
    human_normalised: Finite | None = None
    agent_steps_per_second: NotNegative | None = None
    seconds: NotNegative | None = None

    @property
    def key(self) -> RunKey:
        """What tells it from the other runs of the campaign."""
        return self.variant, self.env, self.seed


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a campaign is. kind: e.g. ``ablation``. of: the algorithms. variants: what each changes, by its name.

    The first variant is the one that the others are compared with.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    kind: str
    of: str
    envs: tuple[str, ...]
    seeds: tuple[int, ...]
    variants: dict[str, dict[str, Any]]
    command: str
    versions: Versions
    format_version: int = FORMAT_VERSION


_ROWS, _MANIFEST = TypeAdapter(Row), TypeAdapter(Manifest)
_COLUMNS = [each.name for each in fields(Row)]
_COLUMNS_BEFORE = [name for name in _COLUMNS if name != "updates"]
"""Of campaigns begun before runs.csv told the updates."""


@dataclass(frozen=True)
class CampaignFolder:
    """Where each thing lies, and how it is read and written: whole or not at all."""

    path: Path
    claimed: Claimed | None = field(default=None, compare=False, repr=False)

    @classmethod
    def claim(cls, log_folder: Path, name: str, numbered: bool = True) -> "CampaignFolder":
        """Make the folder of a new campaign. UserError, and nothing left, if it cannot be made.

        numbered: with the number after those that are there; otherwise the name itself is the folder's, which is taken
        as it is if there is one already.
        """
        claimed = claim(log_folder / CAMPAIGNS, name, numbered, "a campaign's folder")
        return cls(claimed.path, claimed)

    @classmethod
    def at(cls, path: Path) -> "CampaignFolder":
        """The campaign that lies there. UserError if there is none."""
        folder = cls(path)
        if not path.is_dir():
            there = [str(each) for each in path.parent.iterdir() if each.is_dir()] if path.parent.is_dir() else []
            raise UserError(f"no campaign folder {str(path)!r}{nearest(str(path), there)}")
        if not folder.manifest.is_file():
            raise UserError(f"{str(path)!r} is not the folder of a campaign: there is no {folder.manifest.name} in it")
        return folder

    @property
    def rows(self) -> Path:
        """Every run, a row each."""
        return self.path / "runs.csv"

    @property
    def table(self) -> Path:
        """The comparison, as Markdown."""
        return self.path / "table.md"

    @property
    def manifest(self) -> Path:
        """What was planned."""
        return self.path / "campaign.json"

    @property
    def report(self) -> Path:
        """What came of it, as a page."""
        return self.path / "report.html"

    @property
    def parquet(self) -> Path:
        """The rows once more, for programs."""
        return self.path / "runs.parquet"

    def variant(self, name: str, env_folder_name: str) -> Path:
        """A variant's whole configuration on an environment."""
        return self.path / _VARIANTS / env_folder_name / f"{name}.yml"

    def discard(self) -> None:
        """Remove it, if it was made by `claim`, and the folders above it that were and nobody else uses."""
        if self.claimed is not None:
            self.claimed.discard()

    def write_variant(self, name: str, env_folder_name: str, text: str) -> None:
        """Write a variant's configuration."""
        path = self.variant(name, env_folder_name)
        with plain_os_errors(f"cannot make folder {path.parent}"):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)

    def write_manifest(self, manifest: Manifest) -> None:
        """Write campaign.json."""
        write_atomically(self.manifest, json.dumps(asdict(manifest), indent=2) + "\n")

    def read_manifest(self) -> Manifest:
        """Read campaign.json. UserError, one line, if it is not ours."""
        with plain_os_errors(f"cannot read {self.manifest}"):
            content = self.manifest.read_bytes()
        try:
            return _MANIFEST.validate_json(content)
        except ValidationError as error:
            raise UserError(f"{self.manifest}: {_first(error)}") from error

    def write_table(self, text: str) -> None:
        """Write table.md anew."""
        write_atomically(self.table, text)

    def write_rows(self, rows: Sequence[Row]) -> None:
        """Write runs.csv anew."""
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
        write_atomically(self.rows, text.getvalue())

    def read_rows(self) -> list[Row]:
        """Read runs.csv, which may lack rows. UserError with the line for one that is no row of ours."""
        if not self.rows.exists():
            return []
        with plain_os_errors(f"cannot read {self.rows}"):
            content = self.rows.read_bytes()
        try:
            reader = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
            if reader.fieldnames is not None and reader.fieldnames not in (_COLUMNS, _COLUMNS_BEFORE):
                raise UserError(f"{self.rows}:1: the columns must be {','.join(_COLUMNS)}")
            found = [self._row(fields_, reader.line_num) for fields_ in reader]
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"{self.rows}: no table of runs: {error}") from error
        return list({row.key: row for row in found}.values())

    def _row(self, fields_: dict[str, Any], line: int) -> Row:
        texts = ("changed", "run_folder", "reason", "protocol")
        given = {key: value for key, value in fields_.items() if value != "" or key in texts}
        try:
            return _ROWS.validate_python({str(key): value for key, value in given.items()})
        except ValidationError as error:
            raise UserError(f"{self.rows}:{line}: {_first(error)}") from error


def nothing_begun(path: Path) -> bool:
    """Whether a campaign's folder is one that was left before its campaign.json was written."""
    return path.is_dir() and all(each.name.startswith(".") or each.name == _VARIANTS for each in path.iterdir())


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{where}: {first['msg']}"
