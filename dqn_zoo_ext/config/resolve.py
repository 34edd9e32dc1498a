"""From merged layers to checked values, every error with the place of the value that is wrong."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

from pydantic import ValidationError

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.brought import policies_of, refusals, settings_class
from dqn_zoo_ext.config.schema import HYPERPARAMETERS, SCHEDULES, Hyperparameters, ScheduleSpec
from dqn_zoo_ext.config.yaml_source import Located, Source
from dqn_zoo_ext.envs.request import checked_env_kwargs
from dqn_zoo_ext.envs.rewards import why_not_beside_clipping
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import Place, check_arguments, one_line, problem, shown, signature_of

DEFAULT = Source("default")
"""The source of what no file says: a hyperparameter's default, which means "off", or an algorithm's own default."""

_CLASSES: tuple[tuple[str, str | None, registry.Registry[Any]], ...] = (
    ("optimizer", "optimizer_kwargs", registry.optimizers),
    ("loss", None, registry.losses),
    ("replay_buffer_class", "replay_buffer_kwargs", registry.replay_buffers),
    ("preprocessing", "preprocessing_kwargs", registry.preprocessings),
    ("eval_protocol", None, registry.protocols),
)
_PARTS: tuple[tuple[str, str, registry.Registry[Any]], ...] = (
    ("torso", "torso_kwargs", registry.torsos),
    ("head", "head_kwargs", registry.heads),
    ("layer", "layer_kwargs", registry.layers),
    ("distribution", "distribution_kwargs", registry.distributions),
)

_MACHINE = {
    "optimizer": {"params", "lr"},
    "torso": {"observation_space"},
    "head": {"features_dim", "n_actions", "n_outputs", "net_arch", "activation", "layer"},
    "layer": {"in_features", "out_features"},
    "distribution": {"features_dim"},
    "replay buffer": {
        *{"buffer_size", "observation_space", "action_space", "device", "n_envs", "optimize_memory_usage"},
        *{"n_steps", "gamma", "planes", "stack_start"},
    },
    "policy": {
        *{"observation_space", "action_space", "lr_schedule", "activation_fn", "use_sde"},
        *{"features_extractor_class", "features_extractor_kwargs", "optimizer_class", "optimizer_kwargs"},
    },
}
"""Arguments that the program passes by itself, by kind of plug-in; a configuration may not."""


@dataclass(frozen=True)
class Merged:
    """All layers laid over each other."""

    values: Mapping[str, Located]

    def plain(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of `names` that are given, without their sources."""
        return {name: self.values[name].plain() for name in names if name in self.values}

    def source(self, dotted: str) -> Source:
        """Where the value with this key stands, or the mapping that holds it; `DEFAULT` if nothing says it."""
        here: Any = self.values
        found = DEFAULT
        for name in dotted.split("."):
            if not isinstance(here, Mapping) or name not in here:
                break
            found, here = here[name].source, here[name].data
        return found

    def place(self, key: str) -> Place:
        """For `check_arguments`: where the keywords under this key stand."""
        return Place(key, self.source)


def hyperparameters_of(algo: str, merged: Merged, blame: str, remark: str = "") -> Hyperparameters:
    """The checked hyperparameters of an algorithm.

    UserError for a value that is missing (`blame`: the file to say it of, `remark`: what to say after it), wrong, or
    not for this algorithm.
    """
    plain = merged.plain(HYPERPARAMETERS)
    for each in fields(Hyperparameters):
        if each.name not in plain and each.default is MISSING and each.default_factory is MISSING:
            raise UserError(f"{blame}: no value for '{each.name}', neither in a file nor on the command line{remark}")
    for key in SCHEDULES:
        plain[key] = _schedule(key, plain[key], merged)
    try:
        checked = Hyperparameters(**plain)
    except ValidationError as error:
        key = str(error.errors(include_url=False)[0]["loc"][0])
        raise UserError(f"{merged.source(key)}: {key}: {problem(error)}") from None
    checked = replace(
        checked,
        **_class_keywords(algo, checked, merged),
        callback=_named("callback", checked.callback, registry.callbacks, merged),
        reward=_rewards(checked, merged),
    )
    for key, reason in refusals(algo, checked):
        raise UserError(f"{merged.source(key)}: {key}: {reason}")
    return checked


def settings_of(algo: str, merged: Merged) -> Any:
    """The algorithm's own settings, checked, or None if it has none."""
    accepts = settings_class(algo)
    if accepts is None:
        return None
    given = merged.plain(settings_names(algo))
    checked = check_arguments(f"algorithm '{algo}'", accepts, given, merged.place(""))
    try:
        return accepts(**checked)
    except ValueError as error:
        message = problem(error) if isinstance(error, ValidationError) else str(error)
        raise UserError(f"{_sources(merged, given)}: algorithm '{algo}': {message}") from None


def settings_names(algo: str) -> tuple[str, ...]:
    """The keys that only this algorithm has; ValueError if it takes one that is common to all."""
    accepts = settings_class(algo)
    names = () if accepts is None else tuple(each.name for each in fields(accepts))
    taken = set(names) & set(HYPERPARAMETERS)
    if taken:
        raise ValueError(f"the Settings of algorithm '{algo}' take names that all algorithms have: {sorted(taken)}")
    return names


def _schedule(key: str, given: Any, merged: Merged) -> ScheduleSpec:
    name = given.get("schedule")
    if not isinstance(name, str):
        raise UserError(f"{merged.source(key)}: {key}: needs 'schedule', the name of one, e.g. linear")
    accepts = _find(registry.schedules, name, merged.source(f"{key}.schedule"))
    arguments = {argument: value for argument, value in given.items() if argument != "schedule"}
    place = merged.place(key)
    _refuse_edits_of_a_constant(key, name, arguments, merged)
    arguments = check_arguments(f"schedule '{name}'", accepts, arguments, place)
    try:
        accepts(**arguments)
    except (ValueError, TypeError) as error:
        raise place.error(f"{key}: {error}") from None
    least, most = _RANGE[key]
    for argument, number in _numbers_of(arguments):
        if not least <= number <= most:
            allowed = f"in [{least:g}, {most:g}]" if most < float("inf") else f"at least {least:g}"
            raise place.error(f"{place.dotted(argument)}: must be {allowed}, not {number:g}", argument)
    return ScheduleSpec(name, arguments)


def _refuse_edits_of_a_constant(key: str, name: str, arguments: Mapping[str, Any], merged: Merged) -> None:
    """UserError for ``exploration: {end: 0.05}`` over a number of another place: there is no line to change."""
    place, constant = merged.place(key), merged.source(f"{key}.schedule")
    edits = [each for each in arguments if each != "value" and merged.source(f"{key}.{each}").file != constant.file]
    if name != "constant" or not edits:
        return
    policy = merged.plain(["policy_kwargs"]).get("policy_kwargs")
    noisy = key == "exploration" and isinstance(policy, Mapping) and policy.get("layer") == "noisy"
    why = ", as noisy layers explore" if noisy else ""
    raise place.error(
        f"{key}: '{one_line(edits[0])}' has no line to change, for {key} is {shown(arguments.get('value'))} here "
        f"({constant}){why}; leave the block out, or add schedule: linear and all that a line needs",
        edits[0],
    )


_RANGE = {"learning_rate": (0.0, float("inf")), "exploration": (0.0, 1.0)}


def _numbers_of(arguments: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The values that a schedule takes, as far as its keywords tell."""
    for name in ("value", "start", "end"):
        if isinstance(arguments.get(name), int | float):
            yield name, arguments[name]
    for point in arguments.get("points", ()):
        yield "points", point[1]


def _find(kind: registry.Registry[Any], name: str, source: Source) -> Any:
    if name not in kind:
        raise UserError(f"{source}: unknown {kind.kind} {shown(name)}{nearest(name, kind.names())}")
    return kind.get(name)


def _class_keywords(algo: str, checked: Hyperparameters, merged: Merged) -> dict[str, Any]:
    """The keywords of every class that is named, each against its signature."""
    result: dict[str, Any] = {}
    policies = policies_of(algo)
    for key, keywords, kind in (("policy", "policy_kwargs", policies), *_CLASSES):
        name = getattr(checked, key)
        accepts = _find(kind, name, merged.source(key))
        if keywords is not None:
            given = getattr(checked, keywords)
            machine = _MACHINE.get(kind.kind, ())
            what = f"{kind.kind} '{name}'"
            result[keywords] = check_arguments(what, accepts, given, merged.place(keywords), machine)
            _check_together(accepts, result[keywords], keywords, merged)
    preprocessing = registry.preprocessings.get(checked.preprocessing)
    result["env_kwargs"] = checked_env_kwargs(preprocessing, checked.env_kwargs, merged.place("env_kwargs"))
    _check_parts(policies.get(checked.policy), result["policy_kwargs"], merged)
    return result


def _check_parts(policy: type[Any], policy_kwargs: dict[str, Any], merged: Merged) -> None:
    """Torso and head of a policy that has them, with their keywords."""
    accepted = signature_of(policy).parameters
    for key, keywords, kind in _PARTS:
        if key not in accepted:
            continue
        name = policy_kwargs.get(key, accepted[key].default)
        accepts = _find(kind, name, merged.source(f"policy_kwargs.{key}"))
        place = merged.place(f"policy_kwargs.{keywords}")
        given = policy_kwargs.get(keywords) or {}
        checked = check_arguments(f"{kind.kind} '{name}'", accepts, given, place, _MACHINE[kind.kind])
        _check_together(accepts, checked, place.key, merged)
        if keywords in policy_kwargs:
            policy_kwargs[keywords] = checked


def _check_together(accepts: Any, keywords: Mapping[str, Any], key: str, merged: Merged) -> None:
    """Keywords that are right one by one may contradict each other: a class says so in its ``check_keywords``."""
    check = getattr(accepts, "check_keywords", None)
    if check is None:
        return
    try:
        check(**keywords)
    except ValueError as error:
        named = [name for name in keywords if name in str(error)] or [*keywords][:1]
        sources = dict.fromkeys(merged.source(f"{key}.{name}") for name in named)
        raise UserError(f"{', '.join(map(str, sources)) or DEFAULT}: {key}: {error}") from None


def _named(key: str, entries: Sequence[Any], kind: registry.Registry[Any], merged: Merged) -> list[Any]:
    """A list of registered names, or {name: keywords}, each against what it accepts."""
    source = merged.source(key)
    for each in entries:
        if not isinstance(each, str) and len(each) != 1:
            raise UserError(f"{source}: {key}: must be a name or {{name: keywords}}, not {shown(each)}")
        name, given = (each, {}) if isinstance(each, str) else next(iter(each.items()))
        accepts = _find(kind, name, source)
        if not isinstance(given, Mapping):
            meant = _only_keyword(name, accepts, given)
            raise UserError(f"{source}: {key}: the keywords of '{name}' must be a mapping, not {shown(given)}{meant}")
        checked = check_arguments(f"{kind.kind} '{name}'", accepts, given, Place(key, lambda _: source))
        _check_together(accepts, checked, key, merged)
    return list(entries)


def _only_keyword(name: str, accepts: Any, given: Any) -> str:
    """The tail of an error line about a bare value, where there is one keyword that it can be meant for."""
    keywords = signature_of(accepts).parameters
    return f"; did you mean {{{name}: {{{next(iter(keywords))}: {shown(given)}}}}}?" if len(keywords) == 1 else ""


def _rewards(checked: Hyperparameters, merged: Merged) -> list[Any]:
    found = _named("reward", checked.reward, registry.rewards, merged)
    twice = why_not_beside_clipping(found, checked.preprocessing_kwargs)
    if twice is not None:
        key = "preprocessing_kwargs.clip_reward"
        raise UserError(f"{merged.source(key)}: {key}: {twice}")
    return found


def _sources(merged: Merged, given: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(str(merged.source(name)) for name in given)) or str(DEFAULT)
