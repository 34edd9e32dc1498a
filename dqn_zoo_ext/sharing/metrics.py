"""``train_eval_metrics.zip``: a run's evaluations and logs, packed as RL-Zoo packs them and unpacked with care."""

import re
import zipfile
from pathlib import Path

import numpy as np

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.archive import read_member, stored_again
from dqn_zoo_ext.storage.atomic import plain_os_errors, replacing, write_atomically

NAME = "train_eval_metrics.zip"
EVALUATIONS = "evaluations.npz"
_LOG = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,100}\.csv")
_MOST_MEMBERS = 1_000
_MOST_BYTES = 500_000_000


def pack_metrics(run: Path, target: Path) -> None:
    """Everything that a run's folder has of them; the archive may be empty, as RL-Zoo's loader wants one."""
    names = [EVALUATIONS, *sorted(path.name for path in run.glob("*.csv"))]
    with (
        replacing(target) as temporary,
        plain_os_errors(f"cannot write {target}"),
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in names:
            if (run / name).is_file() and _is_metrics(name):
                archive.write(run / name, name)


def unpack_metrics(source: Path, run: Path) -> None:
    """Write the evaluations and logs in the archive into a run's folder.

    UserError, before anything is written, if it holds anything else (a name with a folder in it, an agent), if it would
    fill the disk, or if the evaluations are not plain numbers.
    """
    contents: dict[str, bytes] = {}
    left = _MOST_BYTES
    with plain_os_errors(f"cannot read {source}"):
        try:
            with zipfile.ZipFile(source) as archive:
                for name in _names(archive, source):
                    contents[name] = read_member(archive, name, source, left)
                    left -= len(contents[name])
        except UserError:
            raise
        except Exception as error:  # damaged input makes zipfile raise nearly anything
            raise UserError(f"{source} is no whole zip file: {type(error).__name__}") from error
    if EVALUATIONS in contents:
        _check_numbers(contents[EVALUATIONS], source)
    for name, content in contents.items():
        if (run / name).exists():
            raise UserError(f"{source}: it would overwrite {run / name}; refused")
        write_atomically(run / name, content)


def _names(archive: zipfile.ZipFile, source: Path) -> list[str]:
    names = archive.namelist()
    for name in names:
        if not _is_metrics(name):
            raise UserError(f"{source}: it holds {name!r:.100}, which is neither {EVALUATIONS} nor a log; refused")
    if len(names) != len(set(names)) or len(names) > _MOST_MEMBERS:
        raise UserError(f"{source}: it has {len(names)} members, or one of them twice; refused")
    return names


def _is_metrics(name: str) -> bool:
    return name == EVALUATIONS or _LOG.fullmatch(name) is not None


def _check_numbers(content: bytes, source: Path) -> None:
    try:
        with np.load(stored_again(content, source, _MOST_BYTES), allow_pickle=False) as arrays:
            for name in arrays.files:
                _ = arrays[name].shape
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{source}: its {EVALUATIONS} holds something that is not plain numbers") from error
