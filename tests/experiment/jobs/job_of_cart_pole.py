"""A job that takes a second, and what stands for a job that does not end by itself."""

import os
import signal
from dataclasses import replace
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext import registry
from dqn_zoo_ext.cli.train_options import make_parser, run_options_of
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.experiment.jobs.job import Job
from dqn_zoo_ext.experiment.plug_ins import load_plug_ins
from dqn_zoo_ext.storage.run_folder import RunFolder

PARAMS = {
    "learning_starts": 50,
    "buffer_size": 300,
    "batch_size": 16,
    "train_freq": 4,
    "gradient_steps": 1,
    "policy_kwargs.net_arch": [16],
}


class FallsOver(BaseCallback):
    """Registered by importing this module, as a plug-in's callback is: ends its process, or raises, at a step."""

    def __init__(self, how: str, at: int) -> None:
        super().__init__()
        self._how, self._at = how, at

    def _on_step(self) -> bool:
        if self.num_timesteps == self._at:
            if self._how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise LookupError("no more\nand a second line")
        return True

    def state(self) -> dict[str, object]:
        return {}

    def load_state(self, state: dict[str, object]) -> None:
        pass


registry.callbacks.add("falls_over", FallsOver)


def job(logs: Path, seed: int = 3, n_timesteps: int = 300, algo: str = "dqn", **params: object) -> Job:
    load_plug_ins([])
    configuration = load(algo, resolve("CartPole-v1"), overrides={**PARAMS, "n_timesteps": n_timesteps, **params})
    words = f"--algo {algo} --env CartPole-v1 --seed {seed} -f {logs} --save-freq 100 --eval-freq 300 --eval-episodes 2"
    options = replace(run_options_of(make_parser().parse(words.split()), f"train {words}"), verbose=0)
    folder = RunFolder.claim(logs, algo, "CartPole-v1")
    return Job(configuration=configuration, options=options, folder=folder, threads=1, modules=(__name__,))
