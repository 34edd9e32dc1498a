"""What comes of a campaign's runs: a line for each variant, over its seeds, for people and for programs."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from rich.table import Table
from rich.text import Text

from dqn_zoo_ext.config.ablations import WHOLE
from dqn_zoo_ext.experiment.campaign.plan import Plan
from dqn_zoo_ext.storage.campaign_folder import Row

_NOTHING = "-"
_CHANGED = "changed"
COLUMNS = ("variant", _CHANGED, "seeds", "final", "best", f"- {WHOLE}", "steps/s")


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


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One variant. seeds: how many of its runs have finished, of `planned`.

    difference: of the final evaluations to those of the whole algorithm, as a mean over the seeds that both have.
    """

    variant: str
    changed: str
    seeds: int
    planned: int
    protocols: tuple[str, ...]
    final: Spread | None
    best: Spread | None
    difference: Spread | None
    agent_steps_per_second: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "protocols": list(self.protocols)}


def summaries(rows: Sequence[Row], order: Iterable[str], whole: str = WHOLE) -> list[Summary]:
    """A summary for each variant in `order`. Runs that have not finished count as planned only."""
    return [_summary(name, rows, whole) for name in order]


def _summary(name: str, rows: Sequence[Row], whole: str) -> Summary:
    planned = [row for row in rows if row.variant == name]
    done = [row for row in planned if row.state == "finished"]
    finals = _finals(name, rows)
    of_whole = _finals(whole, rows)
    differences = [final - of_whole[seed] for seed, final in finals.items() if seed in of_whole]
    speeds = [row.agent_steps_per_second for row in done if row.agent_steps_per_second is not None]
    return Summary(
        variant=name,
        changed=planned[0].changed if planned else "",
        seeds=len(done),
        planned=len(planned),
        protocols=tuple(sorted({row.protocol for row in done})),
        final=Spread.of(list(finals.values())),
        best=Spread.of([row.best_mean for row in done if row.best_mean is not None]),
        difference=None if name == whole else Spread.of(differences),
        agent_steps_per_second=fmean(speeds) if speeds else None,
    )


def _finals(name: str, rows: Sequence[Row]) -> dict[int, float]:
    return {
        row.seed: row.final_mean
        for row in rows
        if row.variant == name and row.state == "finished" and row.final_mean is not None
    }


def for_terminal(found: Sequence[Summary], plan: Plan) -> Table:
    """The table as it is printed."""
    table = Table(title=_title(found, plan), title_justify="left")
    for column in COLUMNS:
        table.add_column(column, overflow="fold", no_wrap=column != _CHANGED)
    for each in found:
        name, changed, *numbers = _cells(each)
        cells = [name, changed.replace(" ", "\n"), *numbers]  # a line for each word
        table.add_row(*(Text(cell) for cell in cells))  # texts: a list in brackets is no markup
    return table


def markdown(found: Sequence[Summary], plan: Plan) -> str:
    """The table as a file."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *(_cells(each) for each in found)]
    body = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
    return (
        f"# {_title(found, plan)}\n\n{body}\n\n"
        "final, best: the evaluation of the last agent and the best evaluation of a run; mean +/- standard deviation\n"
        "(of the sample) over the seeds that have finished. steps/s: agent steps in a second.\n"
        f"- {WHOLE}: the difference of the final evaluations, over the seeds that both have.\n"
    )


def _title(found: Sequence[Summary], plan: Plan) -> str:
    protocols = sorted({protocol for each in found for protocol in each.protocols})
    configuration = plan.variants[0].configuration
    steps = f"{configuration.hyperparameters.n_timesteps:,} agent steps"
    by = f", evaluated by {', '.join(protocols)}" if protocols else ""
    return f"{plan.kind} of {plan.of} on {configuration.env.gym_id}, {steps}{by}"


def _cells(each: Summary) -> list[str]:
    difference = _NOTHING
    if each.difference is not None:
        difference = f"{each.difference.mean:+.1f}"
        if each.difference.std is not None:
            difference += f" +/- {each.difference.std:.1f}"
    speed = each.agent_steps_per_second
    return [
        each.variant,
        each.changed or _NOTHING,
        f"{each.seeds}/{each.planned}" if each.seeds < each.planned else str(each.seeds),
        str(each.final or _NOTHING),
        str(each.best or _NOTHING),
        difference,
        _NOTHING if speed is None else f"{speed:,.0f}",
    ]
