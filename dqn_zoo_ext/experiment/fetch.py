"""From a repository of the Hub to a run folder whose agent plays."""

import shutil
import tempfile
from pathlib import Path

from huggingface_hub import HfApi

from dqn_zoo_ext.config.of_run import load_of_run
from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.agent import Agent
from dqn_zoo_ext.experiment.build import protocol_of
from dqn_zoo_ext.sharing.download import download
from dqn_zoo_ext.sharing.inspection import what_would_run
from dqn_zoo_ext.sharing.package import wanted, zip_name
from dqn_zoo_ext.sharing.patience import Patience, Say
from dqn_zoo_ext.sharing.unpack import keep_as_it_is, unpack
from dqn_zoo_ext.storage.atomic import plain_os_errors
from dqn_zoo_ext.storage.run_folder import RunFolder

_MOST_FRAMES = 100


def fetch(
    repo_id: str,
    algo: str,
    env: EnvId,
    log_folder: Path,
    api: HfApi,
    patience: Patience,
    say: Say,
    trust: bool = False,
) -> RunFolder:
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
            unpack(downloaded, staged)
            _check_that_it_plays(env, staged)
        except UserError as error:
            reason = str(error).replace(f"{into}/", "").replace(f"{unpacked}/", "")
            listed = "; ".join(what_would_run(downloaded.files, zip_name(algo, env.folder_name)))
            if not trust:
                raise UserError(
                    f"{repo_id}: {reason}; with --trust its files are kept for rl_zoo3.enjoy, which would run: {listed}"
                ) from None
            say(f"{reason}; kept as it is (--trust): no command here plays it, and rl_zoo3.enjoy would run: {listed}")
            keep_as_it_is(downloaded, staged)
        return _move(staged, RunFolder.claim(log_folder, algo, env.folder_name))


def _check_that_it_plays(env: EnvId, run: RunFolder) -> None:
    agent = Agent(load_of_run(run.algo, env, run.config, run.args), run, run.final_model)
    stack = agent.configuration.hyperparameters.frame_stack
    if stack > _MOST_FRAMES:
        raise UserError(f"config.yml: frame_stack: {stack} frames would fill the memory; at most {_MOST_FRAMES}")
    venv = agent.venv(protocol_of(agent.configuration), 1, seed=0)
    try:
        agent.policy(venv, "cpu")
    finally:
        venv.close()


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
