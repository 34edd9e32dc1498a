"""Rungs of a training: moments at which somebody else decides, by an evaluation, whether it goes on."""

from collections.abc import Callable, Sequence

from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext.callbacks.evaluation import ProtocolEvaluation
from dqn_zoo_ext.callbacks.exact_checkpoint import ExactCheckpoint
from dqn_zoo_ext.storage.results import EvaluationRecord


class Rungs(BaseCallback):
    """Between two vector steps, when a rung has been reached: evaluates the agent and asks `go_on`.

    If the answer is no, the run stops with a checkpoint, by `Stopped`; it can go on from there later. It must be called
    before the checkpoints, so that those of the same moment hold the evaluation. rungs: agent steps, ascending.
    """

    def __init__(
        self,
        rungs: Sequence[int],
        go_on: Callable[[EvaluationRecord], bool],
        evaluation: ProtocolEvaluation,
        exact: ExactCheckpoint,
    ) -> None:
        super().__init__()
        self._ahead = list(rungs)
        self._go_on = go_on
        self._evaluation = evaluation
        self._exact = exact

    def _on_rollout_start(self) -> None:
        while self._ahead and self.num_timesteps >= self._ahead[0]:
            record = self._evaluation.record_of_now()
            del self._ahead[0]
            if not self._go_on(record):
                self._exact.stop()

    def _on_step(self) -> bool:
        return True
