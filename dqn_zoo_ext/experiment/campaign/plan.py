"""What a campaign is made of: runs that are planned, each with the variant it belongs to. Data, nothing else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.campaign_folder import Row


@dataclass(frozen=True)
class Variant:
    """One of the things compared, on one environment.

    changed: what is otherwise than in the algorithm itself, by dotted key, for people. preset: whose training it is.
    """

    name: str
    configuration: Configuration
    changed: Mapping[str, Any]
    preset: str | None = None

    @property
    def env(self) -> str:
        """The environment's id."""
        return self.configuration.env.gym_id

    @property
    def protocol(self) -> str:
        """What its evaluations are played by."""
        return self.configuration.hyperparameters.eval_protocol

    @property
    def says_protocol(self) -> str:
        """Where that stands."""
        return str(self.configuration.sources["eval_protocol"])


@dataclass(frozen=True)
class PlannedRun:
    """One training: a variant with a seed."""

    variant: Variant
    seed: int

    def row(self) -> Row:
        """Its row before there is anything to say about it."""
        return Row(
            variant=self.variant.name,
            algo=self.variant.configuration.algo,
            env=self.variant.env,
            seed=self.seed,
            changed=words_of(self.variant.changed),
        )


@dataclass(frozen=True)
class Plan:
    """A campaign to be carried out. kind, of: what is compared, e.g. the ablation of rainbow. name: of its folder.

    variants: all those on the first environment, then those on the next. The first of all is the one whose name the
    others are compared with. numbered: whether each campaign of this name has a folder with the next number; otherwise
    there is one of this name, and it is gone on with.
    """

    kind: str
    of: str
    name: str
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]
    numbered: bool = True

    def __post_init__(self) -> None:
        """UserError if two variants would be evaluated on one environment by different protocols."""
        first: dict[str, Variant] = {}
        for variant in self.variants:
            other = first.setdefault(variant.env, variant)
            was, now = other.protocol, variant.protocol
            if was != now:
                raise UserError(
                    f"variants '{self.shown(other)}' and '{self.shown(variant)}' are evaluated by {was} "
                    f"({other.says_protocol}) and by {now} ({variant.says_protocol}), and such scores do not compare; "
                    f"give all of them one, with -params eval_protocol:{was} and none in the variants"
                )

    @property
    def envs(self) -> tuple[str, ...]:
        """The environments' ids."""
        return tuple(dict.fromkeys(variant.env for variant in self.variants))

    @property
    def reference(self) -> str:
        """The name of the variant that the others are compared with."""
        return self.variants[0].name

    def shown(self, variant: Variant) -> str:
        """What a line calls one of its variants."""
        return variant.name if len(self.envs) == 1 else f"{variant.name} on {variant.env}"

    def runs(self) -> list[PlannedRun]:
        """All variants with the first seed, then with the next: a campaign that is interrupted can be compared."""
        return [PlannedRun(variant, seed) for seed in self.seeds for variant in self.variants]


def words_of(changed: Mapping[str, Any]) -> str:
    """What was changed, as words for ``-params``."""
    return " ".join(f"{key}:{_word(each)}" for key, each in changed.items())


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
