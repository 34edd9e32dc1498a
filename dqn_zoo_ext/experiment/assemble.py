"""The parts of one training run, put together: environments, model, callbacks, logs."""

import contextlib
import sys
from collections.abc import Callable

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import HumanOutputFormat, KVWriter, Logger
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.callbacks import AgentFiles, ExactCheckpoint, HealthWarnings, Progress, ProtocolEvaluation, Trace
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.experiment.build import build_model, build_venv
from dqn_zoo_ext.experiment.callbacks import configured_callbacks, evaluation_callback, lent_by
from dqn_zoo_ext.experiment.live_run import LiveRun
from dqn_zoo_ext.experiment.options import RunOptions, default_save_freq
from dqn_zoo_ext.storage.event_files import EventFiles, claim_folder, claimed_folder
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.progress_csv import ProgressCsv
from dqn_zoo_ext.storage.results import EvaluationRecord
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.words import counted


def assemble(
    configuration: Configuration,
    options: RunOptions,
    folder: RunFolder,
    progress: Progress,
    stop_asked: Callable[[], bool],
    look_at: Callable[[VecEnv], None] = lambda _: None,
) -> tuple[LiveRun, ExactCheckpoint, list[BaseCallback]]:
    """The run, what makes its checkpoints, and all callbacks in the order in which they are to be called.

    look_at: sees the environments before a model is made for them; it may refuse them. UserError for whatever cannot be
    built.
    """
    venv = build_venv(
        configuration,
        configuration.hyperparameters.n_envs,
        options.seed,
        monitor_path=folder.monitor,
        vec_env=options.vec_env,
    )
    with contextlib.ExitStack() as unless_assembled:
        unless_assembled.callback(venv.close)
        look_at(venv)
        model = build_model(configuration, venv, options.seed, options.device)
        checkpoints = CheckpointFolder(folder.checkpoint_folder, options.keep_checkpoints)
        every = options.save_freq
        if every is None:
            every = default_save_freq(configuration.hyperparameters.n_timesteps)
        exact = ExactCheckpoint(
            every, checkpoints, snapshot=lambda: run.snapshot(checkpoints), stop_asked=stop_asked, say=progress.say
        )
        evaluation = _evaluation(configuration, options, folder, progress, exact.stop_if_asked)
        # evaluations stand behind checkpoints: a stop amid one makes a checkpoint, and nothing may come in between
        first: list[BaseCallback] = [evaluation] if evaluation else []
        lent = lent_by(configuration, options, folder, progress.say, exact.stop_if_asked)
        with_state = [*first, *configured_callbacks(configuration, lent), HealthWarnings(progress.say)]
        run = LiveRun(
            configuration=configuration,
            options=options,
            folder=folder,
            model=model,
            callbacks=with_state,
            evaluation=evaluation,
            progress_csv=ProgressCsv(folder.path / "progress.csv"),
            event_files=_event_files(options, folder, progress.say),
        )
        outputs: list[KVWriter] = [run.event_files, run.progress_csv]
        if options.verbose > 1:
            outputs.append(HumanOutputFormat(sys.stdout))
        model.set_logger(Logger(str(folder.path), outputs))
        unless_assembled.pop_all()
    without_state = [AgentFiles(options.save_freq or -1, folder.checkpoint), progress]
    if options.profile:
        without_state.append(Trace(folder.path / "trace.json", progress.say))
    return run, exact, [exact, *with_state, *without_state]


def _event_files(options: RunOptions, folder: RunFolder, say: Callable[[str], None]) -> EventFiles:
    if options.tensorboard_log is None:
        return EventFiles(folder.tensorboard)
    parent = options.tensorboard_log / folder.algo
    claimed = claimed_folder(folder.tensorboard_elsewhere)
    if claimed is None and folder.config.is_file() and not folder.tensorboard.is_dir():
        claimed = parent / folder.path.name  # a run that was begun with -tb before folders were claimed goes on in it
    if claimed is not None and not claimed.exists() and (parent / claimed.name).is_dir():
        claimed = parent / claimed.name  # both were moved together
    if claimed is None or claimed.parent.resolve() != parent.resolve():
        claimed = claim_folder(parent, folder.path.name, folder.tensorboard_elsewhere)
        if claimed.name != folder.path.name:
            say(f"event files: {claimed}, as another run has {folder.path.name} there")
    return EventFiles(claimed, private=False)


def _evaluation(
    configuration: Configuration,
    options: RunOptions,
    folder: RunFolder,
    progress: Progress,
    before_step: Callable[[], None],
) -> ProtocolEvaluation | None:
    every = configuration.hyperparameters.eval_freq if options.eval_freq is None else options.eval_freq
    if every < 1:
        return None

    def say(record: EvaluationRecord) -> None:
        progress.say(
            f"evaluation after {record.agent_steps:,} agent steps: {record.mean:.1f} +/- {record.std:.1f} "
            f"({counted(len(record.episodes), 'game')}, {record.protocol})"
        )

    return evaluation_callback(
        configuration, options, every, say, folder.best_model, folder.evaluations, before_step=before_step
    )
