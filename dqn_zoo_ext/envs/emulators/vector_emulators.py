"""What a vector of emulators must do, whatever it is made of: ale-py's own methods, as far as they are used."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Space


class VectorEmulators(Protocol):
    """Consoles that step together, restart a game in the step that ends it, and give raw rewards.

    ``AtariVectorEnv`` is one. A masked reset leaves the consoles outside the mask as they are, and shows them all.
    ``recv`` gives stacks, rewards, terminated, truncated and infos; where a game is over, everything shown is of the
    next one, and ``infos["final_obs"]`` has the last stack of the old one; other rows of it hold anything.
    """

    @property
    def single_observation_space(self) -> Space[Any]:
        """One console's stack of frames."""
        ...

    @property
    def single_action_space(self) -> Space[Any]:
        """The actions, numbered from 0."""
        ...

    @property
    def ale(self) -> Any:
        """What knows the actions' names (``get_action_set``)."""
        ...

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """Begin new games in all consoles, or in those of ``options["reset_mask"]``. seed: an array, one for each."""
        ...

    def send(self, actions: npt.NDArray[np.int64]) -> None:
        """Begin a step."""
        ...

    def recv(self) -> tuple[Any, ...]:
        """Finish the step."""
        ...
