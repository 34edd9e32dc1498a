"""A study's folder, ``<log folder>/studies/<name>/``: its database, its trials' runs, and what came of it.

``study.db`` is the SQLite database, unless the study is kept elsewhere. ``trials/trial_<n>/`` is a log folder of its
own with the runs of a trial, ``confirm/`` one with the runs that compare the winner with what it began from.
"""

import contextlib
import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import plain_os_errors
from dqn_zoo_ext.storage.claimed import Claimed, claim
from dqn_zoo_ext.storage.run_lock import locked

STUDIES = "studies"


@dataclass(frozen=True)
class StudyFolder:
    """Where each thing of a study lies."""

    path: Path
    claimed: Claimed | None = field(default=None, compare=False, repr=False)

    @classmethod
    def claim(cls, log_folder: Path, name: str, numbered: bool) -> "StudyFolder":
        """The folder of the study of that name, which may be there already; numbered: of a new study, with a number.

        UserError if it cannot be made.
        """
        if not name or Path(name).name != name or name.startswith("."):
            raise UserError(f"--study-name: must be a plain file name, not {name!r}")
        if "?" in name:  # ends the path in the URL of its database
            raise UserError(f"--study-name: must have no question mark, not {name!r}")
        claimed = claim(log_folder / STUDIES, name, numbered, "the study's folder")
        return cls(claimed.path, claimed)

    def discard(self) -> None:
        """Remove it, if it was made by `claim`."""
        if self.claimed is not None:
            self.claimed.discard()

    @property
    def name(self) -> str:
        """The study's name."""
        return self.path.name

    @property
    def database(self) -> str:
        """The URL of its own database. UserError if there is none for a file in such a folder."""
        if "?" in str(self.path):  # what stands behind it would be taken for settings, and not for the path
            raise UserError(f"no database can lie in {str(self.path)!r}: its path must have no question mark")
        return f"sqlite:///{self.path / 'study.db'}"

    @property
    def trials(self) -> Path:
        """Where the trials' log folders lie."""
        return self.path / "trials"

    @property
    def confirmation(self) -> Path:
        """The log folder of the runs that confirm the winner."""
        return self.path / "confirm"


def trial_folder(number: int) -> str:
    """What the log folder of a trial is called, where no other study has that name."""
    return f"trial_{number}"


def claim_trial(trials: Path, number: int, note: Callable[[str], None]) -> Path:
    """Make the log folder of a new trial: ``trial_<number>``, or ``trial_<number>_2``... where another study has that.

    note: is told the name before the folder is made, so that whoever goes on with the trial finds it whenever this
    process is killed. UserError if it cannot be made.
    """
    with plain_os_errors(f"cannot make a trial's folder in {str(trials)!r}"):
        trials.mkdir(parents=True, exist_ok=True)
        for further in itertools.count(1):
            path = trials / (trial_folder(number) if further == 1 else f"{trial_folder(number)}_{further}")
            if path.exists():
                continue
            note(path.name)
            with contextlib.suppress(FileExistsError):  # another process was faster
                path.mkdir()
                return path
    raise AssertionError  # there is always a further one


def remove_checkpoints(folder: Path) -> None:
    """Of all runs beneath `folder`: they have ended for good, and a replay may take gigabytes.

    Those of a run that a process is at work on are left to it, and so is what cannot be removed.
    """
    for checkpoints in list(folder.rglob("checkpoints")):
        with contextlib.suppress(UserError), locked(checkpoints.parent):
            shutil.rmtree(checkpoints, ignore_errors=True)
