"""The callbacks that a configuration asks for: those it lists, and the evaluation by its protocol."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from stable_baselines3.common.callbacks import BaseCallback

from dqn_zoo_ext import registry
from dqn_zoo_ext.callbacks import ProtocolEvaluation
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.experiment.build import build_venv, protocol_of
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.storage.results import EvaluationRecord

_MOST_EVAL_ENVS = 8
_EVAL_SEED_OFFSET = 1_000_003  # evaluations never play the training's seeds


def configured_callbacks(configuration: Configuration) -> list[BaseCallback]:
    """The callbacks of the configuration's list, made."""
    made: list[BaseCallback] = []
    for entry in configuration.hyperparameters.callback:
        name, keywords = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
        made.append(registry.callbacks.get(name)(**(keywords or {})))
    return made


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
    many = _MOST_EVAL_ENVS if configuration.env.family == "atari" else 1
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
    )
