"""The plan of an ablation: an algorithm as it is, and without each of the parts that its YAML file names."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dqn_zoo_ext.config.ablations import WHOLE, Ablation
from dqn_zoo_ext.config.layers import algorithms_with_ablations
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.experiment.campaign.plan import Plan, Variant


def plan_ablation(
    algo: str,
    env: EnvId,
    seeds: Sequence[int],
    *,
    conf_file: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    only: Collection[str] = (),
) -> Plan:
    """The whole algorithm, then its variants, each with all seeds.

    overrides: the command line; the variants lie over it. only: the variants to plan, () for all. UserError, naming the
    variant, if one has no configuration.
    """
    whole = load(algo, env, conf_file=conf_file, overrides=overrides)
    if not whole.ablations:
        having = algorithms_with_ablations()
        there = f"there is one for {', '.join(having)}" if having else "no algorithm has one"
        raise UserError(f"--ablate: '{algo}' has no ablations block in its YAML file; {there}")
    for name in only:
        if name not in whole.ablations:
            raise UserError(f"--only: '{algo}' has no variant '{name}'{nearest(name, whole.ablations)}")
    chosen = {name: each for name, each in whole.ablations.items() if not only or name in only}
    variants = [Variant(WHOLE, whole, {})]
    for name, ablation in chosen.items():
        changed = ablation.changed(algo)
        if not changed:
            raise UserError(f"variant '{name}': it is '{algo}' itself; say with params what it is without")
        variants.append(Variant(name, _less(name, ablation, env, conf_file, overrides), changed))
    return Plan("ablation", algo, f"ablate-{algo}-{env.folder_name}", tuple(variants), tuple(seeds))


def _less(
    name: str, ablation: Ablation, env: EnvId, conf_file: Path | None, overrides: Mapping[str, object] | None
) -> Configuration:
    try:
        return load(ablation.algo, env, conf_file=conf_file, overrides=overrides, variant=ablation.params)
    except UserError as error:
        raise UserError(f"variant '{name}': {error}") from error
