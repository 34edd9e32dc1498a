"""What can go wrong while a run learns, each in a line that says what happened and how to go on."""

import contextlib
import json
from collections.abc import Iterator

import torch

from dqn_zoo_ext.callbacks import ExactCheckpoint
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.live_run import LiveRun
from dqn_zoo_ext.learning.finite import NotFinite
from dqn_zoo_ext.storage.agent_file import write_agent
from dqn_zoo_ext.storage.state_file import write_state


@contextlib.contextmanager
def plain_breakdowns(run: LiveRun, exact: ExactCheckpoint) -> Iterator[None]:
    """Turn what the user can mend into a UserError; anything else passes on, and what has been learned is kept."""
    begun = run.model.num_timesteps
    try:
        yield
    except NotFinite as error:
        raise UserError(
            f"{error}; the evidence lies in {_keep_evidence(error, run)}{_how_to_go_on(run, exact)}"
        ) from error
    except torch.OutOfMemoryError as error:
        advice = "a smaller batch_size, fewer n_envs, or --device cpu may help"
        raise UserError(f"the GPU's memory is full: {advice}{_how_to_go_on(run, exact)}") from error
    except (EOFError, BrokenPipeError, ConnectionResetError) as error:
        if run.options.vec_env != "subproc":
            raise  # the reader of our own output has gone
        raise UserError(f"the process of an environment has died{_how_to_go_on(run, exact)}") from error
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        raise UserError(f"{what}{error.strerror or error}{_how_to_go_on(run, exact)}") from error
    except UserError as error:
        raise UserError(f"{error}{_how_to_go_on(run, exact)}") from error
    except Exception as error:
        if note := _how_to_go_on(run, exact):
            error.add_note(note.removeprefix("; "))
        if run.model.num_timesteps > begun:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                write_agent(run.model, run.folder.checkpoint(run.model.num_timesteps))
        raise


def _how_to_go_on(run: LiveRun, exact: ExactCheckpoint) -> str:
    if run.model.num_timesteps == run.first_step:
        return ""  # nothing has been learned: the run's folder is removed again
    if not run.folder.path.is_dir():
        return "; the run's folder is gone"
    if exact.saved_at is None:
        return "; there is no checkpoint to go on from"
    return f"; the last checkpoint is of {exact.saved_at:,} agent steps: train --resume {run.folder.path}"


def _keep_evidence(error: NotFinite, run: LiveRun) -> str:
    folder = run.folder.path / f"not_finite_update_{error.update}"
    try:
        folder.mkdir()
        write_state(error.evidence, folder)
        (folder / "found.json").write_text(
            json.dumps({"message": str(error), "layers": error.layers, "statistics": error.statistics}, indent=2) + "\n"
        )
    except OSError as failed:
        return f"no file ({failed.strerror})"
    return str(folder)
