"""The cards of a campaign's page that lead to its parts: what was compared, and each run."""

import os
import shlex
from pathlib import Path
from urllib.parse import quote

from dqn_zoo_ext.experiment.campaign.plan import words_of
from dqn_zoo_ext.experiment.campaign.so_far import SoFar
from dqn_zoo_ext.experiment.campaign.table import NOTHING
from dqn_zoo_ext.report.cards import Card, Cell, Link
from dqn_zoo_ext.storage.campaign_folder import Row


def variants_card(campaign: SoFar) -> Card:
    """The command, and what each variant changes."""
    lines: list[tuple[Cell, ...]] = []
    for name, changed in campaign.manifest.variants.items():
        envs = [env for each, env in campaign.order if each == name]
        for env in envs:
            path = campaign.folder.variant(name, env.replace("/", "-"))
            file = os.path.relpath(path, campaign.folder.path)
            lines.append((name, env, words_of(changed) or NOTHING, Link(file, quote(file)) if path.exists() else ""))
    return Card(
        "What is compared",
        words=[f"The campaign's command: {campaign.manifest.command}"],
        table=[("variant", "env", "what it changes", "its whole configuration"), *lines],
    )


def runs_card(campaign: SoFar) -> Card:
    """Each run, with the way to it."""
    lines = [(*_run(campaign, row),) for row in campaign.rows]
    if not lines:
        return Card("Runs", words=["No run has begun yet."])
    return Card(
        "Runs",
        table=[("variant", "env", "seed", "state", "agent steps", "updates", "final", "run", "a page of it"), *lines],
        notes=["The command that makes a run alone is in its folder, in ENV/command.txt."],
    )


def failures_cards(campaign: SoFar) -> list[Card]:
    """Those that failed, and why; none if none did."""
    failed = [row for row in campaign.rows if row.state == "failed"]
    lines = [(row.variant, row.env, str(row.seed), row.reason, row.run_folder) for row in failed]
    return [Card("Runs that failed", table=[("variant", "env", "seed", "reason", "run"), *lines])] if failed else []


def _run(campaign: SoFar, row: Row) -> list[Cell]:
    name = row.run_folder
    folder: Cell = NOTHING
    if name:
        beside = os.path.relpath(campaign.folder_of(row).resolve(), campaign.folder.path.resolve())
        folder = Link("/".join(Path(name).parts[-2:]), f"{quote(beside)}/")
    return [
        row.variant,
        row.env,
        str(row.seed),
        row.state,
        NOTHING if row.agent_steps is None else f"{row.agent_steps:,}",
        NOTHING if row.updates is None else f"{row.updates:,}",
        NOTHING if row.final_mean is None else f"{row.final_mean:.1f}",
        folder,
        f"python -m dqn_zoo_ext.report {shlex.quote(name)}" if row.state == "finished" else NOTHING,
    ]
