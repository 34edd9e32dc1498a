"""What lies beneath all variants of a campaign."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.config.yaml_source import Located
from dqn_zoo_ext.envs.ids import EnvId
from dqn_zoo_ext.errors import UserError


@dataclass(frozen=True)
class Beneath:
    """What is the same in all of them: the ``-conf`` file, the params of the campaign's file, the command line."""

    conf_file: Path | None = None
    params: Mapping[str, Located] = field(default_factory=dict)
    overrides: Mapping[str, object] = field(default_factory=dict)

    def load(self, algo: str, env: EnvId, variant: Mapping[str, Located] | None = None) -> Configuration:
        """The configuration of an algorithm, with a variant's params over all else. UserError as from ``load``."""
        return load(algo, env, conf_file=self.conf_file, between=self.params, overrides=self.overrides, variant=variant)

    def load_variant(self, name: str, algo: str, env: EnvId, params: Mapping[str, Located]) -> Configuration:
        """The same, with the variant's name in front of an error."""
        try:
            return self.load(algo, env, params)
        except UserError as error:
            raise UserError(f"variant '{name}': {error}") from error


def one_or_many(names: list[str], what: str) -> str:
    """Names as a part of a folder's: a few of them, or how many there are."""
    together = "-".join(names)
    return together if len(names) <= 3 and len(together) <= 60 else f"{len(names)}-{what}"
