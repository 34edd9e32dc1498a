"""Evaluate the agent during training by a named protocol, and keep the best one."""

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.callbacks.pace import Pace
from dqn_zoo_ext.evaluation.evaluate import Evaluation, evaluate
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.learning.model import Model
from dqn_zoo_ext.learning.saved.random_state import random_state, set_random_state
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.agent_file import write_agent
from dqn_zoo_ext.storage.atomic import plain_os_errors, replacing
from dqn_zoo_ext.storage.results import EvaluationRecord


class ProtocolEvaluation(BaseCallback):
    """Plays `episodes` games by `protocol` every `every` agent steps, and once more at the end of training.

    It does so between two vector steps, and changes nothing that the training depends on. `before_step` is called
    before every step of the games; what it raises ends the evaluation, which is then still due.

    The agent with the highest mean so far is written to `best_model`; of equals the later one, having learned longer.
    `evaluations` is rewritten each time in the form of Stable-Baselines3's EvalCallback (npz: timesteps, results,
    ep_lengths). The games are seeded by `seed` and the agent steps, whatever was evaluated before, and take no random
    number from the training. make_venv: makes the environments for each evaluation, after which they are closed: those
    that have played before would not begin as new ones do, and a run that goes on in a new process has only new ones.
    sticky: how often actions repeat in them, which the records say; None if that is not known.
    """

    def __init__(
        self,
        make_venv: Callable[[], VecEnv],
        protocol: Protocol,
        every: int,
        episodes: int,
        seed: int,
        best_model: Path | None = None,
        evaluations: Path | None = None,
        on_record: Callable[[EvaluationRecord], None] | None = None,
        before_step: Callable[[], None] | None = None,
        sticky: float | None = None,
    ) -> None:
        super().__init__()
        self._make_venv = make_venv
        self._protocol = protocol
        self._pace = Pace(every)
        self._episodes = episodes
        self._seed = seed
        self._best_model = best_model
        self._evaluations = evaluations
        self._on_record = on_record
        self._before_step = before_step
        self._sticky = sticky
        self._goes_on = False
        self._history: list[tuple[int, Evaluation]] = []
        self.records: list[EvaluationRecord] = []
        self.best: EvaluationRecord | None = None

    def _on_training_start(self) -> None:
        if not self._goes_on:
            self._pace.begin(self.num_timesteps)
        self._goes_on = False

    def _on_rollout_start(self) -> None:
        if self._pace.is_due(self.num_timesteps):
            self.record_of_now()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self.record_of_now()

    def record_of_now(self) -> EvaluationRecord:
        """The evaluation of this moment, which is made if there is none yet."""
        if not self.records or self.records[-1].agent_steps != self.num_timesteps:
            self.measure()
        self._pace.begin(self.num_timesteps)
        return self.records[-1]

    def measure(self) -> EvaluationRecord:
        """Evaluate the agent as it is now."""
        was_training, generators = self.model.policy.training, random_state(self.model.device)
        spending = self.model.spending_on("evaluating") if isinstance(self.model, Model) else nullcontext()
        self.model.policy.set_training_mode(False)
        try:
            with spending, closing(self._make_venv()) as venv:
                evaluation = evaluate(
                    self.model.policy,
                    venv,
                    self._protocol,
                    self._episodes,
                    seed=(self._seed + self.num_timesteps) % 2**31,
                    before_step=self._before_step,
                )
        finally:
            self.model.policy.set_training_mode(was_training)
            set_random_state(generators, self.model.device)
        record = EvaluationRecord.at(self.num_timesteps, evaluation.as_dict(), self._sticky)
        self.records.append(record)
        self._history.append((self.num_timesteps, evaluation))
        self.logger.record("eval/mean_reward", record.mean)
        self.logger.record("eval/mean_ep_length", float(np.mean(evaluation.lengths_in_agent_steps)))
        self.logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
        self.logger.dump(self.num_timesteps)
        if self.best is None or record.mean >= self.best.mean:
            self.best = record
            if self._best_model is not None:
                write_agent(self.model, self._best_model)
        if self._evaluations is not None:
            self._write_history(self._evaluations)
        if self._on_record is not None:
            self._on_record(record)
        return record

    def state(self) -> State:
        """The evaluations so far, and which are due."""
        return {
            "passed": self._pace.passed,
            "records": [asdict(record) for record in self.records],
            "best": None if self.best is None else asdict(self.best),
            "history": [[agent_steps, asdict(evaluation)] for agent_steps, evaluation in self._history],
        }

    def load_state(self, state: State) -> None:
        """Go on from there: the next ``learn`` counts no multiple as passed that was not."""
        self._goes_on = True
        self._pace.passed = state["passed"]
        self.records = [_record(each) for each in state["records"]]
        self.best = None if state["best"] is None else _record(state["best"])
        self._history = [(agent_steps, _evaluation(each)) for agent_steps, each in state["history"]]
        if self._evaluations is not None:
            if self._history:
                self._write_history(self._evaluations)
            else:
                self._evaluations.unlink(missing_ok=True)

    def _write_history(self, path: Path) -> None:
        with replacing(path) as temporary, plain_os_errors(f"cannot write {path}"), temporary.open("wb") as file:
            np.savez(
                file,
                timesteps=[agent_steps for agent_steps, _ in self._history],
                results=[evaluation.scores for _, evaluation in self._history],
                ep_lengths=[evaluation.lengths_in_agent_steps for _, evaluation in self._history],
            )


def _record(fields: State) -> EvaluationRecord:
    return EvaluationRecord(**{**fields, "episodes": tuple(fields["episodes"])})


def _evaluation(fields: State) -> Evaluation:
    lengths = tuple(fields["lengths_in_agent_steps"])
    return Evaluation(**{**fields, "scores": tuple(fields["scores"]), "lengths_in_agent_steps": lengths})
