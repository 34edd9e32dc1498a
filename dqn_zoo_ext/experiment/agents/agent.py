"""A trained agent from a run folder, ready to play. Nothing in its files is executed."""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from gymnasium.spaces import Discrete
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.config.of_run import load_of_run
from dqn_zoo_ext.config.yaml_source import Source
from dqn_zoo_ext.envs.ids import EnvId, resolve_folder
from dqn_zoo_ext.envs.request import checked_env_kwargs
from dqn_zoo_ext.envs.rewards import Sign, steps_of
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.errors import UserError, first_line, last_line
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.watch import Learned
from dqn_zoo_ext.experiment.build import build_policy, build_venv, parameters_at_most
from dqn_zoo_ext.experiment.filmed_venv import film_mode, film_scale, pictures_per_second
from dqn_zoo_ext.keywords import Place, one_line
from dqn_zoo_ext.storage.agent_file import Counters, read_counters, read_policy_weights
from dqn_zoo_ext.storage.atomic import plain_os_errors
from dqn_zoo_ext.storage.exact.checkpoints import read_weights
from dqn_zoo_ext.storage.plain_weights import SUFFIX, read_plain_weights, with_target
from dqn_zoo_ext.storage.run_folder import RunFolder

_MOST_MADE, _SMALL = 8, 1_000_000
"""Numbers that a policy may make for each one that it has: it is built in steps, of which some are thrown away."""


@dataclass(frozen=True)
class Which:
    """Which agent of a run: the final one unless told otherwise, with RL-Zoo's meanings."""

    load_best: bool = False
    load_checkpoint: int | None = None
    load_last_checkpoint: bool = False


@dataclass(frozen=True)
class Agent:
    """A configuration and where its agent's weights lie."""

    configuration: Configuration
    run: RunFolder
    file: Path

    @classmethod
    def find(
        cls, log_folder: Path, algo: str, env: EnvId, exp_id: int | str = 0, which: Which | None = None
    ) -> "Agent":
        """The agent of a run; UserError, naming what is there, if there is none."""
        return cls._in(RunFolder.find(log_folder, algo, env.folder_name, exp_id), env, which)

    @classmethod
    def of_run(cls, run: RunFolder, which: Which | None = None) -> "Agent":
        """The same for a run that was found already."""
        return cls._in(run, resolve_folder(run.env), which)

    @classmethod
    def _in(cls, run: RunFolder, env: EnvId, which: Which | None) -> "Agent":
        which = which or Which()
        file = run.model_file(which.load_best, which.load_checkpoint, which.load_last_checkpoint)
        if not run.config.is_file():
            raise UserError(f"no config.yml in {str(run.config_folder)!r}: the agent's settings are unknown")
        return cls(load_of_run(run.algo, env, run.config, run.args), run, file)

    def with_env_kwargs(self, given: Mapping[str, Any], option: str) -> "Agent":
        """The same in environments made with `given`, which `option` says, over what it was trained with.

        UserError for what may not be said.
        """
        parameters = self.configuration.hyperparameters
        place = Place("env_kwargs", lambda _: Source(option))
        checked = checked_env_kwargs(registry.preprocessings.get(parameters.preprocessing), given, place)
        changed = replace(parameters, env_kwargs={**parameters.env_kwargs, **checked})
        return replace(self, configuration=replace(self.configuration, hyperparameters=changed))

    @property
    def updates(self) -> int | None:
        """How many its network had; None where the file does not say it."""
        counters = self._counters()
        return None if counters is None else counters.n_updates

    @property
    def agent_steps(self) -> int | None:
        """After how many of them it was saved; None where the file does not say it."""
        counters = self._counters()
        return None if counters is None else counters.num_timesteps

    @functools.cached_property
    def sha256(self) -> str:
        """Of the file, as it was when this was first asked for.

        Of a checkpoint's folder that of the names and the SHA-256 of all files in it.
        """
        return self._sha256_now()

    def check_not_replaced(self) -> None:
        """UserError if the file is another one than ``sha256`` was first asked of, by a training that goes on."""
        if self._sha256_now() != self.sha256:
            raise UserError(
                f"agent file {self.file} has been replaced meanwhile by a training that goes on: give the command "
                "again, or name a checkpoint (--load-checkpoint)"
            )

    def _sha256_now(self) -> str:
        with plain_os_errors(f"cannot read {self.file}"):
            if self.file.is_dir():
                names = [(part.name, _sha256(part)) for part in sorted(self.file.iterdir())]
                return hashlib.sha256(json.dumps(names).encode()).hexdigest()
            return _sha256(self.file)

    def pictures_per_second(self, venv: VecEnv) -> float:
        """The pace at which the pictures of `venv` show the game as people play it."""
        return pictures_per_second(self.configuration, venv)

    @property
    def film_mode(self) -> str:
        """The render_mode with the most pictures: on the C++ emulators every frame, else one for each agent step."""
        return film_mode(self.configuration)

    @property
    def film_scale(self) -> int:
        """Pixels of a film for one of the screen, in both directions."""
        return film_scale(self.configuration)

    @property
    def learned(self) -> Learned:
        """How rewards were learned from, as far as it differs from an evaluation's."""
        parameters = self.configuration.hyperparameters
        rules = parameters.preprocessing_kwargs if self.configuration.env.family == "atari" else None
        clipped = rules is not None and bool(rules.get("clip_reward", AtariRules.clip_reward))
        return Learned(
            gamma=parameters.gamma,
            rewards=steps_of(parameters.reward) or ((Sign(),) if clipped else ()),
            life_loss_ends=rules is not None
            and bool(rules.get("terminal_on_life_loss", AtariRules.terminal_on_life_loss)),
        )

    def venv(self, protocol: Protocol, n_envs: int, seed: int, render_mode: str | None = None) -> VecEnv:
        """Environments under the rules of `protocol`."""
        return build_venv(self.configuration, n_envs, seed, evaluation=protocol.rules, render_mode=render_mode)

    def policy(self, venv: VecEnv, device: str) -> BasePolicy:
        """The agent's policy with its weights, for the spaces of `venv`.

        UserError if the weights do not fit them, or are not those that ``sha256`` was asked of.
        """
        if not isinstance(venv.action_space, Discrete):
            env, actions = self.configuration.env.gym_id, one_line(str(venv.action_space))
            raise UserError(f"agent file {self.file}: it needs discrete actions, and its '{env}' has {actions}")
        weights = self._weights()
        self.check_not_replaced()
        most = _MOST_MADE * _numbers_stored(weights.values()) + _SMALL
        try:
            with parameters_at_most(most):  # a stranger's config.yml could be made to fill the memory
                policy = build_policy(self.configuration, venv.observation_space, venv.action_space, device)
        except (RuntimeError, ValueError, AssertionError, MemoryError) as error:  # as build_model's: TooLarge is one
            reason = first_line(error)
            raise UserError(f"agent file {self.file} does not fit its config.yml: {reason}") from error
        try:
            policy.load_state_dict(weights)
        except RuntimeError as error:
            reason = last_line(error)
            raise UserError(f"agent file {self.file} does not fit its config.yml: {reason}") from error
        if not all(torch.isfinite(weight).all() for weight in policy.state_dict().values()):
            raise UserError(f"agent file {self.file}: some weights are not finite numbers")
        return policy

    def _counters(self) -> Counters | None:
        if self.file.is_dir() or self.file.suffix == SUFFIX:
            return None
        try:
            return read_counters(self.file)
        except UserError:  # another program's file can be played without
            return None

    def _weights(self) -> dict[str, torch.Tensor]:
        if self.file.is_dir():
            return read_weights(self.file)
        return (
            with_target(read_plain_weights(self.file)) if self.file.suffix == SUFFIX else read_policy_weights(self.file)
        )


def check_zip(agent: Agent) -> None:
    """UserError unless its file is one that can be shared."""
    if agent.file.is_dir():
        raise UserError(f"{agent.file} is a checkpoint for exact resume, no agent's zip: share the final or best one")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _numbers_stored(weights: Iterable[torch.Tensor]) -> int:
    """How many numbers lie in memory for them: what tensors share counts once, whatever their shapes say."""
    stored = {each.untyped_storage().data_ptr(): each for each in weights}
    return sum(each.untyped_storage().nbytes() // each.element_size() for each in stored.values())
