"""Before the first run: whether every variant can be trained, and what a campaign that goes on is to be held to."""

from dqn_zoo_ext.config.ablations import WHOLE
from dqn_zoo_ext.config.layers import SEARCH
from dqn_zoo_ext.config.yaml_source import Source, read_text, to_yaml
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.campaign.plan import Plan, Variant
from dqn_zoo_ext.experiment.doctor import Diagnosis
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.rehearse import rehearse
from dqn_zoo_ext.storage.atomic import plain_os_errors
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder, Manifest
from dqn_zoo_ext.storage.results import Versions


def check(variant: Variant, options: RunOptions, shown: str) -> Diagnosis:
    """What the doctor says of the variant. UserError, naming it as `shown`, if no run of it could begin."""
    try:
        return rehearse(variant.configuration, options)
    except UserError as error:
        raise error if shown == WHOLE else UserError(f"variant '{shown}': {error}") from error


def write_plan(plan: Plan, folder: CampaignFolder, command: str) -> Manifest:
    """Write down what is planned, over what was if the campaign has begun. UserError if that was another one.

    What was written: of the whole campaign, earlier plans with it.
    """
    there = refuse_another(plan, folder) if folder.manifest.is_file() else None
    for variant in plan.variants:
        text = to_yaml(variant.configuration.as_plain_data())
        folder.write_variant(variant.name, variant.configuration.env.folder_name, text)
    changed = {variant.name: dict(variant.changed) for variant in plan.variants}
    earlier = {} if there is None else there.variants
    commands = [command] if there is None else list(dict.fromkeys([*there.command.split("; "), command]))
    manifest = Manifest(
        kind=plan.kind,
        of=plan.of,
        envs=tuple(dict.fromkeys([*plan.envs, *(there.envs if there else ())])),
        seeds=tuple(dict.fromkeys([*(there.seeds if there else ()), *plan.seeds])),
        variants={**changed, **{name: each for name, each in earlier.items() if name not in changed}},
        command="; ".join(commands),
        versions=Versions.here(),
    )
    folder.write_manifest(manifest)
    return manifest


def refuse_another(plan: Plan, folder: CampaignFolder) -> Manifest:
    """What was planned in `folder`. UserError if that was another campaign, or a variant was another one then.

    Further seeds, environments and variants are no other campaign.
    """
    there = folder.read_manifest()
    same = there.kind == plan.kind and (there.of == plan.of or plan.kind != "ablation")
    if not same or not set(there.envs) & set(plan.envs):
        was, now = (f"the {each.kind} of {each.of} on {', '.join(each.envs)}" for each in (there, plan))
        raise UserError(f"{_blamed(plan, folder)} is {was}, not {now}")
    for variant in plan.variants:
        _refuse_changed(plan, variant, folder)
    return there


def _blamed(plan: Plan, folder: CampaignFolder) -> str:
    return f"--into: {folder.path}" if plan.numbered else f"campaign '{plan.name}', {folder.path},"


def _refuse_changed(plan: Plan, variant: Variant, folder: CampaignFolder) -> None:
    path = folder.variant(variant.name, variant.configuration.env.folder_name)
    if not path.exists():
        return
    with plain_os_errors(f"cannot read {path}"):
        text = path.read_text(encoding="utf-8")
    there = read_text(text, Source(str(path))).plain()
    here = read_text(to_yaml(variant.configuration.as_plain_data()), Source("")).plain()
    for key in sorted({*there, *here} - {SEARCH}):
        if there.get(key) != here.get(key):
            was, now = (each.get(key, "nothing") for each in (there, here))
            place = "--into" if plan.numbered else f"campaign '{plan.name}'"
            way_out = "leave --into out" if plan.numbered else "give it another name"
            raise UserError(
                f"{place}: variant '{plan.shown(variant)}' has changed: {key} was {was!r} and is {now!r}; {way_out} to "
                "begin a new campaign"
            )
