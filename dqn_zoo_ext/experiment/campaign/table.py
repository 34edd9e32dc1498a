"""What comes of a campaign's runs: a line for each variant and environment, over its seeds."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from rich.table import Table
from rich.text import Text

from dqn_zoo_ext.experiment.campaign.plan import Plan
from dqn_zoo_ext.storage.campaign_folder import Row

NOTHING = "-"
_ENV, _CHANGED, _HUMAN, _DIFFERENCE = "env", "changed", "human", "difference"
_COLUMNS = (_ENV, "variant", _CHANGED, "seeds", "final", "best", _HUMAN, _DIFFERENCE, "steps/s")
_NOT_OF_SEVERAL = (_ENV, _CHANGED, "best", "steps/s")
"""What a terminal has no room for beside several environments; table.md has it."""


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

    difference: of the final evaluations to those of the reference, as a mean over the seeds that both have.
    human_normalised: of the final evaluations, 1 at a person's score; None where none is published.
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

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "protocols": list(self.protocols)}


def in_order(planned: Sequence[tuple[str, str]], rows: Iterable[Row]) -> list[tuple[str, str]]:
    """The variants and environments of a plan, then those that only rows have, by environment."""
    every = list(dict.fromkeys([*planned, *((row.variant, row.env) for row in rows)]))
    envs = list(dict.fromkeys(env for _, env in every))
    return sorted(every, key=lambda each: envs.index(each[1]))


def summaries(rows: Sequence[Row], order: Iterable[tuple[str, str]], reference: str) -> list[Summary]:
    """A summary for each variant and environment in `order`. Runs that have not finished count as planned only."""
    return [_summary(name, env, rows, reference) for name, env in order]


def _summary(name: str, env: str, rows: Sequence[Row], reference: str) -> Summary:
    planned = [row for row in rows if (row.variant, row.env) == (name, env)]
    done = [row for row in planned if row.state == "finished"]
    finals, of_reference = (finals_of(each, env, rows) for each in (name, reference))
    differences = [final - of_reference[seed] for seed, final in finals.items() if seed in of_reference]
    speeds = [row.agent_steps_per_second for row in done if row.agent_steps_per_second is not None]
    return Summary(
        variant=name,
        env=env,
        changed=planned[0].changed if planned else "",
        seeds=len(done),
        planned=len(planned),
        protocols=tuple(sorted({row.protocol for row in done})),
        final=Spread.of(list(finals.values())),
        best=Spread.of([row.best_mean for row in done if row.best_mean is not None]),
        human_normalised=Spread.of([row.human_normalised for row in done if row.human_normalised is not None]),
        difference=None if name == reference else Spread.of(differences),
        agent_steps_per_second=fmean(speeds) if speeds else None,
    )


def finals_of(name: str, env: str, rows: Iterable[Row]) -> dict[int, float]:
    """The final evaluations of a variant on an environment, by seed."""
    return {
        row.seed: row.final_mean
        for row in rows
        if (row.variant, row.env, row.state) == (name, env, "finished") and row.final_mean is not None
    }


def for_terminal(found: Sequence[Summary], plan: Plan) -> Table:
    """The table as it is printed: of several environments a section each, without what makes it too wide."""
    table = Table(title=_title(found, plan), title_justify="left")
    envs = list(dict.fromkeys(each.env for each in found))
    columns = [column for column in _columns(found) if len(envs) == 1 or column not in _NOT_OF_SEVERAL]
    for column in columns:
        heading = f"- {plan.reference}" if column == _DIFFERENCE else column
        table.add_column(heading, overflow="fold", no_wrap=column != _CHANGED)
    for env in envs:
        if len(envs) > 1:
            table.add_section()
            table.add_row(Text(env, style="bold"))
        for each in found:
            if each.env == env:
                cells = {**_cells(each), _CHANGED: (each.changed or NOTHING).replace(" ", "\n")}  # a line for each word
                table.add_row(*(Text(cells[column]) for column in columns))  # texts: a list in brackets is no markup
    return table


def table_of(found: Sequence[Summary], reference: str, without: Collection[str] = ()) -> list[list[str]]:
    """The table as cells, head first. without: columns to leave out; those that say nothing are left out anyhow."""
    columns = [column for column in _columns(found) if column not in without]
    head = [f"- {reference}" if column == _DIFFERENCE else column for column in columns]
    return [head, *([_cells(each)[column] for column in columns] for each in found)]


def markdown(found: Sequence[Summary], plan: Plan) -> str:
    """The table as a file."""
    head, *lines = table_of(found, plan.reference)
    body = "\n".join(_line(line) for line in [head, ["---"] * len(head), *lines])
    human = f"{_HUMAN}: the final evaluation, 0 % at random play and 100 % at a person's score.\n"
    return (
        f"# {_title(found, plan)}\n\n{body}\n\n"
        "final, best: the evaluation of the last agent and the best evaluation of a run; mean +/- standard deviation\n"
        "(of the sample) over the seeds that have finished. steps/s: agent steps in a second.\n"
        f"{human if _HUMAN in head else ''}"
        f"- {plan.reference}: the difference of the final evaluations, over the seeds that both have.\n"
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


def _title(found: Sequence[Summary], plan: Plan) -> str:
    protocols = sorted({protocol for each in found for protocol in each.protocols})
    lengths = {variant.configuration.hyperparameters.n_timesteps for variant in plan.variants}
    steps = f", {lengths.pop():,} agent steps" if len(lengths) == 1 else ""
    by = f", evaluated by {', '.join(protocols)}" if protocols else ""
    return f"{plan.kind} of {plan.of} on {', '.join(plan.envs)}{steps}{by}"


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
        _HUMAN: NOTHING if human is None else human.percent,
        _DIFFERENCE: difference,
        "steps/s": NOTHING if speed is None else f"{speed:,.0f}",
    }
