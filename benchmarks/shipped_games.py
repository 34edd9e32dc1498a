"""The games that have a YAML of ours."""

from dqn_zoo_ext.config.shipped_files import shipped
from dqn_zoo_ext.config.yaml_source import read_mapping
from dqn_zoo_ext.envs.ids import FAMILIES


def every_game() -> list[str]:
    """The first id in each game's YAML, family by family."""
    files = [path for family in FAMILIES for path in sorted(shipped(family)[0].glob("*.yml"))]
    return [read_mapping(path, path.name)["game"].plain()["ids"][0] for path in files]
