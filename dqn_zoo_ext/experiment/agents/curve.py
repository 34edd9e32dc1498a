"""The learning curve of a run as a picture, for a model card."""

from pathlib import Path

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.report.chart import Chart, as_png, draw, notes_of
from dqn_zoo_ext.report.curves import Curve
from dqn_zoo_ext.storage.atomic import write_atomically
from dqn_zoo_ext.storage.run_history import read_evaluations
from dqn_zoo_ext.words import counted


def draw_curve(evaluations: Path, protocol: str, title: str, target: Path) -> bool:
    """Mean score of the evaluations in an ``evaluations.npz`` over agent steps, as a PNG; False if there is none.

    The band is a standard deviation of the games to both sides. UserError if the file is damaged, or `target` cannot be
    written.
    """
    try:
        found = read_evaluations(evaluations) if evaluations.is_file() else None
    except UserError as error:
        reason = str(error).removeprefix(f"{evaluations} is ")
        raise UserError(f"{evaluations} cannot be read as evaluations: {reason}") from error
    if found is None:
        return False
    mean, std = found.scores.mean(axis=1), found.scores.std(axis=1)
    curve = Curve(
        label="mean score",
        x=found.agent_steps,
        score=mean,
        measured=f"evaluations of {counted(found.scores.shape[1], 'game')} by {protocol}",
        low=mean - std,
        high=mean + std,
        band="mean +/- standard deviation of the games",
    )
    write_atomically(target, as_png(draw(Chart(title, "agent_steps", [curve], notes=notes_of([curve])))))
    return True
