"""A finding: something that a run would silently suffer from, and the change that mends it."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from dqn_zoo_ext.config.brought import refusals
from dqn_zoo_ext.config.load import Configuration

TRIAL_RUN = 10_000
"""A run of fewer agent steps tries the machinery out: that it learns nothing is a warning then, and no stop."""

Level = Literal["stop", "warning"]


@dataclass(frozen=True)
class Finding:
    """name: for programs, e.g. ``never_learns``. rule: what should be so. value: what is so. where: the file and line,
    or the option, that says it. suggestion: the change that mends it.

    level: ``stop`` is certain harm, which nothing would show for hours; ``warning`` is what one may want.
    """

    level: Level
    name: str
    rule: str
    value: str
    where: str
    suggestion: str

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.rule}: {self.value} ({self.where}). Change: {self.suggestion}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dict(vars(self))


def where(configuration: Configuration, *keys: str) -> str:
    """The file and lines that these keys stand in; of a key that holds others, the first line in each file."""
    lines: dict[str, dict[str, None]] = {}
    for key in keys:
        sources = [source for name, source in configuration.sources.items() if f"{name}.".startswith(f"{key}.")]
        for source in {source.file: source for source in reversed(sources)}.values():
            lines.setdefault(source.file, {}).update({} if source.line is None else {str(source.line): None})
    places = (f"{file}:{' and '.join(numbers)}" if numbers else file for file, numbers in lines.items())
    return ", ".join(places) or "default"


def can_have(configuration: Configuration, **changes: Any) -> bool:
    """Whether the algorithm can do these hyperparameters: only then are they a suggestion."""
    return not any(refusals(configuration.algo, replace(configuration.hyperparameters, **changes)))


def stop_unless_trial(agent_steps: int) -> Level:
    """For harm that only matters to runs of which learning is expected."""
    return "stop" if agent_steps >= TRIAL_RUN else "warning"


def flags(**changes: object) -> str:
    """``-params`` words for these changes; a double underscore stands for a dot."""
    return " ".join(["-params", *(f"{key.replace('__', '.')}:{value}" for key, value in changes.items())])
