"""The plan of an ablation: an algorithm as it is, and without each of the parts that its YAML file names."""

from collections.abc import Collection, Mapping, Sequence

from dqn_zoo_ext.config.ablations import WHOLE, Ablation
from dqn_zoo_ext.config.layers import algorithms_with_ablations
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.experiment.campaign.beneath import Beneath, one_or_many
from dqn_zoo_ext.experiment.campaign.plan import Plan, Variant


def plan_ablation(
    algo: str,
    envs: Sequence[EnvId],
    seeds: Sequence[int],
    beneath: Beneath,
    *,
    only: Collection[str] = (),
    name: str | None = None,
) -> Plan:
    """The whole algorithm, then its variants, on each environment, each with all seeds.

    only: the variants to plan, () for all. name: of a campaign that has one of its own. UserError, naming the variant,
    if one has no configuration.
    """
    wholes = {env: beneath.load(algo, env) for env in envs}
    known = {each: None for whole in wholes.values() for each in whole.ablations}
    if not known:
        having = algorithms_with_ablations()
        there = f"there is one for {', '.join(having)}" if having else "no algorithm has one"
        way_out = f"{there}; --algos compares algorithms"
        raise UserError(f"--ablate: '{algo}' has no ablations block in its YAML file; {way_out}")
    for each in only:
        if each not in known:
            raise UserError(f"--only: '{algo}' has no variant '{each}'{nearest(each, known)}")
    variants: list[Variant] = []
    for env, whole in wholes.items():
        chosen = {each: less for each, less in whole.ablations.items() if not only or each in only}
        variants += [Variant(WHOLE, whole, {}), *_less(whole, env, chosen, beneath)]
    folder = name or f"ablate-{algo}-{one_or_many([env.folder_name for env in envs], 'envs')}"
    return Plan("ablation", algo, folder, tuple(variants), tuple(seeds), numbered=name is None)


def _less(whole: Configuration, env: EnvId, ablations: Mapping[str, Ablation], beneath: Beneath) -> list[Variant]:
    found = []
    for name, ablation in ablations.items():
        changed = ablation.changed(whole.algo)
        if not changed:
            raise UserError(f"variant '{name}': it is '{whole.algo}' itself; say with params what it is without")
        found.append(Variant(name, beneath.load_variant(name, ablation.algo, env, ablation.params), changed))
    return found
