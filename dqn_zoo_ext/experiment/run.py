"""One training run: configuration in, run folder out; or on with a run that was stopped or killed."""

import contextlib
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.callbacks import ExactCheckpoint, Progress, ProtocolEvaluation, Rungs, Stopped
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.envs.replaying.vec_state import agent_steps_to_replay
from dqn_zoo_ext.errors import UserError, last_line
from dqn_zoo_ext.experiment.assemble import assemble
from dqn_zoo_ext.experiment.breakdowns import plain_breakdowns, plain_memory_errors
from dqn_zoo_ext.experiment.build import frames_per_agent_step
from dqn_zoo_ext.experiment.doctor import brief_lines, diagnose, refuse
from dqn_zoo_ext.experiment.live_run import LiveRun
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.resume import (
    REPLAY,
    finished_results,
    no_checkpoint,
    other_versions,
    refuse_changes,
    refuse_without_checkpoints,
)
from dqn_zoo_ext.experiment.signals import StoppedAtOnce, StopRequest, stop_requests
from dqn_zoo_ext.learning.model import Model
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.saved.optimizer_state import load_optimizer_state
from dqn_zoo_ext.state import State
from dqn_zoo_ext.storage.agent_file import read_counters, read_optimizer_state, read_policy_weights, write_agent
from dqn_zoo_ext.storage.atomic import plain_os_errors, remove_leftovers, replacing
from dqn_zoo_ext.storage.event_files import claimed_folder
from dqn_zoo_ext.storage.exact.checkpoints import Checkpoint, CheckpointFolder
from dqn_zoo_ext.storage.replay_file import read_replay, write_replay
from dqn_zoo_ext.storage.results import EvaluationRecord, Machine, RunResults, Versions, write_results
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.storage.run_lock import Busy, locked
from dqn_zoo_ext.words import counted

Changes = Mapping[str, tuple[Any, Any]]
"""What differs from how a run was saved, by key: there and here."""


@dataclass(frozen=True)
class Finished:
    """A run that has ended.

    stopped_by: the signal that ended it early. paused: at a rung. saved: whether it can be resumed from there.
    was_finished: it had been before, and nothing was done. results: None if it was stopped before it went on.
    """

    run: RunFolder
    results: RunResults | None
    stopped_by: signal.Signals | None = None
    saved: bool = True
    was_finished: bool = False
    paused: bool = False


def train(
    configuration: Configuration,
    options: RunOptions,
    console: Console,
    claimed: RunFolder | None = None,
    rungs: Sequence[int] = (),
    go_on: Callable[[EvaluationRecord], bool] = lambda _: True,
) -> Finished:
    """Train as configured and leave everything in a new run folder, or in one that has just been claimed for it.

    claimed: what a process that was lost has left there is removed first. rungs: agent steps at which it is evaluated,
    and paused unless `go_on` says otherwise. UserError for whatever the user can mend; if it comes before the first
    agent step, no folder is left. Busy if another process has the folder, or a checkpoint has come to lie in it.
    """
    folder = claimed or RunFolder.claim(
        options.log_folder, configuration.algo, configuration.env.folder_name, options.unique_folder
    )
    progress = _progress(options, console)
    with stop_requests() as stop, locked(folder.path):  # whoever sees the lock may send a signal
        if claimed is not None:
            _empty(claimed)
        with _discarded_on_error(folder), plain_memory_errors():
            doctor = _Doctor(configuration, options)
            run, exact, callbacks = assemble(configuration, options, folder, progress, stop.asked, doctor.look_at)
            callbacks = [*_rungs(run, exact, rungs, go_on), *callbacks]
            with _closed_on_error(run):
                if options.trained_agent is not None:
                    _continue_from(run.model, options)
                run.write_config()
                for line in [headline(configuration, options.seed), *doctor.lines]:
                    progress.say(line)
                _check_resumable(run, exact, progress)
                run.first_step = run.model.num_timesteps
        begun = run.model.num_timesteps
        with _discarded_on_error(folder, unless=lambda: run.model.num_timesteps > begun):
            return _learn(run, exact, callbacks, progress, stop)


def resume(
    folder: RunFolder,
    configuration: Configuration,
    options: RunOptions,
    allowed: list[str],
    console: Console,
    wait_seconds: float = 0.0,
    rungs: Sequence[int] = (),
    go_on: Callable[[EvaluationRecord], bool] = lambda _: True,
) -> Finished:
    """Go on with a run from its newest whole checkpoint, as if it had never been stopped.

    allowed: what of the configuration may differ from then; ``replay`` for an empty one. wait_seconds: for another
    process that is at work on it to end. rungs, go_on: as in ``train``, those ahead. UserError if there is no such
    checkpoint, if anything else differs, if the run has reached its last agent step, or if another process is at work
    on it.
    """
    refuse_without_checkpoints(folder)
    progress = _progress(options, console)
    with locked(folder.path, wait_seconds, progress.say), stop_requests() as stop, plain_memory_errors():
        try:
            with stop.at_once():  # what there is to save lies on the disk
                checkpoint, state, changes, wrong = _newest(folder, configuration, options, allowed)
                if not changes and (results := finished_results(folder, checkpoint)) is not None:
                    return Finished(folder, results, was_finished=True)
                for line in [*(f"left aside: {each}" for each in wrong), *other_versions(checkpoint)]:
                    progress.say(line)
                remove_leftovers(folder.path)
                run, exact, callbacks = assemble(configuration, options, folder, progress, stop.asked)
                callbacks = [*_rungs(run, exact, rungs, go_on), *callbacks]
                with _closed_on_error(run):
                    _bring_back(run, exact, checkpoint, state, changes, REPLAY not in allowed, progress)
        except StoppedAtOnce:
            return Finished(folder, None, stop.signal)
        return _learn(run, exact, callbacks, progress, stop)


def _empty(claimed: RunFolder) -> None:
    if CheckpointFolder(claimed.checkpoint_folder).is_there():
        raise Busy(f"{str(claimed.path)!r} has been trained in meanwhile, and has a checkpoint to go on from")
    claimed.empty()


def _newest(
    folder: RunFolder, configuration: Configuration, options: RunOptions, allowed: list[str]
) -> tuple[Checkpoint, State, Changes, list[str]]:
    """The newest whole checkpoint, what is in it, what has changed since, and a line for each that is not whole."""
    checkpoints = CheckpointFolder(folder.checkpoint_folder, options.keep_checkpoints)
    with plain_os_errors(f"cannot read the checkpoints in {folder.path}"):
        checkpoint, wrong = checkpoints.newest(REPLAY not in allowed)
    if checkpoint is None:
        raise no_checkpoint(folder.path, wrong, checkpoints)
    state, so_far = checkpoint.state(), checkpoint.agent_steps
    changes = refuse_changes(state["run"], configuration, options, allowed)
    total = state["run"]["first_step"] + configuration.hyperparameters.n_timesteps
    if "n_timesteps" in changes and total < so_far:
        raise UserError(f"--resume: the run has {so_far:,} agent steps already, and cannot end after {total:,}")
    return checkpoint, state, changes, wrong


def _bring_back(
    run: LiveRun,
    exact: ExactCheckpoint,
    checkpoint: Checkpoint,
    state: State,
    changes: Changes,
    with_replay: bool,
    progress: Progress,
) -> None:
    if with_replay:
        progress.say(_what_is_replayed(state))
    run.restore(checkpoint, state, with_replay)
    CheckpointFolder(run.folder.checkpoint_folder, run.options.keep_checkpoints).set_aside_newer(checkpoint)
    exact.go_on_from(checkpoint, with_replay)
    run.changed = bool(changes)
    if "n_timesteps" in changes:
        _change_length(run)
    for key, (there, here) in changes.items():
        progress.say(f"changed: {key} was {there!r} and is {here!r}")
    what = headline(run.configuration, run.options.seed)
    progress.say(f"going on after {checkpoint.agent_steps:,} agent steps: {what}")


def _what_is_replayed(state: State) -> str:
    steps = agent_steps_to_replay(state["environments"])
    which = "what the environments did" if steps is None else f"the environments' last {counted(steps, 'agent step')}"
    return f"playing {which} again, which may take a while (Ctrl-C stops it at once)"


class _Doctor:
    """A brief look at a run before it begins. lines: what there is to say of it."""

    def __init__(self, configuration: Configuration, options: RunOptions) -> None:
        self._configuration = configuration
        self._options = options
        self.lines: list[str] = []

    def look_at(self, venv: VecEnv) -> None:
        """UserError if the run is bound to come to nothing."""
        spaces_seen = (venv.observation_space, venv.action_space)
        found = diagnose(self._configuration, self._options, measure=False, spaces_seen=spaces_seen)
        refuse(found)
        self.lines = brief_lines(found)


def headline(configuration: Configuration, seed: int) -> str:
    """What is about to be trained, in a line."""
    parameters = configuration.hyperparameters
    environments = "1 environment" if parameters.n_envs == 1 else f"{parameters.n_envs} environments"
    steps = f"{parameters.n_timesteps:,} agent steps in {environments}"
    return f"{configuration.algo} on {configuration.env.gym_id}, {steps}, seed {seed}"


def _progress(options: RunOptions, console: Console) -> Progress:
    return Progress(console if options.verbose > 0 else Console(quiet=True), options.live_progress)


def _change_length(run: LiveRun) -> None:
    total = run.first_step + run.configuration.hyperparameters.n_timesteps
    run.model._total_timesteps = total
    # the next updates may come before the next step is stored
    run.model._update_current_progress_remaining(run.model.num_timesteps, total)


def _rungs(
    run: LiveRun, exact: ExactCheckpoint, rungs: Sequence[int], go_on: Callable[[EvaluationRecord], bool]
) -> list[BaseCallback]:
    if not rungs:
        return []
    if run.evaluation is None:
        raise ValueError("a run with rungs needs evaluations")
    return [Rungs(rungs, go_on, run.evaluation, exact)]


def _check_resumable(run: LiveRun, exact: ExactCheckpoint, progress: Progress) -> None:
    reason = run.why_not_resumable()
    if reason is not None and exact.is_on:
        exact.turn_off()
        progress.say(f"no checkpoints for exact resume: {reason}")
    for name in run.forgetful():
        progress.say(f"the callback {name} has no state(): it begins afresh when the run is resumed")


def _continue_from(model: Model, options: RunOptions) -> None:
    """Take over weights, optimizer state and counters, and the replay ring if it lies beside the agent.

    Schedules count on from there; one given as a fraction stretches over both runs together.
    """
    assert options.trained_agent is not None
    weights, optimizer = read_policy_weights(options.trained_agent), read_optimizer_state(options.trained_agent)
    try:
        model.policy.load_state_dict(weights)
        load_optimizer_state(model.policy, optimizer["state"])
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = last_line(error)
        raise UserError(f"agent file {options.trained_agent} does not fit the configuration: {reason}") from error
    counters = read_counters(options.trained_agent)
    model.num_timesteps, model._n_updates, model._episode_num = (
        counters.num_timesteps,
        counters.n_updates,
        counters.episodes,
    )
    stored = options.trained_agent.with_name(RunFolder.replay_buffer_name)
    if stored.is_file() and isinstance(model.replay_buffer, FrameRing):
        read_replay(model.replay_buffer, stored)


def _learn(
    run: LiveRun, exact: ExactCheckpoint, callbacks: list[BaseCallback], progress: Progress, stop: StopRequest
) -> Finished:
    stopped = False
    log_interval = run.options.episodes_between_lines(run.model.n_envs)
    with plain_breakdowns(run, exact):
        with contextlib.ExitStack() as at_the_end:  # all of it, whatever fails; the last named is done first
            for close in (exact.close, run.close, progress.stop):
                at_the_end.callback(close)
            try:
                run.model.learn(
                    run.configuration.hyperparameters.n_timesteps,
                    callback=callbacks,
                    log_interval=log_interval,  # type: ignore[arg-type]  # None: never
                    reset_num_timesteps=run.options.trained_agent is None,
                )
            except Stopped:
                stopped = True
        run.model.check_finite()
        results = _results(run, finished=not stopped)
        write_agent(run.model, run.folder.final_model)
        write_results(results, run.folder.results)
        if run.options.save_replay_buffer:
            _save_replay(run)
    return Finished(
        run.folder,
        results,
        stop.signal if stopped else None,
        saved=exact.saved_at == run.model.num_timesteps,
        paused=stopped and stop.signal is None,
    )


def _results(run: LiveRun, finished: bool) -> RunResults:
    model, evaluation, configuration = run.model, run.evaluation, run.configuration
    seconds = run.seconds
    return RunResults(
        versions=Versions.here(),
        machine=Machine.here(),
        algo=configuration.algo,
        env=configuration.env.gym_id,
        seed=run.options.seed,
        command="; ".join(run.folder.command.read_text(encoding="utf-8").splitlines()),
        started=run.started,
        seconds=seconds,
        agent_steps=model.num_timesteps,
        frames=model.num_timesteps * frames_per_agent_step(configuration),
        updates=model._n_updates,
        agent_steps_per_second=(model.num_timesteps - run.first_step) / seconds,
        evaluations=tuple(evaluation.records) if evaluation else (),
        best=evaluation.best if evaluation else None,
        final=_at_the_end(evaluation, model),
        finished=finished,
        seconds_spent=model.seconds_spent(),
        preset=run.options.preset,
        most_memory=run.most_memory,
    )


def _at_the_end(evaluation: ProtocolEvaluation | None, model: Model) -> EvaluationRecord | None:
    last = evaluation.records[-1] if evaluation and evaluation.records else None
    return last if last is not None and last.agent_steps == model.num_timesteps else None


def _save_replay(run: LiveRun) -> None:
    if isinstance(run.model.replay_buffer, FrameRing):
        write_replay(run.model.replay_buffer, run.folder.replay_buffer)
    else:  # Stable-Baselines3's own way, a pickle, for its own buffers; nothing here ever reads one
        path = run.folder.path / "replay_buffer.pkl"
        with replacing(path) as temporary, plain_os_errors(f"cannot write {path}"):
            run.model.save_replay_buffer(temporary)


@contextlib.contextmanager
def _discarded_on_error(folder: RunFolder, unless: Callable[[], bool] = lambda: False) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if not unless():
            events = claimed_folder(folder.tensorboard_elsewhere)
            folder.discard()
            if events is not None:
                shutil.rmtree(events, ignore_errors=True)
        raise


@contextlib.contextmanager
def _closed_on_error(run: LiveRun) -> Iterator[None]:
    """Processes of environments would otherwise be waited for when this one ends."""
    try:
        yield
    except BaseException:
        run.close()
        raise
