"""Trainings by the real commands, ours and RL-Zoo's, each in a process of its own and with a stopwatch inside."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GIVEN = dict(os.environ)  # before dqn_zoo_ext is imported, which sets how PyTorch's threads wait; RL-Zoo does not
HERE = Path(__file__).resolve().parent
ENV = "SpaceInvadersNoFrameskip-v4"


@dataclass(frozen=True)
class Recipe:
    """What all trainings have in common, in the words that both commands know."""

    begin: int
    """The agent step at which the stopwatch is started; learning has begun some time before."""
    agent_steps: int
    buffer_size: int
    learning_starts: int
    epsilon: float
    seed: int
    device: str
    threads: int | None
    """PyTorch's; None leaves the choice to it."""

    @property
    def end(self) -> int:
        """The agent step at which the training ends."""
        return self.begin + self.agent_steps

    def words(self) -> list[str]:
        """Of the command line, without ``-params``."""
        words = ["--algo", "dqn", "--env", ENV, "--seed", str(self.seed), "--device", self.device, "-n", str(self.end)]
        return [*words, *([] if self.threads is None else ["--num-threads", str(self.threads)]), "--eval-freq", "-1"]

    def params(self) -> list[str]:
        """Words after ``-params`` that both commands understand."""
        same = {"buffer_size": self.buffer_size, "learning_starts": self.learning_starts, "batch_size": 32}
        every = {"train_freq": 4, "gradient_steps": 1, "target_update_interval": 1000}
        return [f"{name}:{value}" for name, value in {**same, **every}.items()]


@dataclass(frozen=True)
class Command:
    """A command to train with, waiting for a folder to work in."""

    module: str
    words: tuple[str, ...]
    params: tuple[str, ...]
    recipe: Recipe

    def line(self, folder: Path, stopwatch: Path) -> list[str]:
        """The whole command line."""
        keywords = {"begin": self.recipe.begin, "end": self.recipe.end, "output": str(stopwatch)}
        if self.module == "dqn_zoo_ext.train":
            callback = f"callback:{json.dumps([{'stopwatch': keywords}])}"
        else:
            callback = f"callback:{ {'stopwatch.Stopwatch': keywords}!r}"
        params = ["-params", *self.recipe.params(), *self.params, callback]
        return [sys.executable, "-m", self.module, *self.recipe.words(), *self.words, "-f", str(folder), *params]


def ours(recipe: Recipe, params: Sequence[str] = ()) -> Command:
    """That of this project, as it is shipped but for the recipe: no evaluation, no checkpoint."""
    epsilon = [f"exploration.start:{recipe.epsilon}", f"exploration.end:{recipe.epsilon}"]
    # the optimizer's step is compiled before the stopwatch starts, as it is in all but the first thousand updates
    own = [*epsilon, "optimizer_kwargs.compiled_after:0", *params]
    words = ("--save-freq", "-1", "--gym-packages", "stopwatch_plugin")
    return Command("dqn_zoo_ext.train", words, tuple(own), recipe)


def rl_zoo3(recipe: Recipe) -> Command:
    """That of RL-Zoo, as it is shipped but for the recipe: one environment, and no checkpoint."""
    own = (f"exploration_initial_eps:{recipe.epsilon}", f"exploration_final_eps:{recipe.epsilon}")
    return Command("rl_zoo3.train", (), own, recipe)


class Running:
    """A training that has been started."""

    def __init__(self, command: Command) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        self._stopwatch, self._log = folder / "stopwatch.json", folder / "output.txt"
        path = os.pathsep.join([str(HERE), str(HERE.parent), *filter(None, [GIVEN.get("PYTHONPATH")])])
        self._started = time.perf_counter()
        with self._log.open("w") as log:
            line = command.line(folder / "logs", self._stopwatch)
            self._process = subprocess.Popen(line, stdout=log, stderr=log, env={**GIVEN, "PYTHONPATH": path})

    def finished(self) -> dict[str, Any]:
        """Wait for its end; SystemExit with its last lines if it failed, or ended before the stopwatch did."""
        with self._folder:
            _, status, used = os.wait4(self._process.pid, 0)
            self._process.returncode = os.waitstatus_to_exitcode(status)
            if self._process.returncode != 0 or not self._stopwatch.is_file():
                last = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
                raise SystemExit(f"a training ended with {self._process.returncode}:\n{last}")
            found = json.loads(self._stopwatch.read_text())
        return {
            "agent_steps_per_second": round(found["agent_steps"] / found["seconds"], 1),
            "updates_per_agent_step": round(found["updates"] / found["agent_steps"], 4),
            "cpu_milliseconds_per_agent_step": round(1000 * found["cpu_seconds"] / found["agent_steps"], 3),
            "agent_steps": found["agent_steps"],
            "whole_run_seconds": round(time.perf_counter() - self._started, 1),
            "whole_run_cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
            "peak_resident_megabytes": round(found["peak_resident_bytes"] / 1e6),
        }

    def stop(self) -> None:
        """End it, if it still runs."""
        if self._process.returncode is None:
            self._process.terminate()
            self._process.wait()
        self._folder.cleanup()
