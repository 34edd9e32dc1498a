"""Share an agent on the Hub while it trains, without ever stopping or delaying the training for the Hub's sake."""

import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import safetensors.torch
from pydantic import Field
from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.callbacks.pace import Pace
from dqn_zoo_ext.config.of_run import plain_run_file
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.registry import register_callback
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.agent_file import read_policy_weights, write_agent, write_for_sharing
from dqn_zoo_ext.storage.run_folder import RunFolder

if TYPE_CHECKING:  # the Hub's client is slow to import, and few runs need it
    from dqn_zoo_ext.sharing.patience import Patience


@register_callback("hub_upload")
class HubUpload(BaseCallback):
    """Pushes the agent to ``organization/repo_name`` every `every` agent steps, and once more at the end of training.

    In YAML: ``callback: [{hub_upload: {organization: USER, every: 100000}}]``. repo_name: by default ALGO-ENV. What is
    pushed is an agent as load_from_hub takes it: zip, tensors, configuration, metrics and manifest; score, film and
    card are push_to_hub's. It is written between two steps and uploaded in a thread of its own; while one upload is
    under way the next is left out. Whatever goes wrong is a line on stderr, and the training goes on. At its end the
    last uploads are waited for, for `seconds_at_the_end` at most, all together. What an older agent has in the
    repository and this one lacks, its score and its card too, is removed from it.
    """

    def __init__(
        self,
        organization: str,
        every: Annotated[int, Field(ge=1)],
        repo_name: str | None = None,
        private: bool = False,
        seconds_at_the_end: Annotated[float, Field(ge=0)] = 120.0,
    ) -> None:
        super().__init__()
        self._organization = organization
        self._repo_name = repo_name
        self._private = private
        self._seconds_at_the_end = seconds_at_the_end
        self._pace = Pace(every)
        self._goes_on = False
        self._uploading: threading.Thread | None = None
        self._folder: Path | None = None
        self._given_up = False

    def _on_training_start(self) -> None:
        if not self._goes_on:
            self._pace.begin(self.num_timesteps)
        self._goes_on = False

    def _on_step(self) -> bool:
        if self._pace.due(self.num_timesteps) and (self._uploading is None or not self._uploading.is_alive()):
            self._begin()
        return True

    def _on_training_end(self) -> None:
        deadline = time.monotonic() + self._seconds_at_the_end
        if not self._ended_by(deadline):
            self._give_up("the last upload is still under way; it is given up, and the one of the end is left out")
            return
        self._begin()
        if not self._ended_by(deadline):
            self._give_up(f"the upload of the end is given up after {self._seconds_at_the_end:g} seconds")

    def state(self) -> State:
        """Which multiples are over and done with."""
        return {"passed": self._pace.passed}

    def load_state(self, state: State) -> None:
        """Go on from there."""
        self._goes_on = True
        self._pace.passed = state["passed"]

    def _begin(self) -> None:
        """Write the agent as it is now, and upload it in a thread."""
        try:
            folder = self._write()
        except Exception as error:  # a full disk, say: no reason to end a training
            self._say(f"{type(error).__name__}: {error}")
            return
        self._folder, self._given_up = folder, False
        self._uploading = threading.Thread(target=self._upload, args=(folder, self.num_timesteps), daemon=True)
        self._uploading.start()

    def _ended_by(self, deadline: float) -> bool:
        """Wait for the upload under way, if there is one."""
        if self._uploading is None:
            return True
        self._uploading.join(max(0.0, deadline - time.monotonic()))
        return not self._uploading.is_alive()

    def _give_up(self, what: str) -> None:
        """The thread cannot be stopped; but it has nothing more to upload or to say, and leaves nothing behind."""
        self._say(what)
        self._given_up = True
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self) -> Path:
        """A package without score, film and card, in a temporary folder."""
        from dqn_zoo_ext.sharing import package
        from dqn_zoo_ext.sharing.metrics import NAME, pack_metrics

        run = self._run
        folder = Path(tempfile.mkdtemp(prefix="dqn_zoo_ext_"))
        try:
            write_agent(self.model, folder / "agent.zip")
            made_from = f"the training, after {self.num_timesteps} agent steps"
            with package.new_package(folder / "package", run.algo, run.env, made_from) as staging:
                weights = read_policy_weights(folder / "agent.zip")
                write_for_sharing(folder / "agent.zip", staging / package.zip_name(run.algo, run.env))
                tensors = {name: weight.contiguous() for name, weight in weights.items()}
                (staging / package.WEIGHTS).write_bytes(safetensors.torch.save(tensors))
                for name, path in ((package.CONFIG, run.config), (package.ARGS, run.args)):
                    (staging / name).write_text(to_yaml(plain_run_file(path)), encoding="utf-8")
                pack_metrics(run.path, staging / NAME)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder

    def _upload(self, folder: Path, agent_steps: int) -> None:
        from dqn_zoo_ext.sharing.account import check_account, repo_id_of
        from dqn_zoo_ext.sharing.package import names_of, zip_name
        from dqn_zoo_ext.sharing.patience import client
        from dqn_zoo_ext.sharing.upload import push

        try:
            run, api = self._run, client()
            name = self._repo_name or zip_name(run.algo, run.env).removesuffix(".zip")
            repo_id = repo_id_of(self._organization, name)
            check_account(self._organization, api, _patience(), _quietly)
            message = f"In training, after {agent_steps} agent steps"
            names = names_of(run.algo, run.env)
            push(folder / "package", names, repo_id, message, api, _patience(), _quietly, self._private)
        except Exception as error:
            if not self._given_up:
                self._say(str(error))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _run(self) -> RunFolder:
        return RunFolder.at(Path(self.model.logger.dir or ""))

    def _say(self, what: str) -> None:
        print(f"hub_upload: {what}; the training goes on", file=sys.stderr, flush=True)


def _patience() -> "Patience":
    from dqn_zoo_ext.sharing.patience import Patience

    return Patience(seconds=60.0)


def _quietly(line: str) -> None:
    """What is tried again is not worth a line among those of a training."""
