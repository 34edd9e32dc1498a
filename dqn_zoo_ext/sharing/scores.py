"""``results.json`` of a package: every score with its protocol, and the run that the agent is of."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.evaluate import Evaluation
from dqn_zoo_ext.storage.atomic import write_atomically
from dqn_zoo_ext.storage.results import EvaluationRecord, RunResults, read_json

FORMAT_VERSION = 1
_OF_95_PERCENT = 1.96  # standard deviations of a normal distribution


@dataclass(frozen=True)
class Score:
    """An agent's score by one protocol. measured: ``for this package``, or ``in training``.

    sticky: how often actions repeated in the games; None if that is not known, as in older files.
    """

    protocol: str
    mean: float
    std: float
    episodes: tuple[float, ...]
    measured: str
    seed: int | None = None
    sticky: float | None = None

    @property
    def result(self) -> float:
        """Mean minus standard deviation."""
        return self.mean - self.std

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the mean: 1.96 standard errors to both sides, as if scores were normal; wide for few games."""
        margin = _OF_95_PERCENT * self.std / math.sqrt(len(self.episodes))
        return self.mean - margin, self.mean + margin

    @property
    def text(self) -> str:
        """``74.00 +/- 45.81``, as the Hub writes it."""
        return f"{self.mean:.2f} +/- {self.std:.2f}"

    @classmethod
    def now(cls, evaluation: Evaluation, sticky: float | None) -> "Score":
        """Of games played for the package."""
        protocol, mean, std, scores = evaluation.protocol, evaluation.mean, evaluation.std, evaluation.scores
        return cls(protocol, mean, std, scores, "for this package", evaluation.seed, sticky)

    @classmethod
    def then(cls, record: EvaluationRecord) -> "Score":
        """Of games played during training."""
        sticky = record.repeat_action_probability
        return cls(record.protocol, record.mean, record.std, record.episodes, "in training", sticky=sticky)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "protocol": self.protocol,
            "mean": self.mean,
            "std": self.std,
            "result": self.result,
            "interval": list(self.interval),
            "episodes": list(self.episodes),
            "seed": self.seed,
            "measured": self.measured,
            "repeat_action_probability": self.sticky,
        }


def write_scores(path: Path, agent_steps: int, scores: Sequence[Score], run: RunResults | None) -> None:
    """The file; the first score stands at its top under the names that RL-Zoo's has.

    The protocols play with some random actions, so `is_deterministic` is false.
    """
    first = scores[0]
    content = {
        "format_version": FORMAT_VERSION,
        "mean_reward": first.mean,
        "std_reward": first.std,
        "n_eval_episodes": len(first.episodes),
        "is_deterministic": False,
        "eval_datetime": datetime.now(UTC).isoformat(timespec="seconds"),
        "agent_steps": agent_steps,
        "scores": [score.as_dict() for score in scores],
        "run": None if run is None else run.as_dict(),
    }
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_scores(path: Path) -> tuple[Score, ...]:
    """The scores in a package's results.json that this program has written. UserError if it cannot be read."""
    _, data = read_json(path)
    try:
        return tuple(_score(each) for each in data["scores"])
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no package's results: {type(error).__name__}: {error}") from error


def _score(said: Mapping[str, Any]) -> Score:
    names = ("protocol", "mean", "std", "measured", "seed")
    sticky = said.get("repeat_action_probability")
    return Score(episodes=tuple(said["episodes"]), sticky=sticky, **{name: said[name] for name in names})


def read_agent_steps(path: Path) -> int:
    """After how many agent steps of training the agent of such a file was saved. UserError as in read_scores."""
    _, data = read_json(path)
    steps = data.get("agent_steps") if isinstance(data, dict) else None
    if type(steps) is not int:
        raise UserError(f"{path} is no package's results: agent_steps is {steps!r:.40}")
    return steps


def run_part(path: Path) -> Mapping[str, Any] | None:
    """What a package's results.json says of the run; None if it is not one of ours. Nothing in it is checked yet."""
    _, data = read_json(path)
    found = data.get("run") if isinstance(data, dict) else None
    return found if isinstance(found, dict) else None
