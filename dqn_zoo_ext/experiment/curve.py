"""The learning curve of a run as a picture, for a model card."""

from pathlib import Path

import numpy as np

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import plain_os_errors, replacing


def draw_curve(evaluations: Path, protocol: str, title: str, target: Path) -> bool:
    """Mean score of the evaluations in an ``evaluations.npz`` over agent steps, as a PNG; False if there is none."""
    from matplotlib.figure import Figure  # slow to import, and only a push needs it

    if not evaluations.is_file():
        return False
    try:
        with np.load(evaluations, allow_pickle=False) as arrays:
            agent_steps, scores = arrays["timesteps"], arrays["results"]
            mean, std = scores.mean(axis=1), scores.std(axis=1)
    except Exception as error:  # damaged input makes numpy raise nearly anything
        raise UserError(f"{evaluations} cannot be read as evaluations: {type(error).__name__}") from error
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(agent_steps, mean, marker="." if len(mean) < 50 else "")
    axes.fill_between(agent_steps, mean - std, mean + std, alpha=0.2, linewidth=0)
    axes.set(title=title, xlabel="agent steps", ylabel=f"mean score +/- std ({protocol}, {scores.shape[1]} games)")
    with replacing(target) as temporary, plain_os_errors(f"cannot write {target}"):
        figure.savefig(temporary, format="png", dpi=100)
    return True
