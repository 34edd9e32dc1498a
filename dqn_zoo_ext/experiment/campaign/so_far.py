"""What there is of a campaign so far: its plan, its rows, the histories of its runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.campaign.run_folders import is_run_of
from dqn_zoo_ext.experiment.campaign.table import Heading, Summary, in_order, summaries
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder, Manifest, Row
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.storage.run_history import RunHistory, read_history


@dataclass(frozen=True)
class SoFar:
    """A campaign, under way or at its end. order: variant and environment of all that was planned, by environment."""

    folder: CampaignFolder
    manifest: Manifest
    rows: Sequence[Row]
    order: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, folder: CampaignFolder) -> "SoFar":
        """Read it. UserError if one of its files is broken."""
        manifest, rows = folder.read_manifest(), folder.read_rows()
        planned = [
            (name, env)
            for env in manifest.envs
            for name in manifest.variants
            if folder.variant(name, env.replace("/", "-")).exists()
        ]
        return cls(folder, manifest, rows, in_order(planned, rows))

    @property
    def variants(self) -> list[str]:
        """Their names."""
        return list(dict.fromkeys(name for name, _ in self.order))

    @property
    def envs(self) -> list[str]:
        """The environments' ids."""
        return list(dict.fromkeys(env for _, env in self.order))

    @property
    def finished(self) -> list[Row]:
        """The runs that have."""
        return [row for row in self.rows if row.state == "finished"]

    @property
    def planned(self) -> int:
        """How many runs it comes to."""
        runs = {(name, env, seed) for name, env in self.order for seed in self.manifest.seeds}
        return len(runs | {row.key for row in self.rows})

    @property
    def heading(self) -> Heading:
        """What stands over the table of scores. The length is that of the runs that have finished."""
        manifest = self.manifest
        lengths = {row.agent_steps for row in self.rows if row.state == "finished" and row.agent_steps is not None}
        return Heading(manifest.kind, manifest.of, manifest.envs, next(iter(manifest.variants)), frozenset(lengths))

    def summaries(self) -> list[Summary]:
        """What comes of the rows so far."""
        return summaries(self.rows, self.order, self.heading.reference, self.manifest.seeds)

    def scores(self, column: str) -> dict[str, dict[str, dict[int, float]]]:
        """A column of the runs that have finished, by variant, environment and seed.

        An environment with evaluations by several protocols is one for each: scores of one alone compare.
        """
        found: dict[str, dict[str, dict[int, float]]] = {name: {} for name in self.variants}
        protocols = {env: {row.protocol for row in self.finished if row.env == env} for env in self.envs}
        for row in self.finished:
            value = getattr(row, column)
            if value is not None:
                game = row.env if len(protocols[row.env]) == 1 else f"{row.env} by {row.protocol}"
                found[row.variant].setdefault(game, {})[row.seed] = float(value)
        return found

    def histories(self, env: str) -> tuple[dict[str, list[RunHistory]], list[str]]:
        """The runs on an environment that have finished, by variant, and a note on those that cannot be read."""
        found: dict[str, list[RunHistory]] = {}
        unreadable = []
        for name in self.variants:
            for row in self.rows:
                if (row.variant, row.env, row.state) != (name, env, "finished"):
                    continue
                try:
                    found.setdefault(name, []).append(read_history(self.folder_of(row)))
                except UserError as error:
                    unreadable.append(str(error))
        notes = []
        if unreadable:
            others = f" (and {len(unreadable) - 1} more runs that cannot be read)" if len(unreadable) > 1 else ""
            notes = [f"Left out: {unreadable[0]}{others}"]
        return {name: runs for name, runs in found.items() if runs}, notes

    def folder_of(self, row: Row) -> Path:
        """Where the run lies: beside the campaigns, which may have been moved since, or else where it was made.

        Beside them another run may have the same number, where this one was made in another log folder.
        """
        env = row.env.replace("/", "-")
        beside = self.folder.path.resolve().parent.parent.joinpath(*Path(row.run_folder).parts[-2:])
        its_own = is_run_of(RunFolder(beside, row.algo, env), row.seed, self.folder.variant(row.variant, env))
        return beside if its_own else Path(row.run_folder)
