"""From a repository of the Hub to a run folder whose agent plays."""

import contextlib
import filecmp
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.config.of_run import load_of_run
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.experiment.build import protocol_of
from dqn_zoo_ext.sharing.download import download
from dqn_zoo_ext.sharing.inspection import what_would_run
from dqn_zoo_ext.sharing.package import wanted, zip_name
from dqn_zoo_ext.sharing.patience import Patience, Say
from dqn_zoo_ext.sharing.unpack import keep_as_it_is, unpack
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically
from dqn_zoo_ext.storage.run_folder import RunFolder

_MOST_FRAMES = 100


@dataclass(frozen=True)
class Fetched:
    """run: where the agent lies. algo, conf: what `train` goes on from it with; None for one that was only kept.

    same: an older run in the log folder with the same agent.
    """

    run: RunFolder
    algo: str | None = None
    conf: Path | None = None
    same: Path | None = None


def fetch(
    repo_id: str,
    algo: str,
    env: EnvId,
    log_folder: Path,
    api: HfApi,
    patience: Patience,
    say: Say,
    trust: bool = False,
) -> Fetched:
    """Download an agent, check all of it, and leave it in the next free ``<log folder>/<algo>/<env>_<n>``.

    UserError, and no folder, if anything in it cannot be read safely or its weights do not fit what it says it is;
    TryAgain if the Hub could not be reached. trust: leave its files there even so, as they are, for RL-Zoo's programs.
    """
    with tempfile.TemporaryDirectory(prefix="dqn_zoo_ext_") as there:
        into, unpacked = Path(there) / "hub", Path(there) / "run"
        into.mkdir()
        downloaded = download(repo_id, wanted(algo, env.folder_name), into, api, patience, say)
        staged = RunFolder(unpacked, algo, env.folder_name)
        try:
            callbacks = unpack(downloaded, staged)
            configuration = _check_that_it_plays(env, staged)
            conf = _conf_to_train_with(configuration, staged)
        except UserError as error:
            reason = str(error).replace(f"{into}/", "").replace(f"{unpacked}/", "")
            listed = "; ".join(what_would_run(downloaded.files, zip_name(algo, env.folder_name)))
            if not trust:
                raise UserError(
                    f"{repo_id}: {reason}; with --trust its files are kept for rl_zoo3.enjoy, which would run: {listed}"
                ) from None
            say(f"{reason}; kept as it is (--trust): no command here plays it, and rl_zoo3.enjoy would run: {listed}")
            keep_as_it_is(downloaded, staged)
            return Fetched(_move(staged, RunFolder.claim(log_folder, algo, env.folder_name)))
        if callbacks:
            say("the callbacks of its training are left out: they would write and send where its maker told them to")
        same = _the_same(staged, RunFolder.all_of(log_folder, algo, env.folder_name))
        run = _move(staged, RunFolder.claim(log_folder, algo, env.folder_name))
        return Fetched(run, configuration.algo, run.config_folder / conf, same)


def _the_same(staged: RunFolder, others: Sequence[RunFolder]) -> Path | None:
    """The newest of the other runs that has this very agent."""
    for other in others:
        with contextlib.suppress(OSError):
            if filecmp.cmp(staged.final_model, other.final_model, shallow=False):
                return other.path
    return None


def _conf_to_train_with(configuration: Configuration, run: RunFolder) -> str:
    """The name of the file beside config.yml, or of that itself, which ``train -conf`` reads as this configuration.

    What RL-Zoo leaves unsaid has other defaults than what our files leave unsaid, so one of its agents gets a file of
    ours, complete, that is called by the name of our class for it.
    """
    if configuration.algo == run.algo:
        return run.config.name
    name = f"{configuration.algo}.yml"
    write_atomically(run.config_folder / name, to_yaml(configuration.as_plain_data()))
    return name


def _check_that_it_plays(env: EnvId, run: RunFolder) -> Configuration:
    agent = Agent(load_of_run(run.algo, env, run.config, run.args), run, run.final_model)
    stack = agent.configuration.hyperparameters.frame_stack
    if stack > _MOST_FRAMES:
        raise UserError(f"config.yml: frame_stack: {stack} frames would fill the memory; at most {_MOST_FRAMES}")
    venv = agent.venv(protocol_of(agent.configuration), 1, seed=0)
    try:
        agent.policy(venv, "cpu")
    finally:
        venv.close()
    return agent.configuration


def _move(staged: RunFolder, claimed: RunFolder) -> RunFolder:
    """What was staged into the claimed folder, the agent last: without it no command takes the folder for a run."""
    try:
        with plain_os_errors(f"cannot write {claimed.path}"):
            for path in sorted(staged.path.iterdir(), key=lambda path: path == staged.final_model):
                if path.is_dir():
                    shutil.copytree(path, claimed.path / path.name, dirs_exist_ok=True)
                else:
                    shutil.copy(path, claimed.path / path.name)
    except BaseException:
        claimed.discard()
        raise
    return claimed
