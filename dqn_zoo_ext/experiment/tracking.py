"""A run followed by Weights & Biases, which is an extra: ``pip install 'dqn_zoo_ext[wandb]'``."""

import contextlib
import importlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.errors import UserError, first_line
from dqn_zoo_ext.version import VERSION


@dataclass(frozen=True, kw_only=True)
class TrackingOptions:
    """Where the run goes, as RL-Zoo's options have it. entity: None for the user's own account."""

    project: str = "sb3"
    entity: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()


@contextlib.contextmanager
def tracked(configuration: Configuration, seed: int, options: TrackingOptions) -> Iterator[None]:
    """Everything that TensorBoard is told within the block goes to Weights & Biases too.

    The run there holds the merged configuration, and is marked as failed if the block raises. UserError if the package
    is not installed, or if the run cannot be begun.
    """
    wandb = wandb_or_error()
    env = configuration.env
    try:
        run = wandb.init(
            project=options.project,
            entity=options.entity,
            group=options.group,
            name=f"{env.folder_name}__{configuration.algo}__{seed}__{int(time.time())}",
            tags=[*options.tags, f"dqn_zoo_ext-{VERSION}"],
            config={"algo": configuration.algo, "env": env.gym_id, "seed": seed, **configuration.as_plain_data()},
            sync_tensorboard=True,
        )
    except wandb.Error as error:
        raise UserError(f"--track: {first_line(error)}") from error
    try:
        yield
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()


def wandb_or_error() -> Any:
    """The package `wandb`; UserError if it is not installed."""
    try:
        wandb = importlib.import_module("wandb")
    except ImportError:
        wandb = None
    if not hasattr(wandb, "init"):  # a folder `wandb` that an earlier run left here can be imported too
        raise UserError(
            "--track: Weights & Biases is not installed; install the extra with: pip install 'dqn_zoo_ext[wandb]'"
        )
    return wandb
