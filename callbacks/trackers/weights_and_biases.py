"""The log of a training in Weights & Biases."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from dqn_zoo_ext.callbacks.lent import Lent
from dqn_zoo_ext.callbacks.trackers.tracker import Numbers, Tracker
from dqn_zoo_ext.registry import register_callback


@register_callback("wandb")
class WeightsAndBiases(Tracker):
    """A run in Weights & Biases, which is the extra ``wandb``.

    In YAML: ``callback: [{wandb: {project: space_invaders, mode: offline}}]``. An offline run lies in the folder
    ``wandb`` of the run's, and ``wandb sync`` sends it. ``train --track`` does the same by way of TensorBoard's files,
    as RL-Zoo does it. entity: by default the user's own account. mode: by default what the environment variable
    WANDB_MODE says, or online.
    """

    library = "wandb"

    def __init__(
        self,
        project: str = "dqn_zoo_ext",
        entity: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
        mode: Literal["online", "offline"] | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self._arguments: dict[str, Any] = {
            "project": project,
            "entity": entity,
            "group": group,
            "tags": list(tags),
            "mode": mode,
        }
        self._run: Any = None

    def borrow(self, lent: Lent) -> None:
        """The run's folder too, unless the environment variable WANDB_DIR names another."""
        super().borrow(lent)
        self._arguments["dir"] = os.environ.get("WANDB_DIR", str(lent.folder))

    def begin(self, name: str, configuration: Mapping[str, Any], there: str | None) -> str:
        """A run of its own, beside any other of this process; ValueError beside one of ``--track``."""
        other = self._module.run
        if other is not None and other.settings.sync_tensorboard:  # which makes it ignore what step a line is of
            raise ValueError("--track sends this run there already; take one of the two")
        self._run = self._module.init(
            **self._arguments,
            name=name,
            id=there,
            resume=None if there is None else "allow",
            config=dict(configuration),
            reinit="create_new",
        )
        return str(self._run.id)

    def write(self, numbers: Numbers, agent_steps: int) -> None:
        """A line, at its agent steps."""
        self._run.log(numbers, step=agent_steps)

    def end(self, failed: bool) -> None:
        """Wait until all has been sent or written."""
        self._run.finish(exit_code=int(failed))
