"""What a run lends to the callbacks of its configuration, which YAML cannot say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.evaluation.protocols import Protocol as EvaluationProtocol


class FilmSet(NamedTuple):
    """An environment with pictures. scale: pixels of a video for one of the screen's."""

    venv: VecEnv
    pictures_per_second: float
    scale: int


@dataclass(frozen=True)
class Lent:
    """What a callback may use of the run that it stands in.

    folder: the run's. say: prints a line above the progress bar, unless the run is to be silent. film_set: one
    environment as the protocol has it, seeded, with pictures. before_step: to be called before each step of games that
    are played between two steps of the training; what it raises ends them. name: of the run, such as
    ``CartPole-v1__dqn__1``. configuration: the merged hyperparameters with algo, env and seed, as plain data.
    """

    folder: Path
    say: Callable[[str], None]
    film_set: Callable[[EvaluationProtocol, int], FilmSet]
    before_step: Callable[[], None]
    name: str
    configuration: Mapping[str, Any]


@runtime_checkable
class Borrower(Protocol):
    """A callback that uses some of it. Without a run of ours, ``borrow`` is never called."""

    def borrow(self, lent: Lent) -> None:
        """Take what is needed; called once, before the training starts."""
