"""From a configuration to the things it names: environments, a model to train, a policy to play with."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from gymnasium import spaces
from gymnasium.spaces import Discrete
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.utils import get_device
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.brought import policies_of
from dqn_zoo_ext.config.layers import RL_ZOO_FAMILY
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.config.rl_zoo_format import WHAT_THAT_MEANS
from dqn_zoo_ext.config.schema import ScheduleSpec
from dqn_zoo_ext.config.shipped_files import shipped
from dqn_zoo_ext.envs.make import make_vec_env
from dqn_zoo_ext.envs.preprocessing import Atari
from dqn_zoo_ext.envs.request import EnvRequest
from dqn_zoo_ext.envs.rules import AtariRules, EvaluationRules
from dqn_zoo_ext.errors import UserError, first_line
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.learning.model import Model
from dqn_zoo_ext.learning.networks.torsos import TooSmall
from dqn_zoo_ext.learning.schedules import Schedule

_PASSED_ON_AS_THEY_ARE = (
    "buffer_size",
    "learning_starts",
    "batch_size",
    "gamma",
    "tau",
    "train_freq",
    "gradient_steps",
    "n_steps",
    "target_update_interval",
    "target_update_unit",
    "loss",
    "precision",
    "exploration_begins",
    "replay_buffer_class",
)


def protocol_of(configuration: Configuration) -> Protocol:
    """The protocol that the configuration names; UserError that says where, if there is none of that name."""
    try:
        return protocols.get(configuration.hyperparameters.eval_protocol)
    except UserError as error:
        raise UserError(f"{configuration.sources['eval_protocol']}: {error}") from None


def frames_per_agent_step(configuration: Configuration) -> int:
    """Emulator frames in an agent step; 1 outside Atari."""
    if configuration.env.family != "atari":
        return 1
    return int(configuration.hyperparameters.preprocessing_kwargs.get("frame_skip", AtariRules.frame_skip))


def atari_rules(
    configuration: Configuration,
    evaluation: EvaluationRules | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
) -> AtariRules | None:
    """The rules of the game as the environments will have them; None where they are not made by our preprocessing.

    env_kwargs: over those of the configuration. UserError if these do not fit.
    """
    parameters = configuration.hyperparameters
    preprocessing = registry.preprocessings.get(parameters.preprocessing)
    if configuration.env.game is None or not issubclass(preprocessing, Atari):
        return None
    request = EnvRequest(
        env=configuration.env,
        n_envs=1,
        seed=0,
        frame_stack=parameters.frame_stack,
        env_kwargs={**parameters.env_kwargs, **(env_kwargs or {})},
        monitor_path=None,
        vec_env="dummy",
        render_mode=None,
        evaluation=evaluation,
    )
    return preprocessing(**parameters.preprocessing_kwargs).for_request(request)


def played_stickiness(
    configuration: Configuration, protocol: Protocol | None = None, env_kwargs: Mapping[str, Any] | None = None
) -> float | None:
    """How often the emulator repeats the last action in games by `protocol`; None where that is not known.

    protocol: None for the training's own games. env_kwargs: as in `atari_rules`. Known of Atari's games, played by our
    preprocessing.
    """
    rules = atari_rules(configuration, None if protocol is None else protocol.rules, env_kwargs)
    return None if rules is None else rules.repeat_action_probability


def build_venv(
    configuration: Configuration,
    n_envs: int,
    seed: int,
    *,
    evaluation: EvaluationRules | None = None,
    monitor_path: Path | None = None,
    vec_env: Literal["dummy", "subproc"] = "dummy",
    render_mode: str | None = None,
    env_kwargs: dict[str, Any] | None = None,
) -> VecEnv:
    """The configuration's environments; as an evaluation protocol has them if `evaluation` gives its rules.

    env_kwargs: over those of the configuration. UserError for what cannot be made.
    """
    parameters = configuration.hyperparameters
    try:
        return make_vec_env(
            configuration.env,
            n_envs,
            seed,
            preprocessing=parameters.preprocessing,
            preprocessing_kwargs=parameters.preprocessing_kwargs,
            frame_stack=parameters.frame_stack,
            env_kwargs={**parameters.env_kwargs, **(env_kwargs or {})},
            monitor_path=monitor_path,
            vec_env=vec_env,
            render_mode=render_mode,
            evaluation=evaluation,
            reward=parameters.reward,
        )
    except UserError as error:
        whose = _whose_preprocessing(configuration)
        if not whose:
            raise
        raise UserError(f"{error}{whose}") from error


def _whose_preprocessing(configuration: Configuration) -> str:
    """The tail of an error line where the preprocessing is what RL-Zoo has if nobody says one; '' anywhere else."""
    family, files = shipped(RL_ZOO_FAMILY)[1], [each.file for each in configuration.sources.values() if each.line]
    if configuration.env.family != "atari" or configuration.sources["preprocessing"].file != family:
        return ""
    conf = next((file for file in files if not file.startswith(shipped("")[1])), "the -conf file")
    return f"; {conf} has a block named after a game, {WHAT_THAT_MEANS}"


def action_names(configuration: Configuration, venv: VecEnv) -> list[str]:
    """The names of the actions in the order of their numbers; the numbers, where nobody has named them."""
    names = getattr(venv, "get_action_meanings", None)
    if names is not None:
        return [str(name) for name in names()]
    said = configuration.game.get("actions", ())
    count = int(getattr(venv.action_space, "n", 0))
    return [str(name) for name in said] if len(said) == count else [str(number) for number in range(count)]


def build_model(configuration: Configuration, venv: VecEnv, seed: int, device: str) -> Model:
    """The configured algorithm, untrained. UserError where the parts do not fit together."""
    parameters = configuration.hyperparameters
    algorithm = registry.algorithms.get(configuration.algo)
    try:
        model: Model = algorithm(
            policies_of(configuration.algo).get(parameters.policy),
            venv,
            learning_rate=_schedule(parameters.learning_rate),
            exploration=_schedule(parameters.exploration),
            max_grad_norm=parameters.max_grad_norm,
            replay_buffer_kwargs=dict(parameters.replay_buffer_kwargs),
            policy_kwargs=_policy_kwargs(configuration),
            settings=configuration.settings,
            seed=seed,
            device=device,
            **{name: getattr(parameters, name) for name in _PASSED_ON_AS_THEY_ARE},
        )
    except torch.OutOfMemoryError:
        raise
    except (ValueError, AssertionError, RuntimeError, MemoryError) as error:  # a torso that does not fit, say
        reason = first_line(error)
        if isinstance(error, AssertionError) and not isinstance(venv.action_space, Discrete):
            reason = f"it needs discrete actions, and the environment has {venv.action_space}"
        where = _where_the_size_stands(configuration) if isinstance(error, TooSmall) else ""
        raise UserError(
            f"{where}cannot build '{configuration.algo}' for {configuration.env.gym_id}: {reason}"
        ) from error
    return model


def _where_the_size_stands(configuration: Configuration) -> str:
    """Files and lines of all that made the screens as small as they are; nothing if no file says any of it."""
    keys = [f"preprocessing_kwargs.{name}" for name in ("screen_size", "crop_rows", "crop_columns", "subsample")]
    found = dict.fromkeys(str(configuration.sources[key]) for key in keys if key in configuration.sources)
    return f"{', '.join(found)}: " if found else ""


def build_policy(
    configuration: Configuration, observation_space: spaces.Space[Any], action_space: spaces.Space[Any], device: str
) -> BasePolicy:
    """The configured policy with fresh weights, to load an agent's into: no optimizer state, no replay."""
    policy_class = policies_of(configuration.algo).get(configuration.hyperparameters.policy)
    policy: BasePolicy = policy_class(observation_space, action_space, lambda _: 0.0, **_policy_kwargs(configuration))
    policy.set_training_mode(False)
    return policy.to(get_device(device))


class TooLarge(ValueError):  # noqa: N818  # it says what is wrong
    """A network has more parameters than it may."""


@contextlib.contextmanager
def parameters_at_most(number: int) -> Iterator[None]:
    """While it lasts, TooLarge as soon as the modules that this process makes have more parameters than that.

    They are counted when they are reserved, before anything is written to them; with them the buffers, which are there
    when they are counted, so that what makes a large one needs a bound of its own.
    """
    made = 0

    def count(_module: nn.Module, name: str, numbers: Tensor | None) -> None:
        nonlocal made
        made += 0 if numbers is None else numbers.numel()
        if made > number:
            raise TooLarge(f"a network with more than {number:,} parameters ('{name}') is not that agent's")

    hooks = register_module_parameter_registration_hook(count), register_module_buffer_registration_hook(count)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _policy_kwargs(configuration: Configuration) -> dict[str, Any]:
    parameters = configuration.hyperparameters
    return {
        **parameters.policy_kwargs,
        "optimizer_class": registry.optimizers.get(parameters.optimizer),
        "optimizer_kwargs": dict(parameters.optimizer_kwargs),
    }


def _schedule(spec: ScheduleSpec) -> Schedule:
    schedule: Schedule = registry.schedules.get(spec.name)(**spec.arguments)
    return schedule
