"""The plan of a comparison: algorithms, each with each of some overrides, on several environments."""

from collections.abc import Mapping, Sequence

from dqn_zoo_ext.config.yaml_source import Located
from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.campaign.beneath import Beneath, one_or_many
from dqn_zoo_ext.experiment.campaign.plan import Plan, Variant


def plan_comparison(
    algos: Sequence[str],
    envs: Sequence[EnvId],
    seeds: Sequence[int],
    beneath: Beneath,
    *,
    variants: Mapping[str, Mapping[str, Located]] | None = None,
    name: str | None = None,
) -> Plan:
    """Each algorithm on each environment, each with all seeds.

    variants: each algorithm once with each of these params, as ``ALGO-NAME``. name: of a campaign that has one of its
    own. UserError, naming the variant, if one has no configuration.
    """
    named = {
        f"{algo}-{each}" if each else algo: (algo, params)
        for algo in algos
        for each, params in (variants or {"": {}}).items()
    }
    if len(named) < len(algos) * len(variants or [""]):
        raise UserError(f"two variants have one name; there are {', '.join(named)}")
    planned = [
        Variant(
            each,
            beneath.load_variant(f"{each} on {env.gym_id}" if len(envs) > 1 else each, algo, env, params),
            {key: value.plain() for key, value in params.items()},
        )
        for env in envs
        for each, (algo, params) in named.items()
    ]
    _demand_difference(planned, list(named))
    of, on = one_or_many(list(algos), "algos"), one_or_many([env.folder_name for env in envs], "envs")
    return Plan(
        "comparison",
        ", ".join(algos),
        name or f"compare-{of}-{on}",
        tuple(planned),
        tuple(seeds),
        numbered=name is None,
    )


def _demand_difference(planned: Sequence[Variant], names: Sequence[str]) -> None:
    """UserError if two variants of an algorithm are the same on every environment."""
    whole = {
        name: [(each.configuration.algo, each.configuration.as_plain_data()) for each in planned if each.name == name]
        for name in names
    }
    for index, name in enumerate(names):
        for other in names[:index]:
            if whole[name] == whole[other]:
                raise UserError(f"variants '{other}' and '{name}' are the same: every hyperparameter has one value")
