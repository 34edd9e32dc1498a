"""Names to classes. YAML files and command lines say a name; this module finds the class and knows none of them.

Each kind of plug-in has one ``Registry``. A module registers its class with a decorator when it is imported::

    @register_torso("nature")
    class Nature(Torso): ...

Packages outside this one join through the entry-point group ``dqn_zoo_ext.plugins``: each entry point names a module,
and importing that module registers what it holds (``load_plugins``).
"""

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, TypeVar

from dqn_zoo_ext.errors import UserError, nearest

PLUGIN_GROUP = "dqn_zoo_ext.plugins"

T = TypeVar("T")
C = TypeVar("C")


class NameTaken(ValueError):  # noqa: N818  # it says what is wrong
    """Another class has this name already."""


class Registry(Generic[T]):
    """One kind of plug-in: unique names and what they stand for.

    kind: what an error message calls an entry, e.g. ``"algorithm"``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[C], C]:
        """Decorator: file the class or function under `name`. ValueError if the name is taken by another one."""

        def file_under_name(entry: C) -> C:
            self.add(name, entry)  # type: ignore[arg-type]  # the decorator must hand back exactly what it was given
            return entry

        return file_under_name

    def add(self, name: str, entry: T) -> None:
        """File `entry` under `name`; the same class may come twice (a module reloaded), another one may not."""
        taken = self._entries.get(name)
        if taken is not None and _identity(taken) != _identity(entry):
            raise NameTaken(f"{self.kind} '{name}' is registered already, by {'.'.join(_identity(taken))}")
        self._entries[name] = entry

    def get(self, name: str) -> T:
        """The entry called `name`; UserError with the nearest name if there is none."""
        try:
            return self._entries[name]
        except KeyError:
            raise UserError(f"unknown {self.kind} {name!r:.100}{nearest(name, self._entries)}") from None

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._entries))

    def __contains__(self, name: object) -> bool:
        return name in self._entries


def _identity(entry: object) -> tuple[str, str]:
    return getattr(entry, "__module__", ""), getattr(entry, "__qualname__", repr(entry))


algorithms: Registry[type[Any]] = Registry("algorithm")
policies: Registry[type[Any]] = Registry("policy")
torsos: Registry[type[Any]] = Registry("torso")
heads: Registry[type[Any]] = Registry("head")
layers: Registry[Callable[..., Any]] = Registry("layer")
distributions: Registry[type[Any]] = Registry("distribution")
optimizers: Registry[type[Any]] = Registry("optimizer")
losses: Registry[Callable[..., Any]] = Registry("loss")
schedules: Registry[type[Any]] = Registry("schedule")
replay_buffers: Registry[type[Any]] = Registry("replay buffer")
preprocessings: Registry[type[Any]] = Registry("preprocessing")
rewards: Registry[type[Any]] = Registry("reward")
protocols: Registry[Any] = Registry("evaluation protocol")
callbacks: Registry[type[Any]] = Registry("callback")

register_policy = policies.register
register_torso = torsos.register
register_head = heads.register
register_layer = layers.register
register_distribution = distributions.register
register_optimizer = optimizers.register
register_loss = losses.register
register_schedule = schedules.register
register_replay_buffer = replay_buffers.register
register_preprocessing = preprocessings.register
register_reward = rewards.register
register_callback = callbacks.register

_defaults_of_algorithm: dict[str, Path] = {}


def register_algorithm(name: str, defaults: str | Path | None = None) -> Callable[[C], C]:
    """Decorator for an algorithm class.

    defaults: the YAML file with its default hyperparameters and search space. An outside package gives the path of a
    file beside its module; our own lie in ``hyperparams/algorithms/<name>.yml`` and need no path.
    """
    if defaults is not None:
        _defaults_of_algorithm[name] = Path(defaults)
    return algorithms.register(name)


def algorithm_defaults(name: str) -> Path | None:
    """The YAML file that an outside algorithm brought with it, or None."""
    return _defaults_of_algorithm.get(name)


def load_plugins() -> None:
    """Import every module that an installed package names in the entry-point group ``dqn_zoo_ext.plugins``.

    UserError, with the distribution's name, if one of them cannot be imported: a plug-in that is silently missing
    would turn up much later as an unknown name.
    """
    for entry_point in metadata.entry_points(group=PLUGIN_GROUP):
        try:
            entry_point.load()
        except Exception as error:
            owner = entry_point.dist.name if entry_point.dist else "an unknown distribution"
            raise UserError(
                f"plug-in '{entry_point.value}' of {owner} cannot be imported: {type(error).__name__}: {error}"
            ) from error
