"""A diagnosis as people read it: facts, differences in evaluation, findings; or a few lines of it."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dqn_zoo_ext.experiment.build import protocol_of
from dqn_zoo_ext.experiment.doctor.diagnosis import Diagnosis
from dqn_zoo_ext.experiment.doctor.findings import Finding
from dqn_zoo_ext.experiment.doctor.forecast import EpsilonAt, Forecast
from dqn_zoo_ext.experiment.doctor.run_rules import in_units

_EVALUATIONS_SHOWN = 5
_WARNINGS_IN_BRIEF = 1
_COLOURS = {"stop": "bold red", "warning": "yellow"}


def brief_lines(diagnosis: Diagnosis, to_see_all: str = "type `doctor` in place of `train` to see all") -> list[str]:
    """Two to four lines for the head of a training run. to_see_all: how to come to the findings left out."""
    run, sizes = diagnosis.run, diagnosis.sizes
    lines = [
        f"{_frames(run.frames_per_agent_step)}, {run.updates_per_agent_step:.3g} updates and "
        f"{run.replayed_samples_per_agent_step:.3g} replayed samples per agent step; {_epsilon(run)}",
        f"replay {_amount(sizes.replay)} ({_free(diagnosis)}); it takes up to {in_units(sizes.disk)} "
        f"of the disk ({_amount(diagnosis.free_disk)} free), without the weights, which come on top",
    ]
    findings = diagnosis.findings
    lines += [f"{finding.level}: {finding.line}" for finding in findings[:_WARNINGS_IN_BRIEF]]
    if len(findings) > _WARNINGS_IN_BRIEF:
        lines.append(f"and {len(findings) - _WARNINGS_IN_BRIEF} more: {to_see_all}")
    return lines


def print_report(diagnosis: Diagnosis, console: Console) -> None:
    """All of it."""
    configuration = diagnosis.configuration
    console.print(f"[bold]{configuration.algo}[/] on [bold]{configuration.env.gym_id}[/]", highlight=False)
    console.print(_facts(diagnosis))
    if diagnosis.run.evaluations and diagnosis.differences:
        console.print(_differences(diagnosis))
    for finding in diagnosis.findings:
        console.print(_shown(finding), soft_wrap=True)
    if not diagnosis.findings:
        console.print(Text("nothing found that would go wrong", style="green"))


def _facts(diagnosis: Diagnosis) -> Table:
    table = Table(box=SIMPLE_HEAD, show_header=False, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (*_of_the_run(diagnosis), *_of_epsilon(diagnosis), *_of_the_machine(diagnosis)):
        table.add_row(name, Text(value))
    return table


def _of_the_run(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    run, parameters = diagnosis.run, diagnosis.configuration.hyperparameters
    environments = "1 environment" if parameters.n_envs == 1 else f"{parameters.n_envs} environments"
    behind = f", after {run.first_step:,} of the agent it goes on from" if run.first_step else ""
    yield "length", f"{run.agent_steps:,} agent steps in {environments}{behind}"
    yield "agent step", _frames(run.frames_per_agent_step)
    yield "learning", f"after {run.learning_begins:,} random agent steps, {run.updates:,} updates"
    yield "updates", f"{run.updates_per_agent_step:.3g} per agent step"
    yield "replayed samples", f"{run.replayed_samples_per_agent_step:.3g} per agent step"
    yield "target network", f"renewed {run.target_copies:,} times"


def _of_epsilon(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    run = diagnosis.run
    yield "epsilon", _epsilon(run).removeprefix("epsilon ")
    if run.evaluations:
        protocol = protocol_of(diagnosis.configuration)
        shown = ", ".join(f"{each.epsilon:.3g} ({each.agent_steps:,})" for each in _some(run.epsilon_at_evaluations))
        yield "epsilon at evaluations", f"in training {shown}; they play at {protocol.epsilon:g} ({protocol.name})"
    yield "evaluations", f"{run.evaluations:,}" if run.evaluations else "none"


def _of_the_machine(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    sizes, measured = diagnosis.sizes, diagnosis.measured
    filled = "" if sizes.replay_filled == sizes.replay else f", of which this run fills {_amount(sizes.replay_filled)}"
    yield "replay", f"{_amount(sizes.replay)} of memory{filled}; {_free(diagnosis)}"
    if diagnosis.gpu is not None:
        yield "GPU memory", f"{in_units(diagnosis.gpu.free)} of {in_units(diagnosis.gpu.total)} free"
    agents = "" if sizes.agents is None else f", agents {in_units(sizes.agents)}"
    without = ", without the weights" if sizes.agents is None else ""
    checkpoints = f"up to {in_units(sizes.checkpoints)} before compression{without}" if sizes.checkpoints else "none"
    yield "disk", f"checkpoints {checkpoints}{agents}; {_amount(diagnosis.free_disk)} free"
    if measured is not None and diagnosis.seconds is not None:
        yield "time", _time(diagnosis, diagnosis.seconds)
        yield (
            "measured",
            f"{1 / measured.seconds_per_agent_step:,.0f} agent steps per second without learning, "
            f"{1 / measured.seconds_per_update:,.0f} updates per second, network on {measured.device}",
        )
    yield "extras missing", "\n".join(diagnosis.missing_extras) or "none"


def _time(diagnosis: Diagnosis, seconds: float) -> str:
    rate = diagnosis.run.agent_steps / seconds
    text = f"{_duration(seconds)} ({rate:,.0f} agent steps per second)"
    most = diagnosis.evaluation_steps_at_most
    if not diagnosis.run.evaluations or diagnosis.measured is None:
        return text
    if most is None:
        return f"{text}, and the evaluations"
    return f"{text}, and at most {_duration(most * diagnosis.measured.seconds_per_agent_step)} for the evaluations"


def _differences(diagnosis: Diagnosis) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("what differs", style="cyan")
    table.add_column("in training")
    table.add_column(f"in evaluation ({protocol_of(diagnosis.configuration).name})")
    for each in diagnosis.differences:
        table.add_row(each.what, _value(each.training), _value(each.evaluation))
    return table


def _shown(finding: Finding) -> Text:
    text = Text()
    text.append(f"{finding.level}: ", style=_COLOURS[finding.level])
    text.append(f"{finding.rule}\n  {finding.value} ({finding.where})\n  change: {finding.suggestion}")
    return text


def _some(evaluations: tuple[EpsilonAt, ...]) -> tuple[EpsilonAt, ...]:
    if len(evaluations) <= _EVALUATIONS_SHOWN:
        return evaluations
    return (*evaluations[: _EVALUATIONS_SHOWN - 1], evaluations[-1])


def _epsilon(run: Forecast) -> str:
    learning = f"{run.epsilon_learning_begins:.3g} when learning starts, "
    if run.learning_begins >= run.last_step:  # epsilon after the end is nobody's
        learning = ""
    return f"epsilon {run.epsilon_start:.3g} at the start, {learning}{run.epsilon_end:.3g} at the end"


def _frames(number: int) -> str:
    return "1 frame" if number == 1 else f"{number} frames"


def _free(diagnosis: Diagnosis) -> str:
    if diagnosis.memory is None:
        return "free memory unknown"
    return f"{in_units(diagnosis.memory.free)} of {in_units(diagnosis.memory.total)} free"


def _amount(number: int | None) -> str:
    return "unknown" if number is None else in_units(number)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    for unit, length, most in (("seconds", 1, 90), ("minutes", 60, 5_400), ("hours", 3_600, 172_800)):
        if seconds < most:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 86_400:.3g} days"
