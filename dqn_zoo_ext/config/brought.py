"""What an algorithm's class may bring for configurations, as class attributes. Each may be left out.

Settings: a frozen dataclass; its fields are keys that only this algorithm has.
parts: what makes it this algorithm, in the words of a configuration (``learning.parts``).
distribution: what it learns of the return; the network and the loss must be of that kind.
policies: the registry of the policies it can have; without it, all that are registered.
cannot: from checked hyperparameters to (key, reason) for each one that it cannot do as it stands.
atari_wrapper: the preprocessing and the replay buffer that RL-Zoo's ``env_wrapper: AtariWrapper`` stands for.
makes_checkpoints: False if a run with it cannot be resumed exactly.
agent_steps_at_once: from hyperparameters to the agent steps that it takes between two looks at what is due.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.schema import Hyperparameters
from dqn_zoo_ext.learning.parts import EXPECTATION, misfit_of_distribution, misfit_of_loss

Refusals = Iterable[tuple[str, str]]


def settings_class(algo: str) -> type[Any] | None:
    """The dataclass with the keys that only this algorithm has."""
    found: type[Any] | None = getattr(registry.algorithms.get(algo), "Settings", None)
    return found


def policies_of(algo: str) -> registry.Registry[type[Any]]:
    """The policies that this algorithm can have."""
    found: registry.Registry[type[Any]] = getattr(registry.algorithms.get(algo), "policies", registry.policies)
    return found


def refusals(algo: str, checked: Hyperparameters) -> Iterator[tuple[str, str]]:
    """Key and reason for each hyperparameter that this algorithm cannot do."""
    cannot: Callable[[Hyperparameters], Refusals] | None = getattr(registry.algorithms.get(algo), "cannot", None)
    if cannot is not None:
        yield from cannot(checked)
    learns: str | None = getattr(registry.algorithms.get(algo), "distribution", None)
    if learns is not None:
        given = checked.policy_kwargs.get("distribution", EXPECTATION)
        misfits = {
            "policy_kwargs.distribution": misfit_of_distribution(algo, learns, given),
            "loss": misfit_of_loss(learns, checked.loss),
        }
        yield from ((key, reason) for key, reason in misfits.items() if reason is not None)


def atari_wrapper_of(algo: str) -> tuple[str, str]:
    """Preprocessing and replay buffer that stand for Stable-Baselines3's AtariWrapper in a file of RL-Zoo's."""
    found: tuple[str, str] = getattr(registry.algorithms.get(algo), "atari_wrapper", ("atari", "frame_ring"))
    return found


def makes_checkpoints(algo: str) -> bool:
    """Whether a run with this algorithm can be resumed exactly."""
    return bool(getattr(registry.algorithms.get(algo), "makes_checkpoints", True))


def agent_steps_at_once(algo: str, parameters: Hyperparameters) -> int:
    """Agent steps between two moments at which updates, evaluations and the end of a run may be due."""
    tell: Callable[[Hyperparameters], int] | None = getattr(registry.algorithms.get(algo), "agent_steps_at_once", None)
    return parameters.n_envs if tell is None else tell(parameters)
