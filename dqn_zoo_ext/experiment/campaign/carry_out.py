"""Carrying out a plan: some runs at a time, each one's row written before and after it, whatever becomes of it."""

import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from statistics import fmean

from rich.console import Console

from dqn_zoo_ext.callbacks.progress import quiet_without_reader
from dqn_zoo_ext.experiment.campaign.begin import check, refuse_another, write_plan
from dqn_zoo_ext.experiment.campaign.plan import Plan, PlannedRun
from dqn_zoo_ext.experiment.campaign.row import row_after
from dqn_zoo_ext.experiment.campaign.run_folders import RunFolders
from dqn_zoo_ext.experiment.campaign.table import Heading, Summary, in_order, markdown, summaries
from dqn_zoo_ext.experiment.jobs.job import Job, Launcher, Outcome
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.rehearse import doctors_lines
from dqn_zoo_ext.experiment.signals import StopRequest, stop_requests
from dqn_zoo_ext.storage.campaign_folder import CAMPAIGNS, CampaignFolder, Row, RunKey, nothing_begun
from dqn_zoo_ext.storage.run_lock import locked
from dqn_zoo_ext.words import counted

OptionsOf = Callable[[PlannedRun, Path], RunOptions]
"""The options of a run, and the YAML file with its whole configuration, for the command that would make it alone."""

_SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class Campaign:
    """A campaign that has ended, or was stopped by a signal. rows: those of all its runs, earlier ones too."""

    folder: CampaignFolder
    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    heading: Heading
    stopped_by: signal.Signals | None

    @property
    def failed(self) -> tuple[Row, ...]:
        """The runs that came to nothing."""
        return tuple(row for row in self.rows if row.state == "failed")


@dataclass(frozen=True)
class Means:
    """How the runs are carried out. n_jobs: at a time. threads: of PyTorch for each. modules: plug-ins to import."""

    launch: Launcher
    n_jobs: int = 1
    threads: int = 0
    modules: tuple[str, ...] = ()


def carry_out(
    plan: Plan, options_of: OptionsOf, log_folder: Path, into: Path | None, command: str, means: Means, console: Console
) -> Campaign:
    """Do the runs of `plan` that are not done yet, and write down what comes of each.

    into: the folder of this campaign, begun earlier; None for a new one, or the one of the plan's name. UserError,
    before the first run, if a variant cannot be built, or is another one than it was then.
    """
    there = _begun_earlier(plan, log_folder, into)
    missing = _missing(plan, {row.key: row for row in (there.read_rows() if there is not None else [])})
    looked_at = []
    for variant in plan.variants:
        if any(run.variant is variant for run in missing):
            options = options_of(PlannedRun(variant, plan.seeds[0]), Path(f"{variant.name}.yml"))
            looked_at.append((plan.shown(variant), check(variant, options, plan.shown(variant))))
    folder = there or CampaignFolder.claim(log_folder, plan.name, plan.numbered)
    with locked(folder.path), stop_requests() as stop:
        try:
            seeds = write_plan(plan, folder, command).seeds
            rows = {row.key: row for row in folder.read_rows()}
            work = _Work(plan, folder, options_of, means, stop, console, rows, seeds)
            work.do(doctors_lines(looked_at))
        except BaseException:
            if there is None and not folder.rows.exists():
                folder.discard()
            raise
    return Campaign(folder, tuple(work.sorted_rows()), tuple(work.summaries()), work.heading, stop.signal)


def _begun_earlier(plan: Plan, log_folder: Path, into: Path | None) -> CampaignFolder | None:
    path = log_folder / CAMPAIGNS / plan.name if into is None else into
    if into is None and (plan.numbered or not path.exists() or nothing_begun(path)):
        return None
    there = CampaignFolder.at(path)
    refuse_another(plan, there)  # before the variants are built, which takes longer
    return there


def _missing(plan: Plan, rows: Mapping[RunKey, Row]) -> list[PlannedRun]:
    return [run for run in plan.runs() if (row := rows.get(run.row().key)) is None or row.state != "finished"]


@dataclass
class _Work:
    """The runs under way. rows: all that are known. seeds: of the whole campaign, of which the plan may be a part."""

    plan: Plan
    folder: CampaignFolder
    options_of: OptionsOf
    means: Means
    stop: StopRequest
    console: Console
    rows: dict[RunKey, Row]
    seeds: tuple[int, ...]
    _under_way: dict[Future[Outcome], PlannedRun] = field(default_factory=dict)

    def do(self, before: Sequence[str] = ()) -> None:
        """All that is missing; less if it is told to stop. before: lines to print first."""
        runs, missing = len(self.plan.runs()), _missing(self.plan, self.rows)
        done = runs - len(missing)
        if done:
            self._say(f"{done} of {counted(runs, 'run')} {'is' if runs == 1 else 'are'} done already")
        for line in before:
            self._say(line)
        ahead, stopped = list(enumerate(missing, start=done + 1)), False
        with ThreadPoolExecutor(self.means.n_jobs) as pool:
            try:
                while self._under_way or (ahead and not self.stop.asked()):
                    # asked anew before each: a signal may come between two starts
                    while ahead and len(self._under_way) < self.means.n_jobs and not self.stop.asked():
                        number, run = ahead.pop(0)
                        self._begin(run, f"run {number} of {runs}", len(ahead) + 1, pool)
                    if self.stop.asked() and not stopped:
                        stopped = True
                        self._say("stopping: the runs under way save a checkpoint")
                        self.means.launch.stop()
                    self._end_those_that_are_done()
            except BaseException:
                self.means.launch.stop()
                raise
        self._write()

    def _begin(self, run: PlannedRun, which: str, left: int, pool: ThreadPoolExecutor) -> None:
        configuration = run.variant.configuration
        options = self.options_of(run, self.folder.variant(run.variant.name, configuration.env.folder_name))
        folder = RunFolders(self.folder, self._say).of(run, options, self.rows.get(run.row().key))
        self._keep(replace(run.row(), run_folder=str(folder.path)))
        self._say(f"{which}: {self._name(run)}{self._time_left(left)}")
        job = Job(
            configuration=configuration,
            options=options,
            folder=folder,
            threads=self.means.threads,
            modules=self.means.modules,
        )
        self._under_way[pool.submit(self.means.launch, job, _never)] = run

    def _end_those_that_are_done(self) -> None:
        done, _ = wait(self._under_way, timeout=_SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
        for future in done:
            run = self._under_way.pop(future)
            row = row_after(self.rows[run.row().key], future.result())
            self._keep(row)
            self._say(f"{self._name(run)}: {_outcome(row)}")

    def _name(self, run: PlannedRun) -> str:
        return f"{self.plan.shown(run.variant)}, seed {run.seed}"

    def _time_left(self, runs: int) -> str:
        seconds = [row.seconds for row in self.rows.values() if row.state == "finished" and row.seconds is not None]
        if not seconds:
            return ""
        return f", about {timedelta(seconds=round(fmean(seconds) * -(-runs // self.means.n_jobs)))} left"

    def _keep(self, row: Row) -> None:
        self.rows[row.key] = row
        self._write()

    def _write(self) -> None:
        self.folder.write_rows(self.sorted_rows())
        self.folder.write_table(markdown(self.summaries(), self.heading))

    def _order(self) -> list[tuple[str, str]]:
        """All variants and environments that there are rows of, those of this plan first."""
        return in_order([(each.name, each.env) for each in self.plan.variants], self.rows.values())

    def summaries(self) -> list[Summary]:
        """What comes of the rows so far."""
        return summaries(self.sorted_rows(), self._order(), self.plan.reference, self.seeds)

    @property
    def heading(self) -> Heading:
        """What stands over the table."""
        lengths = {variant.configuration.hyperparameters.n_timesteps for variant in self.plan.variants}
        return Heading(self.plan.kind, self.plan.of, self.plan.envs, self.plan.reference, frozenset(lengths))

    def sorted_rows(self) -> list[Row]:
        """By seed, then as the variants stand in the plan."""
        order = self._order()
        return sorted(self.rows.values(), key=lambda row: (row.seed, order.index((row.variant, row.env))))

    def _say(self, line: str) -> None:
        with quiet_without_reader(self.console):
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)


def _never(_: object) -> bool:
    return False


def _outcome(row: Row) -> str:
    if row.state == "finished":
        return f"final {row.final_mean:.1f}, best {row.best_mean:.1f}, {row.seconds:,.0f} s"
    if row.state == "failed":
        return f"failed: {row.reason}"
    if row.agent_steps is None:
        return "stopped"
    return f"stopped after {row.agent_steps:,} agent steps" if row.agent_steps else "stopped before its first step"
