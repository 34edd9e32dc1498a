"""What all trackers of experiments have in common: a run there that gets each line of the log."""

import importlib
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from dqn_zoo_ext.callbacks.lent import Lent
from dqn_zoo_ext.callbacks.vital_signs import undisturbed
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.state import State

Numbers = dict[str, float]


class Tracker(BaseCallback):
    """Begins a run of `library`, hands it every line of the log with its agent steps, and ends it.

    It is marked as failed if the training fails or is stopped, until it goes on. A run that cannot be begun is a
    UserError; a line that cannot be written is said once, and the training goes on. A run of ours that is resumed goes
    on there too: lines between its checkpoint and where it was killed then stand there twice, with equal numbers.

    name: of the run there; by default ENV__ALGO__SEED, as with ``--track``. UserError if the library is missing.
    """

    library: ClassVar[str]
    """The module, and the extra that brings it."""

    def __init__(self, name: str | None = None, say: Callable[[str], None] = print) -> None:
        super().__init__()
        self._module = _import(self.library)
        self._name = name
        self._say = say
        self._configuration: Mapping[str, Any] = {}
        self._there: str | None = None
        """What the run goes by there, once it was begun."""
        self._lines: _Lines | None = None

    @abstractmethod
    def begin(self, name: str, configuration: Mapping[str, Any], there: str | None) -> str:
        """Begin a run, or go on with the one that goes by `there`; what it goes by."""

    @abstractmethod
    def write(self, numbers: Numbers, agent_steps: int) -> None:
        """Hand it a line of the log."""

    @abstractmethod
    def end(self, failed: bool) -> None:
        """Nothing comes any more."""

    def borrow(self, lent: Lent) -> None:
        """The configuration, the name, and where lines go."""
        self._configuration, self._say = lent.configuration, lent.say
        self._name = self._name or lent.name

    def state(self) -> State:
        """What the run goes by there."""
        return {"there": self._there}

    def load_state(self, state: State) -> None:
        """Go on with that one."""
        self._there = state["there"]

    def _on_training_start(self) -> None:
        name = self._name or type(self.model).__name__.lower()
        with undisturbed(self.model):  # names and ids are drawn by chance
            try:
                self._there = self.begin(name, self._configuration, self._there)
            except Exception as error:  # each library has errors of its own
                raise UserError(f"callback '{self.library}': {_words(error)}") from error
        self._lines = _Lines(self)
        self.logger.output_formats.append(self._lines)

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        if self._lines is not None:
            self._lines.end(failed=False)
            self.logger.output_formats.remove(self._lines)


class _Lines(KVWriter):
    """An output of the logger. It is closed with the logger, whatever has ended the training."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._ended = self._has_complained = False

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:  # noqa: ARG002
        numbers = {key: float(value) for key, value in key_values.items() if isinstance(value, int | float | np.number)}
        self._tried(lambda: self._tracker.write(numbers, step))

    def close(self) -> None:
        self.end(failed=True)

    def end(self, failed: bool) -> None:
        if not self._ended:
            self._ended = True
            self._tried(lambda: self._tracker.end(failed))

    def _tried(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception as error:  # no reason to end a training
            if not self._has_complained:
                self._has_complained = True
                self._tracker._say(f"warning: callback '{self._tracker.library}': {_words(error)}")


def _words(error: Exception) -> str:
    return one_line(str(error)) or type(error).__name__


def _import(library: str) -> Any:
    try:
        module = importlib.import_module(library)
    except ImportError:
        module = None
    if getattr(module, "__file__", None) is None:  # the folder `wandb` of an earlier run can be imported too
        extra = f"pip install 'dqn_zoo_ext[{library}]'"
        raise UserError(f"callback '{library}': {library} is not installed; install the extra with: {extra}")
    return module
