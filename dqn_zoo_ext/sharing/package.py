"""An agent's package: one folder with all that the Hub shows, and all that it takes to load the agent again.

``<algo>-<env>.zip`` is Stable-Baselines3's format, which other tools and the Hub's counter of downloads look for;
``model.safetensors`` is the policy alone, in which no code can stand. The names are RL-Zoo's where it has them.
"""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.sharing.download import MEGABYTE, Wanted
from dqn_zoo_ext.sharing.manifest import NAME as MANIFEST
from dqn_zoo_ext.sharing.manifest import PackageManifest, check_files, list_files, read_manifest
from dqn_zoo_ext.sharing.metrics import NAME as METRICS
from dqn_zoo_ext.storage.atomic import plain_os_errors, put_back, replace_folder, write_atomically
from dqn_zoo_ext.version import VERSION

WEIGHTS = "model.safetensors"
CONFIG, ARGS, ENV_KWARGS = "config.yml", "args.yml", "env_kwargs.yml"
RESULTS = "results.json"
VIDEO, CURVE, CARD = "replay.mp4", "learning_curve.png", "README.md"
NORMALIZATION = "vec_normalize.pkl"
"""RL-Zoo's pickled running averages. Never made here, and never read."""
_A_DAY = 24 * 3600  # seconds


def zip_name(algo: str, env: str) -> str:
    """The agent's file, whatever the repository is called. env: as in a folder's name, without a slash."""
    return f"{algo}-{env}.zip"


def wanted(algo: str, env: str) -> dict[str, Wanted]:
    """The files that loading an agent takes, and how large each may be."""
    return {
        zip_name(algo, env): Wanted(2_000 * MEGABYTE, needed=True),
        CONFIG: Wanted(MEGABYTE, needed=True),
        ARGS: Wanted(MEGABYTE),
        ENV_KWARGS: Wanted(MEGABYTE),
        MANIFEST: Wanted(MEGABYTE),
        WEIGHTS: Wanted(2_000 * MEGABYTE),
        RESULTS: Wanted(100 * MEGABYTE),
        METRICS: Wanted(500 * MEGABYTE),
        NORMALIZATION: Wanted(100 * MEGABYTE),
    }


def names_of(algo: str, env: str) -> frozenset[str]:
    """Every file that a package of this agent may have, or that may lie beside it from another one's."""
    return frozenset({*wanted(algo, env), VIDEO, CURVE, CARD})


@dataclass(frozen=True)
class Package:
    """A whole one on disk."""

    path: Path
    manifest: PackageManifest


def find_package(path: Path, made_from: str) -> Package | None:
    """The package in this folder, if it is whole and was made from just that; None otherwise.

    One that a killed process was about to replace is put back there before.
    """
    with contextlib.suppress(OSError):
        put_back(path)
    if not (path / MANIFEST).is_file() or not (path / CARD).is_file():
        return None
    try:
        manifest = read_manifest(path / MANIFEST)
        check_files(path, manifest, set(manifest.files))
    except UserError:
        return None
    return Package(path, manifest) if manifest.made_from == made_from else None


@contextlib.contextmanager
def new_package(path: Path, algo: str, env: str, made_from: str) -> Iterator[Path]:
    """Lend an empty folder; when the block ends well, a manifest is added and the folder stands at `path`.

    An older one there is replaced at that moment. If the block fails, nothing of the new one remains.
    """
    with plain_os_errors(f"cannot make folder {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path.parent)
        staging = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=path.parent))
    try:
        yield staging
        made_by = f"dqn_zoo_ext {VERSION}"
        manifest = PackageManifest(algo, env, made_by, made_from, list_files(staging))
        write_atomically(staging / MANIFEST, manifest.text())
        with plain_os_errors(f"cannot write {path}"):
            staging.chmod(0o755)
            replace_folder(staging, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    """What killed processes left; one that is a day old is nobody's work any more."""
    for path in folder.glob(".*.part"):
        if time.time() - path.stat().st_mtime > _A_DAY:
            shutil.rmtree(path, ignore_errors=True)
