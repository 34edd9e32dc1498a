"""What a search for hyperparameters found: all trials as a table, the winner as a configuration, a page."""

import csv
import io
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.report.study_attributes import CONFIGURATION, REASON, objectives_of
from dqn_zoo_ext.report.study_page import study_as_html, values_said
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically


@dataclass(frozen=True)
class TrialsReport:
    """A study's files in a folder of their own: ``trials.csv``, ``winner.yml``, ``report.html``.

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
        """Figures and trials, to look at."""
        return self.folder / "report.html"

    def winner(self, env: str) -> Path:
        """The best trial's configuration for a game, as ``train -conf`` takes it."""
        return self.folder / ("winner.yml" if len(self.envs) == 1 else f"winner_{env}.yml")

    def write_table(self, study: optuna.Study) -> None:
        """All trials, under the names that Optuna's ``trials_dataframe`` has for the columns."""
        trials = study.get_trials(deepcopy=False)
        keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
        names = objectives_of(study)
        columns = ["value"] if len(names) == 1 else [f"values_{name}" for name in names]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        times = ("datetime_start", "datetime_complete", "duration")
        writer.writerow(["number", *columns, *times, *(f"params_{key}" for key in keys), "user_attrs_reason", "state"])
        for trial in trials:
            values = trial.values or [None] * len(names)
            chosen = [trial.params.get(key) for key in keys]
            times_of_trial = [trial.datetime_start, trial.datetime_complete, trial.duration]
            reason = trial.user_attrs.get(REASON)
            writer.writerow([trial.number, *values, *times_of_trial, *chosen, reason, trial.state.name])
        self._write(self.table, text.getvalue())

    def write_winner(self, study: optuna.Study, trial: FrozenTrial, algo: str, remarks: Sequence[str] = ()) -> None:
        """The trial's configuration for each game, headed by where it comes from.

        remarks: lines on how it was confirmed.
        """
        for (env, configuration), name in zip(trial.user_attrs[CONFIGURATION].items(), self.envs, strict=True):
            path = self.winner(name)
            again = f"python -m dqn_zoo_ext.train --algo {algo} --env {env} -conf {shlex.quote(str(path))}"
            which = f"Trial {trial.number} of study {study.study_name!r}, {values_said(study, trial)}"
            lines = [
                f"{which}. What the trial chose:",
                *(f"  {key}: {value}" for key, value in trial.params.items()),
                *(remarks or ["Not trained again with fresh seeds."]),
                f"Train with it: {again}",
                "n_timesteps is the trials' length: add -n for a longer run.",
            ]
            head = "".join(f"# {part}\n" for line in lines for part in line.splitlines())
            self._write(path, head + to_yaml(configuration))

    def write_page(self, study: optuna.Study, storage: str | None) -> None:
        """The page of the study, which is kept in `storage`; a password in it is left out."""
        self._write(self.page, study_as_html(study, storage))

    def _write(self, path: Path, text: str) -> None:
        with plain_os_errors(f"cannot make folder {self.folder}"):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
