"""The log of a training in trackio, on this machine or in a Space of the Hub."""

import time
from collections.abc import Mapping
from typing import Any

from dqn_zoo_ext.callbacks.trackers.tracker import Numbers, Tracker
from dqn_zoo_ext.registry import register_callback


@register_callback("trackio")
class Trackio(Tracker):
    """A run in trackio, which is the extra ``trackio``; ``trackio show`` opens its dashboard.

    In YAML: ``callback: [{trackio: {project: space_invaders}}]``. space_id: a Space such as ``USER/trackio``, instead
    of this machine. It knows a run by its name, so the moment of the beginning is put behind it. It has no mark for a
    run that failed.
    """

    library = "trackio"

    def __init__(self, project: str = "dqn_zoo_ext", space_id: str | None = None, **common: Any) -> None:
        super().__init__(**common)
        self._project = project
        self._space_id = space_id
        self._run: Any = None

    def begin(self, name: str, configuration: Mapping[str, Any], there: str | None) -> str:
        """A run under a name that no other has, or the one of that name."""
        there = there or f"{name}__{time.time_ns() // 1_000_000}"
        self._run = self._module.init(
            self._project,
            name=there,
            space_id=self._space_id,
            config=dict(configuration),
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
        return there

    def write(self, numbers: Numbers, agent_steps: int) -> None:
        """A line, at its agent steps."""
        self._run.log(numbers, step=agent_steps)

    def end(self, failed: bool) -> None:  # noqa: ARG002
        """Wait until all has been written."""
        self._module.finish()  # and not the run's own, after which it would be finished once more as Python ends
