"""Before the first run: whether every variant can be trained, and what a campaign that goes on is to be held to."""

import gc

from dqn_zoo_ext.config.ablations import WHOLE
from dqn_zoo_ext.config.layers import SEARCH
from dqn_zoo_ext.config.yaml_source import Source, read_text, to_yaml
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.breakdowns import plain_memory_errors
from dqn_zoo_ext.experiment.build import build_model, build_venv
from dqn_zoo_ext.experiment.campaign.plan import Plan, Variant
from dqn_zoo_ext.experiment.doctor import diagnose, refuse
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.storage.atomic import plain_os_errors
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder, Manifest
from dqn_zoo_ext.storage.results import Versions


def check(variant: Variant, options: RunOptions) -> None:
    """UserError, naming the variant, if no run of it could begin."""
    configuration = variant.configuration
    try:
        with plain_memory_errors():
            venv = build_venv(configuration, configuration.hyperparameters.n_envs, options.seed)
            try:
                spaces = (venv.observation_space, venv.action_space)
                refuse(diagnose(configuration, options, measure=False, spaces_seen=spaces))
                build_model(configuration, venv, options.seed, options.device)
            finally:
                venv.close()
                gc.collect()
    except UserError as error:
        raise error if variant.name == WHOLE else UserError(f"variant '{variant.name}': {error}") from error


def write_plan(plan: Plan, folder: CampaignFolder, command: str, begun: bool) -> None:
    """Write down what is planned; over what was, if the campaign has `begun`. UserError if it was another one."""
    env = plan.variants[0].configuration.env.gym_id
    changed = {variant.name: dict(variant.changed) for variant in plan.variants}
    there = folder.read_manifest() if begun else None
    if there is not None:
        if (there.kind, there.of, there.env) != (plan.kind, plan.of, env):
            was = f"the {there.kind} of {there.of} on {there.env}"
            raise UserError(f"--into: {folder.path} is {was}, not the {plan.kind} of {plan.of} on {env}")
        for variant in plan.variants:
            _refuse_another(variant, folder)
    for variant in plan.variants:
        folder.write_variant(variant.name, to_yaml(variant.configuration.as_plain_data()))
    folder.write_manifest(
        Manifest(
            kind=plan.kind,
            of=plan.of,
            env=env,
            seeds=tuple(dict.fromkeys([*(there.seeds if there else ()), *plan.seeds])),
            variants={**(there.variants if there else {}), **changed},
            command=f"{there.command}; {command}" if there else command,
            versions=Versions.here(),
        )
    )


def _refuse_another(variant: Variant, folder: CampaignFolder) -> None:
    path = folder.variant(variant.name)
    if not path.exists():
        return
    with plain_os_errors(f"cannot read {path}"):
        text = path.read_text(encoding="utf-8")
    there = read_text(text, Source(str(path))).plain()
    here = read_text(to_yaml(variant.configuration.as_plain_data()), Source("")).plain()
    for key in sorted({*there, *here} - {SEARCH}):
        if there.get(key) != here.get(key):
            was, now = (each.get(key, "nothing") for each in (there, here))
            raise UserError(
                f"--into: variant '{variant.name}' has changed: {key} was {was!r} and is {now!r}; leave --into out to "
                "begin a new campaign"
            )
