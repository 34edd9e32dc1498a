"""The levels between which scores are human-normalised, and whether scores were measured by the levels' own rules."""

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.published_scores import sources

OTHER_RULES = "~"
"""Stands before a human-normalised score that was measured by other rules than the levels, as in ``score_table``."""
_LEVELS = ("random", "human")


def levels_rules() -> str:
    """The name of the protocol that has the rules by which random play and people were measured."""
    return " and ".join(sorted({str(sources("scores")[level].rules) for level in _LEVELS}))


def same_rules_as_levels(protocol: str, sticky: float) -> bool:
    """Whether `protocol` has the levels' starts, sticky actions and cap on a game; not if nobody here knows its rules.

    sticky: how often actions repeated in the games, for protocols that leave it as in training.
    """
    try:
        rules = protocols.get(protocol)
    except UserError:  # that of an RL-Zoo run, or of a plug-in that is not loaded
        return False
    return all(sources("scores")[level].same_rules_as(rules, sticky) for level in _LEVELS)


def other_rules_note() -> str:
    """What `OTHER_RULES` means, for a line below numbers that it marks."""
    return (
        f"{OTHER_RULES}: random play and people were measured by the rules of {levels_rules()}, these evaluations by "
        "others (starts, sticky actions, cap on a game): not to be compared with published ones"
    )
