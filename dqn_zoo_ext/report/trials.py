"""What a search for hyperparameters found: all trials as a table, the winner as a configuration, plots."""

import csv
import io
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.storage.atomic import write_atomically

CONFIGURATION, REASON = "configuration", "reason"
"""A trial's user attributes: its whole configuration as plain data, and why it failed."""
INTERRUPTED = "interrupted"
"""The reason of a trial that did not fail by itself: the search was ended."""
RUNGS = "rungs"
"""A study's user attribute: the agent steps at which its trials report, the last of which is their end."""


@dataclass(frozen=True)
class TrialsReport:
    """Files in a study's folder: ``trials.csv``, ``winner.yml``, ``report.html``.

    envs: the games' folder names; with several, each has a ``winner_<env>.yml``.
    """

    folder: Path
    envs: tuple[str, ...]

    @property
    def table(self) -> Path:
        """Every trial."""
        return self.folder / "trials.csv"

    @property
    def page(self) -> Path:
        """Plots and a table, to look at."""
        return self.folder / "report.html"

    def winner(self, env: str) -> Path:
        """The best trial's configuration for a game, as ``train -conf`` takes it."""
        return self.folder / ("winner.yml" if len(self.envs) == 1 else f"winner_{env}.yml")

    def write_table(self, study: optuna.Study) -> None:
        """All trials, under the names that Optuna's ``trials_dataframe`` has for the columns."""
        trials = study.get_trials(deepcopy=False)
        keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        times = ("datetime_start", "datetime_complete", "duration")
        writer.writerow(["number", "value", *times, *(f"params_{key}" for key in keys), "user_attrs_reason", "state"])
        for trial in trials:
            values = [trial.params.get(key) for key in keys]
            times_of_trial = [trial.datetime_start, trial.datetime_complete, trial.duration]
            reason = trial.user_attrs.get(REASON)
            writer.writerow([trial.number, trial.value, *times_of_trial, *values, reason, trial.state.name])
        write_atomically(self.table, text.getvalue())

    def write_winner(self, study: optuna.Study, trial: FrozenTrial, algo: str, remarks: Sequence[str] = ()) -> None:
        """The trial's configuration for each game, headed by where it comes from. remarks: lines about it."""
        chosen = "".join(f"#   {key}: {value}\n" for key, value in trial.params.items())
        said = "".join(f"# {line}\n" for line in remarks) or "# Not trained again with fresh seeds.\n"
        for (env, configuration), name in zip(trial.user_attrs[CONFIGURATION].items(), self.envs, strict=True):
            path = self.winner(name)
            again = f"python -m dqn_zoo_ext.train --algo {algo} --env {env} -conf {shlex.quote(str(path))}"
            head = (
                f"# Trial {trial.number} of study {study.study_name!r}, value {trial.value:g}. What the trial chose:\n"
                f"{chosen}{said}# Train with it: {again}\n"
            )
            write_atomically(path, head + to_yaml(configuration))

    def write_page(self, study: optuna.Study, storage: str) -> None:
        """The page."""
