"""What a run comes to in a campaign's table."""

from dataclasses import replace
from pathlib import Path

from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.scores import human_normalised_of
from dqn_zoo_ext.experiment.jobs.job import Outcome
from dqn_zoo_ext.storage.campaign_folder import Row


def row_after(row: Row, outcome: Outcome) -> Row:
    """The run's row, with what came of it."""
    if outcome.state in ("failed", "busy"):
        folder = row.run_folder if Path(row.run_folder).exists() else ""
        return replace(row, state="failed", reason=outcome.reason, run_folder=folder)
    results = outcome.results
    row = replace(row, state="stopped")
    if results is None:
        return row
    row = replace(row, agent_steps=results.agent_steps, updates=results.updates, seconds=results.seconds)
    if outcome.state != "finished":
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
        human_normalised=_normalised(row.env, results.final.mean),
        agent_steps_per_second=results.agent_steps_per_second,
    )


def _normalised(env: str, score: float) -> float | None:
    try:
        game = resolve(env).game
    except UserError:  # of a package that is not installed here
        return None
    return None if game is None else human_normalised_of(game, score)
