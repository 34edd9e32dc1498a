"""The log of a training in MLflow."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from dqn_zoo_ext.callbacks.trackers.tracker import Numbers, Tracker
from dqn_zoo_ext.registry import register_callback

_PARAMETERS_AT_ONCE = 100
_LETTERS_OF_PARAMETER = 500


@register_callback("mlflow")
class Mlflow(Tracker):
    """A run in MLflow, which is the extra ``mlflow``: its metrics over agent steps, its parameters the configuration.

    In YAML: ``callback: [{mlflow: {tracking_uri: "http://localhost:5000", experiment: space_invaders}}]``.
    tracking_uri: a server, or a database such as ``sqlite:///mlflow.db``; by default what the environment variable
    MLFLOW_TRACKING_URI says, or MLflow's own default. The extra brings ``mlflow-skinny``; ``mlflow ui`` is part of
    ``mlflow``.
    """

    library = "mlflow"

    def __init__(self, tracking_uri: str | None = None, experiment: str = "dqn_zoo_ext", **common: Any) -> None:
        super().__init__(**common)
        self._tracking_uri = tracking_uri
        self._experiment = experiment
        self._client: Any = None
        self._run_id = ""

    def begin(self, name: str, configuration: Mapping[str, Any], there: str | None) -> str:
        """A run in the experiment, which is made if it is not there."""
        self._client = self._module.MlflowClient(tracking_uri=self._tracking_uri)
        if there is not None:
            self._client.update_run(there, status="RUNNING")
            self._run_id = there
            return there
        found = self._client.get_experiment_by_name(self._experiment)
        experiment_id = self._client.create_experiment(self._experiment) if found is None else found.experiment_id
        self._run_id = self._client.create_run(experiment_id, run_name=name).info.run_id
        parameter = self._module.entities.Param
        parameters = [parameter(key, value[:_LETTERS_OF_PARAMETER]) for key, value in _flat(configuration)]
        for first in range(0, len(parameters), _PARAMETERS_AT_ONCE):
            self._client.log_batch(self._run_id, params=parameters[first : first + _PARAMETERS_AT_ONCE])
        return self._run_id

    def write(self, numbers: Numbers, agent_steps: int) -> None:
        """A line, at its agent steps."""
        metric, now = self._module.entities.Metric, time.time_ns() // 1_000_000
        self._client.log_batch(
            self._run_id, metrics=[metric(key, value, now, agent_steps) for key, value in numbers.items()]
        )

    def end(self, failed: bool) -> None:
        """Say how it ended."""
        self._client.set_terminated(self._run_id, "FAILED" if failed else "FINISHED")


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and what they stand for, as text."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", str(value)
