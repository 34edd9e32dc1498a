"""Checkpoints for exact resume, written beside the training, and the orderly stop that ends in one."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.callbacks.pace import Pace
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.exact.checkpoints import Checkpoint, CheckpointFolder, Snapshot


class Stopped(Exception):  # noqa: N818  # not an error: the run was asked to stop, and can go on
    """The run was asked to stop."""


class ExactCheckpoint(BaseCallback):
    """Takes a snapshot every `every` agent steps, at the start and at the end, and writes it while training goes on.

    A snapshot is taken between two vector steps, when everything of the last one has been stored and learned; it takes
    milliseconds. A thread writes it; training waits only if the next one is due before, or if it is about to overwrite
    rows of the replay that are still to be written. A checkpoint that cannot be written is reported to `say`; training
    goes on, and the ones before it stay. Only if the run's folder is gone is that error raised.

    stop_asked: whether the run is to stop; it then stops between two vector steps, with a checkpoint, by `Stopped`.
    seconds_waited: what all that has cost the training.
    """

    def __init__(
        self,
        every: int,
        folder: CheckpointFolder,
        snapshot: Callable[[], Snapshot],
        stop_asked: Callable[[], bool],
        say: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._pace = Pace(every)
        self._every = every
        self._folder = folder
        self._snapshot = snapshot
        self._stop_asked = stop_asked
        self._say = say
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._begun = False
        self._writing: tuple[Snapshot, Future[None]] | None = None
        self.saved_at: int | None = None
        """agent steps of the last snapshot that was written, or that the run goes on from"""
        self.seconds_waited = 0.0

    def _on_training_start(self) -> None:
        self._pace.begin(self.model.num_timesteps)

    def _on_rollout_start(self) -> None:
        if self._writing is not None and self._writing[1].done():
            self.wait()
        self.stop_if_asked()
        if self._pace.due(self.model.num_timesteps) or not self._begun:
            self._begun = True
            self.save()

    def _on_step(self) -> bool:
        if self._writing is not None and self._is_about_to_overwrite(self._writing[0]):
            self.wait()
        return True

    def _on_training_end(self) -> None:
        self.save()
        self.wait()

    def stop_if_asked(self) -> None:
        """Between two vector steps: if the run is to stop, save it and raise `Stopped`."""
        if self._stop_asked():
            self._say("stopping after this step" + (", with a checkpoint" if self.is_on else ""))
            self.stop()

    def stop(self) -> None:
        """Between two vector steps: save the run and raise `Stopped`."""
        self.save()
        self.wait()
        raise Stopped

    @property
    def is_on(self) -> bool:
        """Whether checkpoints are made at all."""
        return self._every > 0

    def turn_off(self) -> None:
        """Make none: this run cannot be resumed."""
        self._every = 0

    def go_on_from(self, checkpoint: Checkpoint, with_replay: bool = True) -> None:
        """The run goes on from this one, with its replay or with an empty one."""
        self._begun = True
        self.saved_at = checkpoint.agent_steps
        self._folder.go_on_from(checkpoint, with_replay)

    def close(self) -> None:
        """Wait for what is being written, and let go of the thread."""
        self.wait()
        self._thread.shutdown()

    def save(self) -> None:
        """Take a snapshot and begin to write it, unless there is one of this moment, or the run ended amid a step."""
        self.wait()
        if not self.is_on or self.saved_at == self.model.num_timesteps or self.model._last_obs is None:
            return
        began = time.monotonic()
        try:
            snapshot = self._snapshot()
            self._writing = (snapshot, self._thread.submit(self._folder.write, snapshot))
        except FileNotFoundError:
            raise
        except (OSError, UserError) as error:  # a file of the run beside it, such as config.yml, may be refused too
            self._report(error)
        self.seconds_waited += time.monotonic() - began

    def wait(self) -> None:
        """Until what is being written is on the disk, or has failed, which is reported."""
        if self._writing is None:
            return
        began = time.monotonic()
        snapshot, written = self._writing
        try:
            written.result()
            self.saved_at = snapshot.agent_steps
        except FileNotFoundError:  # the run's folder has vanished: all that follows would be lost
            raise
        except Exception as error:  # a run of days does not end because it could not be saved
            self._report(error)
        finally:
            self._writing = None
        self.seconds_waited += time.monotonic() - began

    def _is_about_to_overwrite(self, snapshot: Snapshot) -> bool:
        rows = snapshot.rows
        return rows is not None and rows.rows_added + rows.rows_at_once - rows.rows > snapshot.unsaved_row

    def _report(self, error: Exception) -> None:
        last = "there is none" if self.saved_at is None else f"the last one is of {self.saved_at:,} agent steps"
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        self._say(f"warning: cannot write a checkpoint: {reason}; {last}")
