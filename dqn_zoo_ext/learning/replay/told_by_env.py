"""What environments say of how their observations stack frames, for the ring that is to take them apart."""

from collections.abc import Mapping
from typing import Any

from dqn_zoo_ext.envs.screens.stacking import Stacking, stacking_of


def with_stacking(keywords: Mapping[str, Any], env: object) -> dict[str, Any]:
    """`keywords` of a ring for observations of `env`, whose ``stacking`` they tell it where that is not the default.

    What they said of the environments of a former model is left out.
    """
    stacking = stacking_of(env)
    own = {name: value for name, value in keywords.items() if name not in Stacking._fields}
    return own if stacking == Stacking() else {**own, **stacking._asdict()}
