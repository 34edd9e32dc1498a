"""A study's folder, ``<log folder>/studies/<name>/``: its database, its trials' runs, and what came of it.

``study.db`` is the SQLite database, unless the study is kept elsewhere. ``trials/trial_<n>/`` is a log folder of its
own with the runs of a trial, ``confirm/`` one with the runs that compare the winner with what it began from.
"""

from dataclasses import dataclass
from pathlib import Path

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import plain_os_errors

STUDIES = "studies"


@dataclass(frozen=True)
class StudyFolder:
    """Where each thing of a study lies."""

    path: Path

    @classmethod
    def named(cls, log_folder: Path, name: str) -> "StudyFolder":
        """The folder of the study called that, made if it is not there. UserError if it cannot be."""
        if not name or Path(name).name != name or name.startswith("."):
            raise UserError(f"--study-name: must be a plain file name, not {name!r}")
        path = log_folder / STUDIES / name
        with plain_os_errors(f"cannot make the study's folder in log folder {str(log_folder)!r}"):
            path.mkdir(parents=True, exist_ok=True)
        return cls(path)

    @classmethod
    def claim(cls, log_folder: Path, what: str) -> "StudyFolder":
        """Make the folder of a new study, called `what` and a number that no other has. UserError if it cannot be."""
        parent, number = log_folder / STUDIES, 1
        with plain_os_errors(f"cannot make the study's folder in log folder {str(log_folder)!r}"):
            parent.mkdir(parents=True, exist_ok=True)
            while True:
                try:
                    (parent / f"{what}_{number}").mkdir()  # exactly one process can
                except FileExistsError:
                    number += 1
                else:
                    return cls(parent / f"{what}_{number}")

    @property
    def name(self) -> str:
        """The study's name."""
        return self.path.name

    @property
    def database(self) -> str:
        """The URL of its own database."""
        return f"sqlite:///{self.path / 'study.db'}"

    @property
    def trials(self) -> Path:
        """Where the trials' log folders lie."""
        return self.path / "trials"

    @property
    def confirmation(self) -> Path:
        """The log folder of the runs that confirm the winner."""
        return self.path / "confirm"
