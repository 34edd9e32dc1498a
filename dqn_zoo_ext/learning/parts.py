"""What an algorithm is made of besides its loss: named parts, which a configuration may exchange, and what must fit.

An algorithm's class says its ``parts`` in the words of a configuration. They lie over the family's values and under the
algorithm's own YAML file; without a configuration they are the defaults of its constructor.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from dqn_zoo_ext import registry

POLICY = "policy_kwargs"
EXPECTATION = "expectation"


def parts_of(algorithm: type[Any]) -> dict[str, Any]:
    """The parts of a class over those of its parents; with the distribution that it learns, and that one's loss."""
    parts: dict[str, Any] = {}
    for base in reversed(algorithm.__mro__):
        own = dict(vars(base).get("parts", {}))
        policy = laid_over(parts.get(POLICY, {}), own.pop(POLICY, {}))
        parts = {**parts, **own, **({POLICY: policy} if policy else {})}
    distribution = getattr(algorithm, "distribution", EXPECTATION)
    if distribution == EXPECTATION:
        return parts
    parts[POLICY] = {**parts.get(POLICY, {}), "distribution": distribution}
    return {"loss": registry.distributions.get(distribution).loss, **parts}


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords of a policy over others, key by key, as layers of YAML are merged.

    The further arguments of a part go where another one takes its place.
    """
    result = dict(below)
    for name in below:
        if name.endswith("_kwargs") and not _same(name.removesuffix("_kwargs"), below, above):
            del result[name]
    for name, value in above.items():
        beneath = result.get(name)
        if isinstance(beneath, Mapping) and isinstance(value, Mapping):
            value = {**beneath, **value}
        result[name] = value
    return result


def settings_among(parts: Mapping[str, Any], settings: type[Any]) -> dict[str, Any]:
    """Those of the parts that are an algorithm's own settings."""
    return {each.name: parts[each.name] for each in fields(settings) if each.name in parts}


def misfit_of_loss(distribution: str, loss: str) -> str | None:
    """Why `loss` cannot be what a network with this distribution is learned with, in words; None if it can."""
    own = registry.distributions.get(distribution).loss
    if own is not None:
        return None if loss == own else f"must be '{own}', the loss of a {distribution} distribution, not '{loss}'"
    taken = {registry.distributions.get(name).loss: name for name in registry.distributions.names()}
    if loss not in taken:
        return None
    free = ", ".join(name for name in registry.losses.names() if name not in taken)
    return f"'{loss}' is the loss of a {taken[loss]} distribution, and no TD error's; choose one of {free}"


def misfit_of_distribution(name: str, learns: str, given: str) -> str | None:
    """Why the algorithm called `name`, which `learns` one distribution, cannot be `given` another; None if it can."""
    if given == learns:
        return None
    others = [each for each in registry.algorithms.names() if _learns(each) == given]
    instead = f"; {given} is learned by {', '.join(others)}" if others else ""
    return f"must be '{learns}', which is what {name} learns, not '{given}'{instead}"


def _learns(algorithm: str) -> str | None:
    learns: str | None = getattr(registry.algorithms.get(algorithm), "distribution", None)
    return learns


def _same(name: str, below: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    return name not in above or above[name] == below.get(name)
