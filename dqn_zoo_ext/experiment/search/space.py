"""A configuration's ``search:`` block as Optuna's distributions.

An entry is a hyperparameter, nested ones with dots, and one of::

    {type: float | int, low: 1e-5, high: 1e-3, log: true}       # log is false unless said
    {type: float | int, low: 0.9, high: 0.99, step: 0.03}       # 0.9, 0.93, 0.96 and 0.99
    {type: categorical, choices: [16, 32, [64, 64]]}

Optuna stores numbers, texts, truth values and null. A choice that is a list or a mapping is stored as JSON, which is
YAML, and texts among the overrides of ``config.load`` are read as YAML: so every value that Optuna hands out can be
laid over a configuration as it is.
"""

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.config.schema import Hyperparameters
from dqn_zoo_ext.errors import UserError, nearest

Load = Callable[[Mapping[str, object]], Configuration]
"""``config.load`` with all its arguments but the overrides."""

Space = Mapping[str, BaseDistribution]
"""What a search varies: hyperparameters by dotted key."""

_INTERVAL = "target_update_interval"
_RANGE = ("low", "high", "log", "step")
_KEYS = {"float": _RANGE, "int": _RANGE, "categorical": ("choices",)}


def without(values: Mapping[str, Any], named: Collection[str]) -> dict[str, Any]:
    """`values` by dotted key, without those that `named` has, in whole or in part."""
    return {key: value for key, value in values.items() if not any(_overlap(key, name) for name in named)}


def search_space(load: Load, overrides: Mapping[str, object]) -> Space:
    """The space of the configuration with `overrides`; what they name is given, and is not searched for.

    UserError, one line, for a malformed entry, one whose ends or choices the configuration does not allow, or no entry.
    """
    configuration = load(overrides)
    blame = f"search block of '{configuration.algo}'"
    entries = without(configuration.search, overrides)
    if not entries:
        raise UserError(
            f"{blame}: all that it names is given with -params"
            if configuration.search
            else f"{blame}: there is none; write one into a file for -conf, e.g. "
            "search: {learning_rate: {type: float, low: 1e-5, high: 1e-3, log: true}}, or into the algorithm's own "
            "file, where search: {inherit: dqn} will do"
        )
    blames = {key: f"{configuration.search_sources[key]}: {blame}: {key}" for key in entries}
    space = {key: _distribution(entry, blames[key]) for key, entry in entries.items()}
    for key, distribution in space.items():
        for value in _ends(distribution):
            try:
                load({**overrides, key: value})
            except UserError as error:
                raise UserError(f"{blames[key]}: {str(error).removeprefix('-params: ')}") from error
    return space


def never_copied(space: Space, configurations: Sequence[Configuration]) -> list[str]:
    """A line, if trials may draw an interval within which their target network is never renewed."""
    drawn = space.get(_INTERVAL)
    least = min((_agent_steps_of_learning(each.hyperparameters) for each in configurations), default=0)
    if drawn is None or least < 1:
        return []
    longest = max(_ends(drawn))
    if longest <= least:
        return []
    return [
        f"warning: the search goes up to {_INTERVAL} {longest:,}, and a trial learns for {least:,} agent steps: with "
        f"such values the target network is never renewed (a longer -n, or a smaller `high` in a search: block)"
    ]


def _agent_steps_of_learning(parameters: Hyperparameters) -> int:
    """Between learning_starts and the end; 0 where the interval is not counted in agent steps."""
    if parameters.target_update_unit != "agent_steps":
        return 0
    return parameters.n_timesteps - parameters.learning_starts


def _overlap(key: str, other: str) -> bool:
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def _distribution(entry: Any, blame: str) -> BaseDistribution:
    if not isinstance(entry, Mapping) or "type" not in entry:
        raise UserError(f"{blame}: must be a mapping with a type, e.g. {{type: float, low: 0.9, high: 0.99}}")
    kind = entry["type"]
    if not isinstance(kind, str) or kind not in _KEYS:
        raise UserError(f"{blame}: unknown type '{kind}'{nearest(str(kind), _KEYS)}")
    for key in entry:
        if key != "type" and key not in _KEYS[kind]:
            raise UserError(f"{blame}: unknown key '{key}' for type {kind}{nearest(key, _KEYS[kind])}")
    return _choices(entry, blame) if kind == "categorical" else _range(entry, kind, blame)


def _choices(entry: Mapping[str, Any], blame: str) -> CategoricalDistribution:
    choices = entry.get("choices")
    if not isinstance(choices, list) or not choices:
        raise UserError(f"{blame}: choices must be a list with at least one value")
    return CategoricalDistribution([json.dumps(each) if isinstance(each, list | dict) else each for each in choices])


def _range(entry: Mapping[str, Any], kind: str, blame: str) -> FloatDistribution | IntDistribution:
    low, high = (_number(entry, name, kind, blame) for name in ("low", "high"))
    log = entry.get("log", False)
    if not isinstance(log, bool):
        raise UserError(f"{blame}: log must be true or false, not '{log}'")
    if low > high:
        raise UserError(f"{blame}: low must not be above high, but {low:g} is above {high:g}")
    if log and low <= 0:
        raise UserError(f"{blame}: with log: true, low must be above 0, not {low:g}")
    step = _step(entry, kind, log, high - low, blame)
    if kind == "int":
        return IntDistribution(int(low), int(high), log, int(step or 1))
    return FloatDistribution(low, high, log, step)


def _step(entry: Mapping[str, Any], kind: str, log: bool, width: float, blame: str) -> float | None:
    if entry.get("step") is None:
        return None
    step = _number(entry, "step", kind, blame)
    if step <= 0:
        raise UserError(f"{blame}: step must be above 0, not {step:g}")
    if log:
        raise UserError(f"{blame}: a range with log: true has no step; list its values with choices")
    number = round(width / step)
    if not math.isclose(number * step, width, rel_tol=1e-9):
        low, high = entry["low"], entry["high"]
        met = low + math.floor(width / step) * step
        raise UserError(f"{blame}: steps of {step:g} from {low:g} do not meet high, {high:g}; write high: {met:g}")
    return step


def _number(entry: Mapping[str, Any], name: str, kind: str, blame: str) -> float:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{blame}: {name} must be a number, not {'missing' if value is None else repr(value)}")
    if kind == "int" and value != int(value):
        raise UserError(f"{blame}: {name} must be a whole number, not {value:g}")
    return value


def _ends(distribution: BaseDistribution) -> tuple[Any, ...]:
    if isinstance(distribution, CategoricalDistribution):
        return tuple(distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)  # there is no third kind in `_distribution`
    return distribution.low, distribution.high
