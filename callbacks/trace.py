"""A trace of some vector steps, for looking at where their time goes."""

from collections.abc import Callable
from pathlib import Path

import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch.profiler import ProfilerActivity, profile

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.atomic import plain_os_errors, replacing

_UPDATES_BEFORE = 16  # the first ones allocate memory and choose kernels


class Trace(BaseCallback):
    """Records `vector_steps` of a training that learns already, with PyTorch's profiler, and writes them to `path`.

    More of them, where updates come in rounds further apart: it ends with the first that has seen one.

    The file is in the trace event format: ui.perfetto.dev and chrome://tracing open it. The activities of
    ``learning.time_spent`` stand in it under their names. While it records, the training is slower than it is.
    """

    def __init__(self, path: Path, say: Callable[[str], None], vector_steps: int = 32) -> None:
        super().__init__()
        self._path = path
        self._say = say
        self._steps_left = vector_steps
        self._profile: profile | None = None
        self._updates_at_start = 0
        self._updates_before = 0
        """Those made before it began to record."""

    def _on_training_start(self) -> None:
        self._updates_at_start = self.model._n_updates

    def _on_rollout_start(self) -> None:
        if self._steps_left == 0:
            return
        updates = self.model._n_updates - self._updates_at_start
        if self._profile is not None:
            self._steps_left = max(self._steps_left - 1, 1 if updates == self._updates_before else 0)
            if self._steps_left == 0:
                self._write()
        elif updates >= _UPDATES_BEFORE:
            self._updates_before = updates
            on_gpu = [ProfilerActivity.CUDA] if torch.cuda.is_available() else []
            self._profile = profile(activities=[ProfilerActivity.CPU, *on_gpu])
            self._profile.start()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        if self._profile is not None:
            self._write()
        elif self._steps_left > 0:
            self._say(f"no trace: it begins after {_UPDATES_BEFORE} updates, and there were fewer")

    def _write(self) -> None:
        assert self._profile is not None
        self._profile.stop()
        recorded, self._profile, self._steps_left = self._profile, None, 0
        try:
            with plain_os_errors(f"cannot write {self._path}"), replacing(self._path) as temporary:
                recorded.export_chrome_trace(str(temporary))
        except UserError as error:  # no reason to end a run of days
            self._say(f"warning: no trace: {error}")
        else:
            self._say(f"trace: {self._path}")
