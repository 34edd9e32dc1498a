"""The agents that ship inside this package: a folder of ``pretrained/`` for each, called by its game.

Such a folder is a package as `sharing.package` has it, without the zip that would hold the weights a second time, and
without a film: ``model.safetensors``, ``config.yml``, ``results.json`` and the manifest that vouches for the three.
"""

import importlib.resources
from dataclasses import dataclass
from pathlib import Path

from dqn_zoo_ext.envs.ids import ATARI, EnvId, resolve, resolve_folder
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.sharing import package as names
from dqn_zoo_ext.sharing.manifest import NAME as MANIFEST
from dqn_zoo_ext.sharing.manifest import check_files, read_manifest
from dqn_zoo_ext.sharing.package import Package
from dqn_zoo_ext.sharing.scores import Score, read_agent_steps, read_scores
from dqn_zoo_ext.words import counted

MOST_BYTES = 10_000_000
"""Of a shipped agent: everyone who installs the package downloads all of them."""


@dataclass(frozen=True)
class Shipped:
    """An agent that ships with the package. score: what it was measured to be worth, when it was packed."""

    name: str
    package: Package
    env: EnvId
    agent_steps: int
    score: Score

    @property
    def weights(self) -> Path:
        """The policy as plain tensors."""
        return self.package.path / names.WEIGHTS

    @property
    def config(self) -> Path:
        """The configuration that it was trained with."""
        return self.package.path / names.CONFIG

    @property
    def told(self) -> str:
        """What it is and what it is worth, in a line."""
        return (
            f"{self.name}: {self.package.manifest.algo} on {self.env.gym_id} after "
            f"{counted(self.agent_steps, 'agent step')}; {stated(self.score)}"
        )


def folder() -> Path:
    """Where they lie."""
    return Path(str(importlib.resources.files("dqn_zoo_ext"))) / "pretrained"


def shipped_names() -> tuple[str, ...]:
    """The names of all that there are."""
    return tuple(sorted(path.parent.name for path in folder().glob(f"*/{MANIFEST}")))


def name_of(env: EnvId) -> str:
    """What the shipped agent of an environment is called: ``SpaceInvaders``, ``CartPole-v1``."""
    return env.game.title().replace("_", "") if env.family == ATARI and env.game else env.folder_name


def find_shipped(name: str) -> Shipped:
    """The agent for the game called `name`, in any way that `envs.ids.resolve` knows.

    UserError that names those there are if there is none, or if its files are not what its manifest says.
    """
    try:
        wanted = name_of(resolve(name))
    except UserError:
        wanted = name
    if wanted not in shipped_names():
        there = ", ".join(shipped_names()) or "none"
        raise UserError(f"no agent for '{one_line(name)}' ships with this program; there are: {there}")
    path = folder() / wanted
    manifest = read_manifest(path / MANIFEST)
    check_files(path, manifest, set(manifest.files))
    results = path / names.RESULTS
    env = resolve_folder(manifest.env)
    return Shipped(wanted, Package(path, manifest), env, read_agent_steps(results), read_scores(results)[0])


def stated(score: Score) -> str:
    """``100 games by protocol course-unit3: mean 1.00, std 0.50, 95 % interval of the mean 0.90 to 1.10``."""
    low, high = score.interval
    return (
        f"{counted(len(score.episodes), 'game')} by protocol {score.protocol}: mean {score.mean:.2f}, std "
        f"{score.std:.2f}, 95 % interval of the mean {low:.2f} to {high:.2f}"
    )
