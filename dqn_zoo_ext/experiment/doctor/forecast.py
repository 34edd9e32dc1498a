"""What a run will do, by arithmetic alone: its ratios, its epsilon, its target copies, its evaluations."""

from collections.abc import Callable
from dataclasses import dataclass

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.brought import agent_steps_at_once
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.config.schema import Hyperparameters
from dqn_zoo_ext.experiment.build import frames_per_agent_step
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.learning.schedules import Delayed, Schedule
from dqn_zoo_ext.storage.agent_file import Counters, read_counters
from dqn_zoo_ext.storage.run_folder import RunFolder

MOST_EVALUATIONS = 200
"""Evaluations whose epsilon is told one by one; of more, every so many."""


@dataclass(frozen=True)
class EpsilonAt:
    """Epsilon after so many agent steps."""

    agent_steps: int
    epsilon: float


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A run in numbers.

    first_step: agent steps that the agent has behind it already (``--trained-agent``); last_step: those at the end.
    learning_begins: agent steps after which updates are made; until then all actions are random. first_update: agent
    steps after which the first ones are made; `last_step` if there are none.
    updates_per_agent_step, replayed_samples_per_agent_step: while learning. target_copies: after the first update.
    epsilon_at_evaluations: some `MOST_EVALUATIONS` of them at most, the last one included.
    """

    first_step: int
    last_step: int
    frames_per_agent_step: int
    learning_begins: int
    first_update: int
    updates: int
    updates_per_agent_step: float
    replayed_samples_per_agent_step: float
    target_copies: int
    epsilon_start: float
    epsilon_learning_begins: float
    epsilon_end: float
    evaluations: int
    epsilon_at_evaluations: tuple[EpsilonAt, ...]

    @property
    def agent_steps(self) -> int:
        """Length of the run, in whole vector steps or whatever else is taken at once."""
        return self.last_step - self.first_step


def forecast(configuration: Configuration, options: RunOptions) -> Forecast:
    """The numbers of a run. UserError if the agent to go on from cannot be read."""
    parameters = configuration.hyperparameters
    behind = Counters(0, 0, 0) if options.trained_agent is None else read_counters(options.trained_agent)
    first = behind.num_timesteps
    at_once = agent_steps_at_once(configuration.algo, parameters)
    last = first + -(-parameters.n_timesteps // at_once) * at_once
    learning_begins = parameters.learning_starts + (0 if _replay_is_there(configuration, options) else first)
    a_round = parameters.train_freq if parameters.gradient_steps < 0 else parameters.gradient_steps
    ratio = a_round / parameters.train_freq
    transitions = _transitions_learned_from(at_once, first, last, learning_begins)
    updates = transitions // parameters.train_freq * a_round
    first_update = min(last - transitions + -(-parameters.train_freq // at_once) * at_once, last)
    epsilon = epsilon_of(configuration, first)
    every = evaluation_interval(configuration, options)
    evaluations, evaluated = _evaluation_steps(every, at_once, first, last)
    return Forecast(
        first_step=first,
        last_step=last,
        frames_per_agent_step=frames_per_agent_step(configuration),
        learning_begins=learning_begins,
        first_update=first_update,
        updates=updates,
        updates_per_agent_step=ratio,
        replayed_samples_per_agent_step=ratio * parameters.batch_size,
        target_copies=_target_copies(parameters, behind.n_updates, updates, first_update, last),
        epsilon_start=epsilon(first),
        epsilon_learning_begins=epsilon(max(first, learning_begins)),
        epsilon_end=epsilon(last),
        evaluations=evaluations,
        epsilon_at_evaluations=tuple(EpsilonAt(step, epsilon(step)) for step in evaluated),
    )


def epsilon_of(configuration: Configuration, first_step: int = 0) -> Callable[[int], float]:
    """Epsilon as a function of agent steps, in a run that begins after `first_step` of them."""
    parameters = configuration.hyperparameters
    schedule = _schedule_of(configuration)
    total = first_step + parameters.n_timesteps

    def at(agent_steps: int) -> float:
        return schedule.at(agent_steps, total)

    return at


def evaluation_interval(configuration: Configuration, options: RunOptions) -> int:
    """Agent steps between evaluations; below 1: none."""
    return configuration.hyperparameters.eval_freq if options.eval_freq is None else options.eval_freq


def _schedule_of(configuration: Configuration) -> Schedule:
    parameters = configuration.hyperparameters
    spec = parameters.exploration
    schedule: Schedule = registry.schedules.get(spec.name)(**spec.arguments)
    if parameters.exploration_begins == "learning_starts":
        return Delayed(schedule, parameters.learning_starts)
    return schedule


def _replay_is_there(configuration: Configuration, options: RunOptions) -> bool:
    """Whether an agent that goes on brings its replay along."""
    if options.trained_agent is None or configuration.hyperparameters.replay_buffer_class != "frame_ring":
        return False
    return options.trained_agent.with_name(RunFolder.replay_buffer_name).is_file()


def _transitions_learned_from(at_once: int, first: int, last: int, learning_begins: int) -> int:
    """Transitions of which the last one collected with them comes later than `learning_begins`."""
    before = max(learning_begins - first, 0) // at_once * at_once
    return max(last - first - before, 0)


def _target_copies(parameters: Hyperparameters, updates_before: int, updates: int, first_update: int, last: int) -> int:
    if updates == 0:
        return 0
    interval = parameters.target_update_interval
    if parameters.target_update_unit == "updates":
        return (updates_before + updates) // interval - updates_before // interval
    vector_steps = (last - first_update) // parameters.n_envs
    return min(last // interval - first_update // interval, vector_steps)  # each of them copies once at most


def _evaluation_steps(every: int, at_once: int, first: int, last: int) -> tuple[int, list[int]]:
    """How many evaluations there are, and after how many agent steps: at most `MOST_EVALUATIONS` of them."""
    if every < 1:
        return 0, []
    every = max(every, at_once)  # nothing is looked at in between

    def step_of(number: int) -> int:
        return first - (first - number * every) // at_once * at_once

    due = range(first // every + 1, last // every + 1)
    at_the_end = not due or step_of(due[-1]) != last
    some = due[:: -(-len(due) // MOST_EVALUATIONS) or 1]
    steps = dict.fromkeys([*(step_of(number) for number in some), last])
    return len(due) + at_the_end, list(steps)
