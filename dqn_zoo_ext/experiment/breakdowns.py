"""What can go wrong while a run learns, each in a line that says what happened and how to go on."""

import contextlib
import json
import shutil
from collections.abc import Iterator

import torch

from dqn_zoo_ext.callbacks import ExactCheckpoint
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.live_run import LiveRun
from dqn_zoo_ext.experiment.resume import resume_words
from dqn_zoo_ext.learning.updates.finite import NotFinite
from dqn_zoo_ext.storage.agent_file import write_agent
from dqn_zoo_ext.storage.exact.state_file import write_state

_GPU_IS_FULL = "the GPU's memory is full: a smaller batch_size, fewer n_envs, or --device cpu may help"
_MEMORY_IS_FULL = "the memory is full: a smaller buffer_size or batch_size, or fewer n_envs, may help"


@contextlib.contextmanager
def plain_breakdowns(run: LiveRun, exact: ExactCheckpoint) -> Iterator[None]:
    """Turn what the user can mend into a UserError; anything else passes on, and what has been learned is kept."""
    begun = run.model.num_timesteps
    try:
        with plain_memory_errors():
            yield
    except NotFinite as error:
        raise _not_finite(error, run, exact) from error
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


@contextlib.contextmanager
def plain_memory_errors() -> Iterator[None]:
    """Memory that is full, while a run is put together or learns, as a UserError."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise UserError(_GPU_IS_FULL) from error
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error):  # PyTorch's, of main memory
            raise UserError(_MEMORY_IS_FULL) from error
        raise


def _how_to_go_on(run: LiveRun, exact: ExactCheckpoint) -> str:
    if run.model.num_timesteps == run.first_step:
        return ""  # nothing has been learned: the run's folder is removed again
    if not run.folder.path.is_dir():
        return "; the run's folder is gone"
    if exact.saved_at is None:
        return "; there is no checkpoint to go on from"
    command = f"python -m dqn_zoo_ext.train {resume_words(run.folder, run.options.arguments.get('gym_packages', ()))}"
    return f"; the last checkpoint is of {exact.saved_at:,} agent steps: {command}"


def _not_finite(error: NotFinite, run: LiveRun, exact: ExactCheckpoint) -> UserError:
    how = _how_to_go_on(run, exact)
    if how:  # unchanged, it would come to the same numbers
        how += " -params learning_rate:LOWER --allow-change learning_rate"
    return UserError(f"{error}; the evidence lies in {_keep_evidence(error, run)}{how}")


def _keep_evidence(error: NotFinite, run: LiveRun) -> str:
    folder = run.folder.path / f"not_finite_update_{error.update}"
    if folder.exists():  # a run that goes on unchanged comes to the same numbers
        return f"{folder}, as before"
    new = folder.with_name(f".{folder.name}.new")  # a part of it would be taken for the whole by the next process
    shutil.rmtree(new, ignore_errors=True)
    try:
        new.mkdir()
        write_state(error.evidence, new)
        (new / "found.json").write_text(
            json.dumps({"message": str(error), "layers": error.layers, "statistics": error.statistics}, indent=2) + "\n"
        )
        new.rename(folder)
    except OSError as failed:
        shutil.rmtree(new, ignore_errors=True)
        return f"no file ({failed.strerror})"
    return str(folder)
