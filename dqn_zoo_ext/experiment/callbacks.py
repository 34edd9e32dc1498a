"""The callbacks that a configuration asks for: those it lists, and the evaluation by its protocol."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext import registry
from dqn_zoo_ext.callbacks import Borrower, Lent, ProtocolEvaluation
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.evaluation.evaluate import MOST_ENVS
from dqn_zoo_ext.experiment.build import build_venv, played_stickiness, protocol_of
from dqn_zoo_ext.experiment.filmed_venv import film_set
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.storage.results import EvaluationRecord
from dqn_zoo_ext.storage.run_folder import RunFolder

_EVAL_SEED_OFFSET = 1_000_003  # evaluations never play the training's seeds


def configured_callbacks(configuration: Configuration, lent: Lent | None = None) -> list[BaseCallback]:
    """The callbacks of the configuration's list, made.

    lent: what those that borrow from a run are given; without it they are left out, having no place in a trial.
    UserError for arguments that a callback refuses.
    """
    made: list[BaseCallback] = []
    for entry in configuration.hyperparameters.callback:
        name, keywords = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
        callback: BaseCallback = registry.callbacks.get(name)(**(keywords or {}))
        if isinstance(callback, Borrower):
            if lent is None:
                continue
            callback.borrow(lent)
        made.append(callback)
    return made


def lent_by(
    configuration: Configuration,
    options: RunOptions,
    folder: RunFolder,
    say: Callable[[str], None],
    before_step: Callable[[], None],
) -> Lent:
    """What a run lends to the callbacks of its configuration."""
    algo, env = configuration.algo, configuration.env.gym_id
    return Lent(
        folder=folder.path,
        say=say,
        film_set=partial(film_set, configuration),
        before_step=before_step,
        name=f"{configuration.env.folder_name}__{algo}__{options.seed}",
        configuration={"algo": algo, "env": env, "seed": options.seed, **configuration.as_plain_data()},
    )


def evaluation_callback(
    configuration: Configuration,
    options: RunOptions,
    every: int,
    on_record: Callable[[EvaluationRecord], None],
    best_model: Path | None,
    evaluations: Path | None,
    before_step: Callable[[], None] | None = None,
) -> ProtocolEvaluation:
    """Evaluations by the configuration's protocol, every so many agent steps."""
    parameters = configuration.hyperparameters
    protocol = protocol_of(configuration)
    episodes = options.eval_episodes or parameters.eval_episodes
    many = MOST_ENVS if configuration.env.family == "atari" else 1
    seed = (options.seed + _EVAL_SEED_OFFSET) % 2**31
    return ProtocolEvaluation(
        make_venv=partial(
            build_venv,
            configuration,
            options.n_eval_envs or min(episodes, many),
            seed,
            evaluation=protocol.rules,
            env_kwargs=dict(options.eval_env_kwargs),
        ),
        protocol=protocol,
        every=every,
        episodes=episodes,
        seed=seed,
        best_model=best_model,
        evaluations=evaluations,
        on_record=on_record,
        before_step=before_step,
        sticky=played_stickiness(configuration, protocol, options.eval_env_kwargs),
    )
