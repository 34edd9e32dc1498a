"""What a study of ours says beside Optuna's own words: user attributes, and the names of its objectives."""

from collections.abc import Sequence

import optuna

CONFIGURATION, REASON = "configuration", "reason"
"""A trial's user attributes: its whole configuration as plain data, and why it failed."""
INTERRUPTED = "interrupted"
"""The reason of a trial that did not fail by itself: the search was ended."""
RUNGS = "rungs"
"""A study's user attribute: the agent steps at which its trials report, the last of which is their end."""


def objectives_of(study: optuna.Study) -> Sequence[str]:
    """The names of the values of its trials."""
    if study.metric_names is not None:
        return study.metric_names
    several = len(study.directions) > 1
    return [f"value {index}" for index in range(len(study.directions))] if several else ["value"]
