"""Rules on learning: that it happens, with a fitting epsilon, target network and ratio of updates to data."""

from collections.abc import Iterator
from dataclasses import dataclass

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.experiment.doctor.findings import Finding, can_have, flags, stop_unless_trial, where
from dqn_zoo_ext.experiment.doctor.forecast import Forecast, epsilon_of

_SIXTEEN_FRAMES = 16
USUAL_FRAMES = 4
"""Emulator frames in an agent step of Atari, in the papers."""

_PAPERS_RATIO = 0.25
_FAR_OFF = 10.0
_PAPERS_LEARNING_RATE = 2.5e-4
_MANY_UPDATES = 10_000
_PACE_OF_EPSILON = tuple(f"exploration.{name}" for name in ("agent_steps", "fraction", "points", "rate", "value"))
_LATE = 0.99  # shares of the warm-up at which epsilon is looked at
_NEARLY_DONE = 0.1


@dataclass(frozen=True)
class _Case:
    configuration: Configuration
    run: Forecast


def learning_findings(configuration: Configuration, run: Forecast) -> Iterator[Finding]:
    """Findings about learning itself."""
    for rule in (_frames, _learns, _epsilon, _target, _ratio, _replay, _rates):
        yield from rule(_Case(configuration, run))


def _frames(case: _Case) -> Iterator[Finding]:
    frames, parameters = case.run.frames_per_agent_step, case.configuration.hyperparameters
    if case.configuration.env.family != "atari":
        return
    if frames != USUAL_FRAMES:
        yield frame_finding(frames, where(case.configuration, "preprocessing_kwargs.frame_skip"))
    if parameters.frame_stack == 1:
        yield Finding(
            "warning",
            "one_frame",
            "an agent must see several frames, or nothing seems to move",
            "frame_stack is 1",
            where(case.configuration, "frame_stack"),
            flags(frame_stack=4),
        )


def frame_finding(frames: int, place: str) -> Finding:
    """An agent step of Atari that does not last 4 frames."""
    return Finding(
        "stop" if frames >= _SIXTEEN_FRAMES else "warning",
        "frame_skip",
        "an agent step should be 4 frames, as in the papers",
        f"here it is {frames}, and the agent acts {60 / frames:.3g} times a second",
        place,
        flags(preprocessing_kwargs__frame_skip=4),
    )


def _learns(case: _Case) -> Iterator[Finding]:
    run, parameters = case.run, case.configuration.hyperparameters
    if run.updates == 0:
        starts_too_late = run.learning_begins >= run.last_step
        change = flags(learning_starts=run.agent_steps // 10) if starts_too_late else flags(train_freq=4)
        behind = f", {run.first_step:,} of both behind the agent that it goes on from" if run.first_step else ""
        yield Finding(
            stop_unless_trial(run.agent_steps),
            "never_learns",
            "a run must be longer than its learning_starts and its train_freq",
            f"learning starts after {run.learning_begins:,} agent steps, a round of updates needs "
            f"{parameters.train_freq:,} more, and the run ends after {run.last_step:,}{behind}",
            where(case.configuration, "learning_starts" if starts_too_late else "train_freq", "n_timesteps"),
            f"a longer run (-n), or {change}",
        )


def _epsilon(case: _Case) -> Iterator[Finding]:
    run, parameters = case.run, case.configuration.hyperparameters
    span = run.epsilon_start - run.epsilon_end
    if run.first_step == 0 and run.updates > 0 and span > 0 and parameters.learning_starts > 0:
        yield from _epsilon_before_learning(case, span)
    if run.updates > 0 and run.epsilon_learning_begins == run.epsilon_end == 0 and not _is_noisy(case):
        yield Finding(
            "warning",
            "no_exploration",
            "an agent should try other actions than those it thinks best",
            "epsilon is 0 while it learns, and no layer is noisy",
            where(case.configuration, *_PACE_OF_EPSILON),
            flags(exploration=0.05),
        )
    if run.epsilon_end >= 0.5:
        yield Finding(
            "warning",
            "epsilon_stays_high",
            "epsilon should fall below 0.5 within a run",
            f"at the end of this one it is {run.epsilon_end:.3g}",
            where(case.configuration, *_PACE_OF_EPSILON),
            _faster(case),
        )


def _is_noisy(case: _Case) -> bool:
    return bool(case.configuration.hyperparameters.policy_kwargs.get("layer") == "noisy")


def _faster(case: _Case) -> str:
    """The change that brings epsilon down within the run."""
    arguments = case.configuration.hyperparameters.exploration.arguments
    if arguments.get("end", 0) >= 0.5:
        return flags(exploration__end=0.1)
    if "agent_steps" in arguments:
        return f"a longer run (-n), or {flags(exploration__agent_steps=case.run.agent_steps // 10)}"
    return flags(exploration=0.1)


def _epsilon_before_learning(case: _Case, span: float) -> Iterator[Finding]:
    run = case.run
    epsilon, begins = epsilon_of(case.configuration), run.learning_begins

    def left(agent_steps: int) -> float:
        return (epsilon(agent_steps) - run.epsilon_end) / span

    over = left(int(begins * _LATE)) < 1e-3
    is_trial = stop_unless_trial(run.agent_steps) == "warning"
    if over and is_trial and "fraction" in case.configuration.hyperparameters.exploration.arguments:
        yield Finding(
            "warning",
            "epsilon_before_learning",
            "a run should be much longer than its learning_starts",
            f"it ends after {run.last_step:,} agent steps, learning starts after {begins:,}, and epsilon, which falls "
            f"in a part of the run, is {run.epsilon_learning_begins:.3g} by then",
            where(case.configuration, "n_timesteps", "learning_starts"),
            "a longer run (-n), unless this one only tries the machinery out",
        )
    elif over or left(begins) < _NEARLY_DONE:
        yield Finding(
            stop_unless_trial(run.agent_steps) if over else "warning",
            "epsilon_before_learning",
            "epsilon must not be at its end before learning starts",
            f"when learning starts, after {begins:,} agent steps, it has fallen from {run.epsilon_start:.3g} to "
            f"{run.epsilon_learning_begins:.3g}, and its end is {run.epsilon_end:.3g}",
            where(case.configuration, *_PACE_OF_EPSILON, "learning_starts"),
            flags(exploration_begins="learning_starts")
            if can_have(case.configuration, exploration_begins="learning_starts")
            else flags(learning_starts=begins // 10),
        )


def _target(case: _Case) -> Iterator[Finding]:
    run, parameters = case.run, case.configuration.hyperparameters
    if run.updates == 0:
        return
    moved = 1 - (1 - parameters.tau) ** run.target_copies
    place = where(case.configuration, "target_update_interval", "tau")
    unit = parameters.target_update_unit.replace("_", " ")
    if moved < 0.1:
        yield Finding(
            "stop" if run.updates >= _MANY_UPDATES else "warning",
            "target_stays",
            "the target network must follow the online network",
            f"in {run.updates:,} updates it takes over {moved:.2g} of it (every "
            f"{parameters.target_update_interval:,} {unit}, tau {parameters.tau:g})",
            place,
            "a longer run (-n)" if _all_at_the_end(case) else flags(target_update_interval=_a_tenth(case), tau=1),
        )
    elif parameters.tau == 1 and _updates_between_copies(case) <= 1:
        yield Finding(
            "warning",
            "target_follows_at_once",
            "a target network should stay the same for some updates",
            f"it is renewed every {parameters.target_update_interval:,} {unit}, with one update in between at most",
            place,
            flags(target_update_interval=1000),
        )


def _all_at_the_end(case: _Case) -> bool:
    """Whether nothing comes after the first updates that could renew the target network."""
    by_updates = case.configuration.hyperparameters.target_update_unit == "updates"
    return not by_updates and case.run.first_update == case.run.last_step


def _a_tenth(case: _Case) -> int:
    """An interval, in its unit, that renews the target network ten times in the run."""
    by_updates = case.configuration.hyperparameters.target_update_unit == "updates"
    return max((case.run.updates if by_updates else case.run.last_step - case.run.learning_begins) // 10, 1)


def _updates_between_copies(case: _Case) -> float:
    parameters = case.configuration.hyperparameters
    if parameters.target_update_unit == "updates":
        return parameters.target_update_interval
    a_round = case.run.updates_per_agent_step * parameters.train_freq
    return max(parameters.target_update_interval * case.run.updates_per_agent_step, a_round)


def _ratio(case: _Case) -> Iterator[Finding]:
    ratio = case.run.updates_per_agent_step
    usual = _PAPERS_RATIO if case.configuration.env.family == "atari" else 1.0
    if not usual / _FAR_OFF <= ratio <= usual * _FAR_OFF:
        yield Finding(
            "warning",
            "update_ratio",
            f"updates per agent step should be within a factor of {_FAR_OFF:g} of {usual:g}",
            f"here they are {ratio:.3g}, with {case.run.replayed_samples_per_agent_step:.3g} replayed samples",
            where(case.configuration, "train_freq", "gradient_steps"),
            flags(train_freq=4, gradient_steps=1),
        )


def _replay(case: _Case) -> Iterator[Finding]:
    parameters = case.configuration.hyperparameters
    if parameters.buffer_size < min(parameters.learning_starts, case.run.last_step):
        yield Finding(
            "warning",
            "small_buffer",
            "the replay should hold what is collected before learning starts",
            f"it holds {parameters.buffer_size:,} transitions of {parameters.learning_starts:,}",
            where(case.configuration, "buffer_size", "learning_starts"),
            flags(learning_starts=parameters.buffer_size // 10),
        )
    if parameters.batch_size > parameters.buffer_size:
        yield Finding(
            "warning",
            "large_batch",
            "a batch should be smaller than the replay it is drawn from",
            f"it has {parameters.batch_size:,} transitions, the replay {parameters.buffer_size:,}",
            where(case.configuration, "batch_size", "buffer_size"),
            flags(batch_size=32),
        )


def _rates(case: _Case) -> Iterator[Finding]:
    parameters, run = case.configuration.hyperparameters, case.run
    spec = parameters.learning_rate
    schedule = registry.schedules.get(spec.name)(**spec.arguments)
    looked_at = [run.learning_begins + (run.last_step - run.learning_begins) * tenth // 10 for tenth in range(11)]
    rates = [schedule.at(step, run.last_step) for step in looked_at]
    place = where(case.configuration, "learning_rate")
    if run.updates > 0 and max(rates) == 0:
        yield Finding(
            "stop",
            "learning_rate_zero",
            "a learning rate must be above 0 while learning",
            "it is 0 in all of the run",
            place,
            flags(learning_rate=_PAPERS_LEARNING_RATE),
        )
    if case.configuration.env.family == "atari" and max(rates) > _FAR_OFF * _PAPERS_LEARNING_RATE:
        yield Finding(
            "warning",
            "learning_rate_high",
            f"a learning rate for Atari should be near {_PAPERS_LEARNING_RATE:g}",
            f"here it is up to {max(rates):g}, and the loss may grow without end",
            place,
            flags(learning_rate=_PAPERS_LEARNING_RATE),
        )
    if parameters.gamma == 1 or parameters.gamma < 0.9:
        yield Finding(
            "warning",
            "gamma",
            "a discount of one agent step should be at least 0.9 and below 1",
            f"it is {parameters.gamma:g}",
            where(case.configuration, "gamma"),
            flags(gamma=0.99),
        )
