"""Which folder a run of a campaign is made in: the one in which it was begun, as long as it can go on there."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.campaign.plan import PlannedRun
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.resume import stored_arguments
from dqn_zoo_ext.storage.atomic import plain_os_errors
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder, Row
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.storage.run_lock import locked

SET_ASIDE = "set_aside"
"""In a campaign's folder: runs that came to nothing and could not go on. A log folder, apart from that of the seeds."""


@dataclass(frozen=True)
class RunFolders:
    """Those of a campaign's runs. campaign: its own folder. say: is told what becomes of one that cannot go on."""

    campaign: CampaignFolder
    say: Callable[[str], None]

    def of(self, run: PlannedRun, options: RunOptions, before: Row | None) -> RunFolder:
        """The folder of `before`, whatever ended that, if it has a whole checkpoint to go on from; else a new one.

        What cannot go on is put out of the way, so that nobody takes it for another seed. UserError if that, or a new
        folder, cannot be made.
        """
        configuration = run.variant.configuration
        algo, env = configuration.algo, configuration.env.folder_name
        if before is not None and before.run_folder:
            found = RunFolder(options.log_folder.joinpath(*Path(before.run_folder).parts[-2:]), algo, env)
            if is_run_of(found, run.seed, self.campaign.variant(run.variant.name, env)):
                wrong = self._wrong_with(found)
                if wrong is None:
                    return found
                name = f"{run.variant.name}, seed {run.seed}"
                self.say(f"{name}: begun anew, as {found.path} {wrong}; what is in it lies in {self._set_aside(found)}")
        return RunFolder.claim(options.log_folder, algo, env)

    def _wrong_with(self, run: RunFolder) -> str | None:
        """Why it cannot go on; None if it can, or if only the run itself will find out."""
        try:
            with locked(run.path):
                checkpoint, wrong = CheckpointFolder(run.checkpoint_folder).newest()
        except (UserError, OSError):  # another process has it, or a disk is gone: that may pass
            return None
        if checkpoint is not None:
            return None
        return f"has no whole checkpoint ({'; '.join(wrong)})" if wrong else "has no checkpoint"

    def _set_aside(self, run: RunFolder) -> Path:
        number = run.path.name.removeprefix(f"{run.env}_")
        there = RunFolder.claim(
            self.campaign.path / SET_ASIDE, run.algo, run.env, number=int(number) if number.isdecimal() else None
        )
        with plain_os_errors(f"cannot put {run.path} out of the way"):
            there.config_folder.rmdir()
            there.path.rmdir()
            shutil.move(run.path, there.path)  # --into may be on another disk
        return there.path


def is_run_of(run: RunFolder, seed: int, variant: Path) -> bool:
    """Whether it is the run of that seed and variant still, and not one that has come to have its number since."""
    if not run.config.is_file():
        return False
    try:
        arguments = stored_arguments(run)
    except UserError:  # killed before they were written
        return False
    parts = Path(str(arguments.get("conf_file"))).parts[-3:]  # the campaign's folder may have been moved since
    return arguments.get("seed") == seed and parts == variant.parts[-3:]
