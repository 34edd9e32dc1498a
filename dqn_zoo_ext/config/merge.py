"""Laying one layer of a configuration over another."""

from collections.abc import Iterable, Mapping

from dqn_zoo_ext.config.yaml_source import Located

Layer = Mapping[str, Located]

KEYWORDS_OF = {
    "optimizer": "optimizer_kwargs",
    "replay_buffer_class": "replay_buffer_kwargs",
    "preprocessing": "preprocessing_kwargs",
    "policy": "policy_kwargs",
    "torso": "torso_kwargs",
    "head": "head_kwargs",
    "layer": "layer_kwargs",
    "distribution": "distribution_kwargs",
}
"""A key that names a class, and the key with that class's keywords."""

EITHER_OR = ("agent_steps", "fraction")
"""A schedule's length is given by one of these."""


def merge(layers: Iterable[Layer]) -> dict[str, Located]:
    """All layers, each one over those before it.

    A mapping is merged key by key; anything else is replaced. A layer that names another class (or schedule) drops the
    keywords that lower layers gave to the old one; one that gives a schedule's length in agent steps drops a length
    given as a fraction, and the other way round.
    """
    result: dict[str, Located] = {}
    for layer in layers:
        result = _over(result, layer)
    return result


def _over(lower: Layer, upper: Layer) -> dict[str, Located]:
    result = dict(lower)
    for name, keywords in KEYWORDS_OF.items():
        if _differs(lower, upper, name):
            result.pop(keywords, None)
    if _differs(lower, upper, "schedule"):
        result = {}
    for given, other in (EITHER_OR, EITHER_OR[::-1]):
        if given in upper and other not in upper:
            result.pop(other, None)
    for key, value in upper.items():
        below = result.get(key)
        if below is not None and isinstance(below.data, dict) and isinstance(value.data, dict):
            result[key] = Located(_over(below.data, value.data), value.source if value.data else below.source)
        else:
            result[key] = value
    return result


def _differs(lower: Layer, upper: Layer, name: str) -> bool:
    return name in lower and name in upper and lower[name].data != upper[name].data
