"""From an agent's downloaded files to a run folder in RL-Zoo's layout: every file checked, none executed."""

import json
import shutil
from pathlib import Path

import torch
from torch import Tensor

from dqn_zoo_ext.config.of_run import plain_run_file
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.sharing import package as names
from dqn_zoo_ext.sharing.download import Downloaded
from dqn_zoo_ext.sharing.manifest import NAME as MANIFEST
from dqn_zoo_ext.sharing.manifest import check_files, read_manifest
from dqn_zoo_ext.sharing.metrics import NAME as METRICS
from dqn_zoo_ext.sharing.metrics import unpack_metrics
from dqn_zoo_ext.sharing.scores import run_part
from dqn_zoo_ext.storage.agent_file import read_policy_weights
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically
from dqn_zoo_ext.storage.plain_weights import read_plain_weights
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.storage.run_folder import RunFolder

_CALLBACKS = "callback"
_ORDERS = ("gym_packages", "track")
"""What args.yml would have done to whoever goes on with the run: import modules, and tell a service of it."""


def unpack(downloaded: Downloaded, run: RunFolder) -> object:
    """Write the agent into the empty folder of `run`; returns the callbacks of its training, which are left out.

    config.yml and args.yml become plain YAML there, whatever wrote them, without what would act in a training here:
    callbacks write files and speak to services where they are told to. The agent's zip stays as it is, as nothing here
    reads more than tensors from it. UserError for whatever cannot be read safely, or is not what the manifest says.
    """
    files = downloaded.files
    zip_file = files[names.zip_name(run.algo, run.env)]
    if MANIFEST in files:
        _check_manifest(files[MANIFEST], run, set(files))
    _check_weights(zip_file, files.get(names.WEIGHTS))
    with plain_os_errors(f"cannot write {run.path}"):
        run.config_folder.mkdir(parents=True)
    config, arguments = (plain_run_file(files[name]) if name in files else {} for name in (names.CONFIG, names.ARGS))
    callbacks = config.pop(_CALLBACKS, None)
    config = _with_env_kwargs(config, files.get(names.ENV_KWARGS), run)
    write_atomically(run.config, to_yaml(config))
    write_atomically(run.args, to_yaml({key: value for key, value in arguments.items() if key not in _ORDERS}))
    write_atomically(run.command, f"loaded from {downloaded.repo_id} at commit {downloaded.commit}\n")
    if METRICS in files:
        unpack_metrics(files[METRICS], run.path)
    if names.RESULTS in files and (part := run_part(files[names.RESULTS])) is not None:
        write_atomically(run.results, json.dumps(part, indent=2) + "\n")
        read_results(run.results)
    with plain_os_errors(f"cannot write {run.final_model}"):
        content_of_zip = zip_file.read_bytes()
    write_atomically(run.final_model, content_of_zip)
    return callbacks


def keep_as_it_is(downloaded: Downloaded, run: RunFolder) -> None:
    """Write the files that RL-Zoo's programs load an agent from into the folder of `run`, unread, in their places."""
    places = {
        names.zip_name(run.algo, run.env): run.final_model,
        names.CONFIG: run.config,
        names.ARGS: run.args,
        names.NORMALIZATION: run.config_folder / "vecnormalize.pkl",
    }
    shutil.rmtree(run.path, ignore_errors=True)
    with plain_os_errors(f"cannot write {run.path}"):
        run.config_folder.mkdir(parents=True)
        for name, place in places.items():
            if name in downloaded.files:
                shutil.copyfile(downloaded.files[name], place)


def _check_manifest(path: Path, run: RunFolder, there: set[str]) -> None:
    manifest = read_manifest(path)
    if (manifest.algo, manifest.env) != (run.algo, run.env):
        theirs = f"'{one_line(manifest.algo)}' on '{one_line(manifest.env)}'"
        raise UserError(f"the package is of {theirs}, not of '{run.algo}' on '{run.env}'")
    check_files(path.parent, manifest, there)


def _check_weights(zip_file: Path, weights_file: Path | None) -> None:
    """The zip's policy can be read safely, and is the one in model.safetensors if there is one."""
    weights = read_policy_weights(zip_file)
    if weights_file is None:
        return
    plain = read_plain_weights(weights_file)
    if plain.keys() != weights.keys() or not all(_equal(plain[name], weights[name]) for name in plain):
        raise UserError(f"the policies in {zip_file.name} and in {weights_file.name} differ: one of them was replaced")


def _equal(plain: Tensor, weight: Tensor) -> bool:
    return plain.dtype == weight.dtype and torch.equal(plain, weight)  # of some types PyTorch can compare no two


def _with_env_kwargs(config: dict[str, object], path: Path | None, run: RunFolder) -> dict[str, object]:
    """RL-Zoo keeps what was typed as ``--env-kwargs`` in a file of its own; an agent plays only with the same.

    Its push adds the mode in which it films the agent, which is no part of that.
    """
    given = plain_run_file(path) if path is not None else {}
    given.pop("render_mode", None)
    if not given or config.get("env_kwargs"):
        return config
    if "complete" in config:
        raise UserError(f"{names.ENV_KWARGS} of '{run.algo}' on '{run.env}' says what its {names.CONFIG} does not")
    return {**config, "env_kwargs": given}
