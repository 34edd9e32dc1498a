"""The search for hyperparameters behind ``train -optimize``: an Optuna study whose trials are trainings."""

import contextlib
import gc
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.build import build_model, build_venv
from dqn_zoo_ext.experiment.callbacks import configured_callbacks, evaluation_callback
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.search.options import SearchOptions
from dqn_zoo_ext.experiment.search.pruners import rungs_of
from dqn_zoo_ext.experiment.search.samplers import is_exhausted
from dqn_zoo_ext.experiment.search.space import Load, Space, search_space
from dqn_zoo_ext.experiment.search.study import MEASURED, best_of, open_study
from dqn_zoo_ext.learning.model import Model
from dqn_zoo_ext.report.study_attributes import CONFIGURATION, INTERRUPTED, REASON
from dqn_zoo_ext.report.trials import TrialsReport
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically
from dqn_zoo_ext.storage.results import EvaluationRecord
from dqn_zoo_ext.storage.run_folder import RunFolder

_COUNTED = (TrialState.COMPLETE, TrialState.RUNNING, TrialState.PRUNED)


@dataclass(frozen=True)
class Searched:
    """A search that has ended. best: None if no trial is complete. interrupted: by Ctrl-C."""

    study: optuna.Study
    best: FrozenTrial | None
    table: Path
    winner: Path
    plots: tuple[Path, ...]
    interrupted: bool


def search(
    load: Load, overrides: Mapping[str, object], options: RunOptions, how: SearchOptions, console: Console
) -> Searched:
    """Look through the space of the configuration that `load` makes of `overrides`, for the highest mean score.

    A trial trains with its values laid over that configuration, seeded by the seed and its number; its value is the
    mean of its last evaluation. With several jobs, threads share the global random numbers: seeds then fix no result.
    The report is written anew after each trial. UserError for what the user can mend, before the first trial.
    """
    base = load(overrides)
    space = search_space(load, overrides)
    parameters = base.hyperparameters
    rungs = rungs_of(
        how.study.pruner, parameters.n_timesteps, how.n_evaluations or how.study.n_rungs, how.study.reduction_factor
    )
    with _built(base, options):
        pass  # what no trial could build is a mistake in the configuration, not the failure of a trial
    RunFolder.claim(options.log_folder, base.algo, base.env.folder_name).discard()  # the report can be written
    measured = {
        "algo": base.algo,
        "env": base.env.gym_id,
        "n_timesteps": parameters.n_timesteps,
        "eval_protocol": parameters.eval_protocol,
        "eval_episodes": options.eval_episodes or parameters.eval_episodes,
    }
    several = how.n_jobs != 1
    study = open_study(how.study, space, measured, rungs=rungs, seed=options.seed, several_workers=several)
    length = f"{how.max_total_trials or how.n_trials}-trials-{parameters.n_timesteps}"
    name = f"report_{base.env.folder_name}_{length}-{how.study.sampler}-{how.study.pruner}_{time.time_ns()}"
    report = TrialsReport(options.log_folder / base.algo / name)
    how = replace(how, n_evaluations=len(rungs))
    interrupted = _Sweep(study, space, load, overrides, options, how, report, console).run()
    if how.plots:
        report.write_page(study, how.study.storage)
    plots = (report.page,) if how.plots else ()
    return Searched(study, best_of(study), report.table, report.winner, plots, interrupted)


@dataclass
class _Sweep:
    study: optuna.Study
    space: Space
    load: Load
    overrides: Mapping[str, object]
    options: RunOptions
    how: SearchOptions
    report: TrialsReport
    console: Console

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._begun = 0
        self._winner = -1

    def run(self) -> bool:
        """True if Ctrl-C ended it; what is done is then kept."""
        self._write_report()
        jobs = self.how.n_jobs if self.how.n_jobs > 0 else os.cpu_count() or 1
        try:
            self._work() if jobs == 1 else self._work_in_threads(jobs)
        except KeyboardInterrupt:
            return True
        return False

    def _work_in_threads(self, jobs: int) -> None:
        with ThreadPoolExecutor(jobs) as pool:
            pending = {pool.submit(self._work) for _ in range(jobs)}
            try:
                while pending:  # Python hears Ctrl-C between two waits, whichever thread the system told of it
                    done, pending = wait(pending, timeout=0.2)
                    for worker in done:
                        worker.result()
            except BaseException:
                self._stop.set()
                raise

    def _work(self) -> None:
        while trial := self._begin():
            self._carry_out(trial)

    def _begin(self) -> Trial | None:
        with self._lock:  # between the count and the new trial, no other thread may begin one
            most = self.how.max_total_trials
            if self._stop.is_set() or self._begun >= (most or self.how.n_trials):
                return None
            if most is not None and len(self.study.get_trials(deepcopy=False, states=_COUNTED)) >= most:
                return None
            if is_exhausted(self.study):
                return None
            self._begun += 1
            return self.study.ask(dict(self.space))

    def _carry_out(self, trial: Trial) -> None:
        started, value, state, reason = time.monotonic(), None, TrialState.FAIL, INTERRUPTED
        try:
            value = self._train(trial)
            state = TrialState.COMPLETE
        except optuna.TrialPruned:
            state = TrialState.PRUNED
        except Exception as error:
            first_line = (str(error).splitlines() or [""])[0]
            reason = first_line if isinstance(error, UserError) else f"{type(error).__name__}: {first_line}"
        finally:
            gc.collect()  # callbacks and model refer to each other, and hold environments and a replay buffer
            with self._lock:
                if state == TrialState.FAIL:
                    trial.set_user_attr(REASON, reason)
                self._say(self.study.tell(trial, value, state), time.monotonic() - started)
                self._write_report()

    def _train(self, trial: Trial) -> float:
        configuration = self.load({**self.overrides, **trial.params})
        trial.set_user_attr(CONFIGURATION, configuration.as_plain_data())
        options = replace(self.options, seed=(self.options.seed + trial.number) % 2**31)
        folder = self._folder(trial, configuration)
        agent_steps = configuration.hyperparameters.n_timesteps
        with _built(configuration, options) as model:

            def report(record: EvaluationRecord) -> None:
                model.check_finite()
                trial.report(record.mean, record.agent_steps)
                if self.options.verbose > 1:
                    self._print(f"trial {trial.number}, {record.agent_steps:,} agent steps: {record.mean:.1f}")
                if record.agent_steps < agent_steps and trial.should_prune():
                    raise optuna.TrialPruned

            evaluation = evaluation_callback(
                configuration,
                options,
                math.ceil(agent_steps / (self.how.n_evaluations or 1)),
                report,
                folder / "best_model.zip" if folder else None,
                folder / "evaluations.npz" if folder else None,
            )
            model.set_logger(Logger(folder=None, output_formats=[]))
            callbacks = [*configured_callbacks(configuration), evaluation, _Stop(self._stop)]
            model.learn(agent_steps, callback=callbacks, log_interval=None)  # type: ignore[arg-type]  # None: never
        return evaluation.records[-1].mean

    def _folder(self, trial: Trial, configuration: Configuration) -> Path | None:
        """Where the trial's agent goes, with the configuration that it needs to be of use."""
        if self.how.log_path is None:
            return None
        folder = self.how.log_path / f"trial_{trial.number}"
        with plain_os_errors(f"--optimization-log-path: cannot make folder {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "config.yml", to_yaml(configuration.as_plain_data()))
        return folder

    def _write_report(self) -> None:
        self.report.write_table(self.study)
        best = best_of(self.study)
        if best is not None and best.number != self._winner:
            algo, env = (self.study.user_attrs[MEASURED][key] for key in ("algo", "env"))
            self.report.write_winner(self.study, best, algo, env)
            self._winner = best.number

    def _say(self, trial: FrozenTrial, seconds: float) -> None:
        best = best_of(self.study)
        outcome = "no score" if trial.value is None else f"{trial.value:.1f}"
        state = f"failed: {trial.user_attrs[REASON]}" if trial.state == TrialState.FAIL else trial.state.name.lower()
        so_far = "none complete yet" if best is None else f"best so far {best.value:.1f} in trial {best.number}"
        self._print(f"trial {trial.number}: {outcome} ({state}), {so_far}, {seconds:,.0f} s")

    def _print(self, line: str) -> None:
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)


class _Stop(BaseCallback):
    """Ctrl-C reaches the main thread only; this carries it into a trial in another one."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__()
        self._stop = stop

    def _on_step(self) -> bool:
        if self._stop.is_set():
            raise KeyboardInterrupt
        return True


@contextlib.contextmanager
def _built(configuration: Configuration, options: RunOptions) -> Iterator[Model]:
    n_envs = configuration.hyperparameters.n_envs
    venv = build_venv(configuration, n_envs, options.seed, vec_env=options.vec_env)
    try:
        yield build_model(configuration, venv, options.seed, options.device)
    finally:
        venv.close()
