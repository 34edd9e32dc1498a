"""One run of a campaign: a planned run in, a row out. Knows nothing of the other runs."""

import gc
from dataclasses import replace

from rich.console import Console

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.scores import human_normalised_of
from dqn_zoo_ext.experiment.campaign.plan import PlannedRun
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.run import Finished, resume, train
from dqn_zoo_ext.storage.campaign_folder import Row
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.run_folder import RunFolder


def one_run(run: PlannedRun, options: RunOptions, folder: RunFolder) -> Row:
    """Train in `folder`, or go on there, and say what came of it; a run that fails is no exception but a row."""
    quiet, row = Console(quiet=True), replace(run.row(), run_folder=str(folder.path))
    goes_on = CheckpointFolder(folder.checkpoint_folder).is_there()
    try:
        if goes_on:
            finished = resume(folder, run.variant.configuration, options, [], quiet)
        else:
            finished = train(run.variant.configuration, options, quiet, folder)
    except Exception as error:
        first_line = (str(error).splitlines() or [""])[0]
        reason = first_line if isinstance(error, UserError) else f"{type(error).__name__}: {first_line}"
        return replace(row, state="failed", reason=reason, run_folder=row.run_folder if folder.path.exists() else "")
    finally:
        gc.collect()  # callbacks and model refer to each other, and hold environments and a replay buffer
    return _row_of(row, finished, run.variant.configuration.env.game)


def _row_of(row: Row, finished: Finished, game: str | None) -> Row:
    results = finished.results
    row = replace(row, state="stopped", agent_steps=results.agent_steps, seconds=results.seconds)
    if finished.stopped_by is not None:
        return row
    if results.final is None or results.best is None:
        return replace(row, state="failed", reason="it ended without an evaluation of the last agent")
    return replace(
        row,
        state="finished",
        protocol=results.final.protocol,
        final_mean=results.final.mean,
        final_std=results.final.std,
        best_mean=results.best.mean,
        human_normalised=None if game is None else human_normalised_of(game, results.final.mean),
        agent_steps_per_second=results.agent_steps_per_second,
    )
