"""The plan of a comparison of presets: each as it is, on its own environment or on those that are given."""

from collections.abc import Sequence
from dataclasses import replace

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.envs.ids import EnvId, resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.campaign.beneath import Beneath, one_or_many
from dqn_zoo_ext.experiment.campaign.plan import Plan, Variant


def plan_presets(
    names: Sequence[str], envs: Sequence[EnvId], seeds: Sequence[int], beneath: Beneath, *, name: str | None = None
) -> Plan:
    """Each preset with all seeds, as a variant of its name, which changes what it has otherwise than the first one.

    envs: () for each preset's own, of which there must be one. name: of a campaign that has one of its own. UserError,
    naming the variant, if one has no configuration, or two are the same.
    """
    presets = [find_preset(each, "presets") for each in names]
    if not envs:
        own = {resolve(each.head.env).gym_id: resolve(each.head.env) for each in presets}
        if len(own) > 1:
            raise UserError(f"presets: they are for {' and '.join(own)}; say with envs on what to compare them")
        envs = list(own.values())
    planned: list[Variant] = []
    for env in envs:
        first: Configuration | None = None
        for preset in presets:
            found = replace(beneath, conf_file=preset.path).load_variant(preset.name, preset.head.algo, env, {})
            if first is not None and _values(first) == _values(found):
                raise UserError(f"presets: '{preset.name}' is the same as '{presets[0].name}': every value is")
            first = first or found
            planned.append(Variant(preset.name, found, _changed(first, found), preset=preset.name))
    on = one_or_many([env.folder_name for env in envs], "envs")
    return Plan(
        "comparison",
        ", ".join(each.name for each in presets),
        name or f"compare-{one_or_many([each.name for each in presets], 'presets')}-{on}",
        tuple(planned),
        tuple(seeds),
        numbered=name is None,
    )


def _changed(first: Configuration, other: Configuration) -> dict[str, object]:
    """What `other` has otherwise, by dotted key; what it does without is left to whoever reads both files."""
    there = _values(first)
    return {key: value for key, value in _values(other).items() if key not in there or there[key] != value}


def _values(configuration: Configuration) -> dict[str, object]:
    return {"algo": configuration.algo, **configuration.flat()}
