"""One training run: configuration in, run folder out."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import yaml
from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import (
    CSVOutputFormat,
    HumanOutputFormat,
    KVWriter,
    Logger,
    TensorBoardOutputFormat,
)

from dqn_zoo_ext.callbacks import Checkpoint, Progress, ProtocolEvaluation
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.build import build_model, build_venv, frames_per_agent_step
from dqn_zoo_ext.experiment.callbacks import configured_callbacks, evaluation_callback
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.storage.agent_file import read_counters, read_optimizer_state, read_policy_weights, write_agent
from dqn_zoo_ext.storage.atomic import write_atomically
from dqn_zoo_ext.storage.replay_file import read_replay, write_replay
from dqn_zoo_ext.storage.results import EvaluationRecord, Machine, RunResults, Versions, write_results
from dqn_zoo_ext.storage.run_folder import RunFolder


@dataclass(frozen=True)
class Finished:
    """A run that has ended. interrupted: by Ctrl-C, before its last agent step."""

    run: RunFolder
    results: RunResults
    interrupted: bool


def train(configuration: Configuration, options: RunOptions, console: Console) -> Finished:
    """Train as configured and leave everything in a new run folder.

    UserError for whatever the user can mend; if it comes before the first agent step, no folder is left.
    """
    run = RunFolder.claim(options.log_folder, configuration.algo, configuration.env.folder_name, options.unique_folder)
    with _discarded_on_error(run):
        model = _prepare(configuration, options, run)
        progress = Progress(console if options.verbose > 0 else Console(quiet=True), options.live_progress)
        evaluation = _evaluation(configuration, options, run, progress)
        callbacks = [*configured_callbacks(configuration), Checkpoint(options.save_freq, run.checkpoint), progress]
        callbacks += [evaluation] if evaluation else []
        if options.trained_agent is not None:
            _continue_from(model, options)
        model.set_logger(_logger(options, run))
        _write_config(configuration, options, run)
        progress.say(headline(configuration, options.seed))
    started, clock, first_step = datetime.now(UTC), time.monotonic(), model.num_timesteps
    with _discarded_on_error(run, unless=lambda: model.num_timesteps > first_step), _kept_on_error(model, run):
        interrupted = _learn(model, configuration, options, callbacks, progress)
    seconds = time.monotonic() - clock
    write_agent(model, run.final_model)
    results = RunResults(
        versions=Versions.here(),
        machine=Machine.here(),
        algo=configuration.algo,
        env=configuration.env.gym_id,
        seed=options.seed,
        command=options.command,
        started=started,
        seconds=seconds,
        agent_steps=model.num_timesteps,
        frames=model.num_timesteps * frames_per_agent_step(configuration),
        updates=model._n_updates,
        agent_steps_per_second=(model.num_timesteps - first_step) / seconds,
        evaluations=tuple(evaluation.records) if evaluation else (),
        best=evaluation.best if evaluation else None,
        final=_at_the_end(evaluation, model),
    )
    write_results(results, run.results)
    if options.save_replay_buffer:
        _save_replay(model, run)
    return Finished(run, results, interrupted)


def headline(configuration: Configuration, seed: int) -> str:
    """What is about to be trained, in a line."""
    parameters = configuration.hyperparameters
    environments = "1 environment" if parameters.n_envs == 1 else f"{parameters.n_envs} environments"
    steps = f"{parameters.n_timesteps:,} agent steps in {environments}"
    return f"{configuration.algo} on {configuration.env.gym_id}, {steps}, seed {seed}"


def _prepare(configuration: Configuration, options: RunOptions, run: RunFolder) -> DeepQ:
    venv = build_venv(
        configuration,
        configuration.hyperparameters.n_envs,
        options.seed,
        monitor_path=run.monitor,
        vec_env=options.vec_env,
    )
    return build_model(configuration, venv, options.seed, options.device)


def _evaluation(
    configuration: Configuration, options: RunOptions, run: RunFolder, progress: Progress
) -> ProtocolEvaluation | None:
    every = configuration.hyperparameters.eval_freq if options.eval_freq is None else options.eval_freq
    if every < 1:
        return None

    def say(record: EvaluationRecord) -> None:
        progress.say(
            f"evaluation after {record.agent_steps:,} agent steps: {record.mean:.1f} +/- {record.std:.1f} "
            f"({len(record.episodes)} games, {record.protocol})"
        )

    return evaluation_callback(configuration, options, every, say, run.best_model, run.evaluations)


def _continue_from(model: DeepQ, options: RunOptions) -> None:
    """Take over weights, optimizer state and counters, and the replay ring if it lies beside the agent.

    Schedules count on from there; one given as a fraction stretches over both runs together.
    """
    assert options.trained_agent is not None
    weights, optimizer = read_policy_weights(options.trained_agent), read_optimizer_state(options.trained_agent)
    try:
        model.policy.load_state_dict(weights)
        model.policy.optimizer.load_state_dict(optimizer)
    except (RuntimeError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[-1].strip()
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


def _save_replay(model: DeepQ, run: RunFolder) -> None:
    if isinstance(model.replay_buffer, FrameRing):
        write_replay(model.replay_buffer, run.replay_buffer)
    else:  # Stable-Baselines3's own way, a pickle, for its own buffers; nothing here ever reads one
        model.save_replay_buffer(run.path / "replay_buffer.pkl")


def _logger(options: RunOptions, run: RunFolder) -> Logger:
    tensorboard = options.tensorboard_log / run.algo / run.path.name if options.tensorboard_log else run.tensorboard
    outputs: list[KVWriter] = [
        TensorBoardOutputFormat(str(tensorboard)),
        CSVOutputFormat(str(run.path / "progress.csv")),
    ]
    if options.verbose > 1:
        outputs.append(HumanOutputFormat(sys.stdout))
    return Logger(str(run.path), outputs)


def _write_config(configuration: Configuration, options: RunOptions, run: RunFolder) -> None:
    write_atomically(run.config, yaml.safe_dump(configuration.as_plain_data(), sort_keys=False))
    write_atomically(run.args, yaml.safe_dump(dict(options.arguments), sort_keys=True))
    write_atomically(run.command, options.command + "\n")


def _learn(
    model: DeepQ,
    configuration: Configuration,
    options: RunOptions,
    callbacks: list[BaseCallback],
    progress: Progress,
) -> bool:
    """True if Ctrl-C ended it early; what has been learned is then kept, as RL-Zoo does."""
    try:
        model.learn(
            configuration.hyperparameters.n_timesteps,
            callback=callbacks,
            log_interval=options.log_interval,
            reset_num_timesteps=options.trained_agent is None,
        )
    except KeyboardInterrupt:
        return True
    finally:
        progress.stop()
        model.logger.close()
        if model.env is not None:
            model.env.close()
    return False


def _at_the_end(evaluation: ProtocolEvaluation | None, model: DeepQ) -> EvaluationRecord | None:
    last = evaluation.records[-1] if evaluation and evaluation.records else None
    return last if last is not None and last.agent_steps == model.num_timesteps else None


@contextlib.contextmanager
def _discarded_on_error(run: RunFolder, unless: Callable[[], bool] = lambda: False) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if not unless():
            run.discard()
        raise


@contextlib.contextmanager
def _kept_on_error(model: DeepQ, run: RunFolder) -> Iterator[None]:
    """If training breaks down after hours, what it has learned is in a checkpoint."""
    begun = model.num_timesteps
    try:
        yield
    except Exception:
        if model.num_timesteps > begun:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                write_agent(model, run.checkpoint(model.num_timesteps))
        raise
