"""The two laws of prioritized replay, by name, and the masses that both draw by."""

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import shown
from dqn_zoo_ext.learning.replay.priorities.law import PriorityLaw, Proportional
from dqn_zoo_ext.learning.replay.priorities.rank import RankBased

_LAWS: dict[str, type[PriorityLaw]] = {"proportional": Proportional, "rank": RankBased}


def known_law(name: str) -> str:
    """The name, of ``proportional`` and ``rank``. UserError for any other."""
    if name not in _LAWS:
        raise UserError(f"unknown law {shown(name)}{nearest(name, _LAWS)}")
    return name


def law_of(name: str) -> type[PriorityLaw]:
    """The law of this name. UserError if there is none."""
    return _LAWS[known_law(name)]
