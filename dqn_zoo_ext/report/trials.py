"""What a search for hyperparameters found: all trials as a table, the winner as a configuration, plots."""

import csv
import io
import shlex
import time
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically

CONFIGURATION, REASON = "configuration", "reason"
"""A trial's user attributes: its whole configuration as plain data, and why it failed."""
INTERRUPTED = "interrupted"
"""The reason of a trial that did not fail by itself: the search was ended."""
RUNGS = "rungs"
"""A study's user attribute: the agent steps at which its trials report, the last of which is their end."""


@dataclass(frozen=True)
class TrialsReport:
    """Files beside each other: ``<stem>.csv``, ``<stem>.yml``, ``<stem>_history.html``..."""

    stem: Path

    @classmethod
    def begin(cls, folder: Path, name: str) -> "TrialsReport":
        """A report in `folder`, called `name` and the time, that no other one is called. UserError if it cannot be."""
        with plain_os_errors(f"cannot make folder {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
        now = int(time.time())
        while (folder / f"{name}_{now}.csv").exists():
            now += 1
        return cls(folder / f"{name}_{now}")

    @property
    def table(self) -> Path:
        """Every trial."""
        return self.stem.with_name(f"{self.stem.name}.csv")

    @property
    def winner(self) -> Path:
        """The best trial's configuration, as ``train -conf`` takes it."""
        return self.stem.with_name(f"{self.stem.name}.yml")

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

    def write_winner(self, study: optuna.Study, trial: FrozenTrial, algo: str, env: str) -> None:
        """The trial's configuration, headed by where it comes from."""
        chosen = "".join(f"#   {key}: {value}\n" for key, value in trial.params.items())
        again = f"python -m dqn_zoo_ext.train --algo {algo} --env {env} -conf {shlex.quote(str(self.winner))}"
        head = (
            f"# Trial {trial.number} of study {study.study_name!r}, value {trial.value:g}. What the trial chose:\n"
            f"{chosen}# Train with it: {again}\n"
        )
        write_atomically(self.winner, head + to_yaml(trial.user_attrs[CONFIGURATION]))

    def write_plots(self, study: optuna.Study) -> list[Path]:
        """Optuna's plots of history and importances as HTML, as far as there is something to plot. Needs plotly."""
        written = []
        for name, plot in (
            ("history", optuna.visualization.plot_optimization_history),
            ("importances", optuna.visualization.plot_param_importances),
        ):
            try:
                page = plot(study).to_html(include_plotlyjs=True)
            except (ValueError, RuntimeError):  # too few trials
                continue
            path = self.stem.with_name(f"{self.stem.name}_{name}.html")
            write_atomically(path, page)
            written.append(path)
        return written
