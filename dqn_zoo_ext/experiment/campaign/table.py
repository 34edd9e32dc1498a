"""What comes of a campaign's runs: a line for each variant and environment, over its seeds."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.levels import OTHER_RULES, other_rules_note, same_rules_as_levels
from dqn_zoo_ext.storage.campaign_folder import Row

NOTHING = "-"
_ENV, _CHANGED, _HUMAN, _DIFFERENCE, _SPEED = "env", "changed", "human", "difference", "agent steps/s"
_COLUMNS = (_ENV, "variant", _CHANGED, "seeds", "final", "best", _HUMAN, _DIFFERENCE, _SPEED)
_TOO_WIDE, _TOO_WIDE_OF_SEVERAL = (_ENV, _CHANGED), (_ENV, _CHANGED, "best", _SPEED)
"""What a terminal has no room for, the second beside several environments; table.md has it."""


@dataclass(frozen=True)
class Spread:
    """A mean over seeds. std: of the sample (n - 1 below the line), None for one seed."""

    mean: float
    std: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """None for no values."""
        if not values:
            return None
        return cls(fmean(values), stdev(values) if len(values) > 1 else None)

    def __str__(self) -> str:
        return f"{self.mean:.1f}" if self.std is None else f"{self.mean:.1f} +/- {self.std:.1f}"

    @property
    def percent(self) -> str:
        """A share as people write it."""
        return f"{self.mean:.0%}" if self.std is None else f"{self.mean:.0%} +/- {self.std:.0%}"


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One variant on one environment. seeds: how many of its runs have finished, of `planned`.

    updates: the most that one of them made; None if unknown.

    difference: of the final evaluations to those of the reference, as a mean over the seeds that both have, evaluated
    by one protocol. human_normalised: of the final evaluations, 1 at a person's score; None where none is published.
    other_rules: whether one of them was measured by other rules than that score.
    """

    variant: str
    env: str
    changed: str
    seeds: int
    planned: int
    protocols: tuple[str, ...]
    final: Spread | None
    best: Spread | None
    human_normalised: Spread | None
    difference: Spread | None
    agent_steps_per_second: float | None
    updates: int | None
    other_rules: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "protocols": list(self.protocols)}


@dataclass(frozen=True)
class Heading:
    """What a table is of. reference: the variant that the others are compared with. agent_steps: the runs' lengths."""

    kind: str
    of: str
    envs: Sequence[str]
    reference: str
    agent_steps: frozenset[int]

    def title(self, found: Sequence[Summary]) -> str:
        """A line."""
        protocols = sorted({protocol for each in found for protocol in each.protocols})
        steps = f", {next(iter(self.agent_steps)):,} agent steps" if len(self.agent_steps) == 1 else ""
        by = f", evaluated by {', '.join(protocols)}" if protocols else ""
        return f"{self.kind} of {self.of} on {', '.join(self.envs)}{steps}{by}"


def in_order(planned: Sequence[tuple[str, str]], rows: Iterable[Row]) -> list[tuple[str, str]]:
    """The variants and environments of a plan, then those that only rows have, by environment."""
    every = list(dict.fromkeys([*planned, *((row.variant, row.env) for row in rows)]))
    envs = list(dict.fromkeys(env for _, env in every))
    return sorted(every, key=lambda each: envs.index(each[1]))


def summaries(
    rows: Sequence[Row], order: Iterable[tuple[str, str]], reference: str, seeds: Collection[int]
) -> list[Summary]:
    """A summary for each variant and environment in `order`. Runs that have not finished count as planned only.

    seeds: of the campaign, whether a run with them has begun or not.
    """
    return [_summary(name, env, rows, reference, seeds) for name, env in order]


def _summary(name: str, env: str, rows: Sequence[Row], reference: str, seeds: Collection[int]) -> Summary:
    begun = [row for row in rows if (row.variant, row.env) == (name, env)]
    done = [row for row in begun if row.state == "finished"]
    finals, of_reference = (_finals_of(each, env, rows) for each in (name, reference))
    differences = [final - of_reference[key] for key, final in finals.items() if key in of_reference]
    normalised = [row for row in done if row.human_normalised is not None]
    speeds = [row.agent_steps_per_second for row in done if row.agent_steps_per_second is not None]
    return Summary(
        variant=name,
        env=env,
        changed=begun[0].changed if begun else "",
        seeds=len(done),
        planned=len({row.seed for row in begun} | set(seeds)),
        protocols=tuple(sorted({row.protocol for row in done})),
        final=Spread.of(list(finals.values())),
        best=Spread.of([row.best_mean for row in done if row.best_mean is not None]),
        human_normalised=Spread.of([row.human_normalised for row in done if row.human_normalised is not None]),
        other_rules=not all(same_rules_as_levels(row.protocol, _sticky(env)) for row in normalised),
        difference=None if name == reference else Spread.of(differences),
        agent_steps_per_second=fmean(speeds) if speeds else None,
        updates=max((row.updates for row in done if row.updates is not None), default=None),
    )


def _finals_of(name: str, env: str, rows: Iterable[Row]) -> dict[tuple[int, str], float]:
    """The final evaluations of a variant on an environment, by seed and protocol."""
    return {
        (row.seed, row.protocol): row.final_mean
        for row in rows
        if (row.variant, row.env, row.state) == (name, env, "finished") and row.final_mean is not None
    }


def _sticky(env: str) -> float:
    try:
        return resolve(env).repeat_action_probability
    except UserError:  # of a package that is not installed here
        return 0.0


def for_terminal(found: Sequence[Summary], reference: str) -> tuple[list[str], dict[str, list[list[str]]]]:
    """Head and lines of the table as it is printed, without what makes it too wide: a section for each environment."""
    several = len({each.env for each in found}) > 1
    without = _TOO_WIDE_OF_SEVERAL if several else _TOO_WIDE
    head, *lines = table_of(found, reference, without)
    sections: dict[str, list[list[str]]] = {}
    for each, line in zip(found, lines, strict=True):
        sections.setdefault(each.env if several else "", []).append(line)
    return head, sections


def notes_under(found: Sequence[Summary]) -> list[str]:
    """Lines for under the printed table: what each variant changes, and what must be said of the numbers."""
    changed = dict.fromkeys((each.variant, each.changed) for each in found if each.changed)
    return [*(f"{name}: {words}" for name, words in changed), *remarks(found)]


def remarks(found: Sequence[Summary]) -> list[str]:
    """What must be said wherever these numbers are shown."""
    return [*_evaluated_otherwise(found), *other_rules(found), *_not_learned(found)]


def other_rules(found: Sequence[Summary]) -> list[str]:
    """What the mark at a human-normalised score means, if there is one."""
    return [other_rules_note()] if any(each.other_rules for each in found) else []


def _evaluated_otherwise(found: Sequence[Summary]) -> list[str]:
    """A line for each environment whose runs were evaluated by several protocols, as of an older version."""
    lines = []
    for env in dict.fromkeys(each.env for each in found):
        of = [(each.variant, each.protocols) for each in found if each.env == env and each.protocols]
        if len({protocol for _, protocols in of for protocol in protocols}) > 1:
            by = ", ".join(f"{name} by {' and '.join(protocols)}" for name, protocols in of)
            lines.append(f"{env} was evaluated by several protocols ({by}): such scores do not compare")
    return lines


def _not_learned(found: Sequence[Summary]) -> list[str]:
    """A line for each environment on which a variant's runs made no update."""
    names: dict[str, list[str]] = {}
    for each in found:
        if each.updates == 0:
            names.setdefault(each.env, []).append(each.variant)
    return [f"{', '.join(of)} on {env}: 0 updates: these networks have not learned" for env, of in names.items()]


def table_of(found: Sequence[Summary], reference: str, without: Collection[str] = ()) -> list[list[str]]:
    """The table as cells, head first. without: columns to leave out; those that say nothing are left out anyhow."""
    columns = [column for column in _columns(found) if column not in without]
    head = [f"- {reference}" if column == _DIFFERENCE else column for column in columns]
    return [head, *([_cells(each)[column] for column in columns] for each in found)]


def markdown(found: Sequence[Summary], heading: Heading) -> str:
    """The table as a file."""
    head, *lines = table_of(found, heading.reference)
    body = "\n".join(_line(line) for line in [head, ["---"] * len(head), *lines])
    human = f"{_HUMAN}: the final evaluation, 0 % at random play and 100 % at a person's score.\n"
    return (
        f"# {heading.title(found)}\n\n{body}\n\n"
        "final, best: the evaluation of the last agent and the best evaluation of a run; mean +/- standard deviation\n"
        "(of the sample) over the seeds that have finished. agent steps/s: of training, their mean.\n"
        f"{human if _HUMAN in head else ''}"
        f"- {heading.reference}: the difference of the final evaluations, over the seeds that both have.\n"
        f"{''.join(f'{line}{chr(10)}' for line in remarks(found))}"
    )


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _columns(found: Sequence[Summary]) -> list[str]:
    """Those that say something: of one environment the title tells, and not every game has a person's score."""
    silent = set()
    if len({each.env for each in found}) == 1:
        silent.add(_ENV)
    if all(each.human_normalised is None for each in found):
        silent.add(_HUMAN)
    if not any(each.changed for each in found):
        silent.add(_CHANGED)
    return [column for column in _COLUMNS if column not in silent]


def _cells(each: Summary) -> dict[str, str]:
    difference = NOTHING
    if each.difference is not None:
        difference = f"{each.difference.mean:+.1f}"
        if each.difference.std is not None:
            difference += f" +/- {each.difference.std:.1f}"
    human, speed = each.human_normalised, each.agent_steps_per_second
    return {
        _ENV: each.env,
        "variant": each.variant,
        _CHANGED: each.changed or NOTHING,
        "seeds": f"{each.seeds}/{each.planned}" if each.seeds < each.planned else str(each.seeds),
        "final": str(each.final or NOTHING),
        "best": str(each.best or NOTHING),
        _HUMAN: NOTHING if human is None else f"{f'{OTHER_RULES} ' if each.other_rules else ''}{human.percent}",
        _DIFFERENCE: difference,
        _SPEED: NOTHING if speed is None else f"{speed:,.0f}",
    }
