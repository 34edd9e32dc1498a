"""Rules on the run: that its evaluations measure the same game, and that the machine can hold it."""

from collections.abc import Iterator
from dataclasses import dataclass

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.experiment.build import atari_rules, protocol_of
from dqn_zoo_ext.experiment.doctor.comparison import Comparison
from dqn_zoo_ext.experiment.doctor.findings import Finding, Level, can_have, flags, where
from dqn_zoo_ext.experiment.doctor.forecast import Forecast, evaluation_interval
from dqn_zoo_ext.experiment.doctor.resources import Memory
from dqn_zoo_ext.experiment.doctor.sizes import Sizes, checkpoint_interval
from dqn_zoo_ext.experiment.options import DEFAULT_SAVE_FREQ, RunOptions
from dqn_zoo_ext.learning.deep_q import DeepQ

_LONG_RUN = 1_000_000
_TIGHT = 0.8  # of the free memory
_MISTAKE = 10  # times the machine's memory: no run is short enough for it
_FEW_EMULATORS, _MANY_EMULATORS = 2, 4  # for each core
_ENOUGH_EMULATORS = 64  # what docs/speed.md was measured with
_EVAL_KWARGS = "--eval-env-kwargs"

OF_THE_MACHINE = frozenset({"replay_memory", "disk", "gpu_unused", "gpu_waits", "bf16_imitated"})
"""The findings that say as much of the machine that is looked at as of the run."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the machine has to give. free_disk: bytes, None if it cannot be told.

    replay_is_granted: whether the system lets a program ask for the largest array of the replay. has_bf16: whether the
    device that is asked for computes with that. cores_beside_gpu: those that play for the GPU that is to learn; None if
    none is.
    """

    memory: Memory | None
    replay_is_granted: bool
    free_disk: int | None
    gpu_unused: bool
    has_bf16: bool
    cores_beside_gpu: int | None = None


def evaluation_findings(
    configuration: Configuration, options: RunOptions, run: Forecast, comparison: Comparison
) -> Iterator[Finding]:
    """Findings about the evaluations during training; none if there are none."""
    every = evaluation_interval(configuration, options)
    if every < 1:
        return
    yield from _same_environment(comparison)
    yield from _same_difficulty(configuration, options, run, comparison)
    if every > run.last_step:
        yield Finding(
            "warning",
            "evaluated_once",
            "an agent should be evaluated during training, so that the best one is kept",
            f"eval_freq is {every:,}, and the run ends after {run.last_step:,} agent steps: one evaluation, at the end",
            "--eval-freq" if options.eval_freq is not None else where(configuration, "eval_freq"),
            f"--eval-freq {max(run.agent_steps // 10, 1)}",
        )


def _same_environment(comparison: Comparison) -> Iterator[Finding]:
    if comparison.problem is not None:
        yield Finding(
            "stop",
            "evaluation_environment",
            "the environments for evaluation must be possible to make",
            f"they cannot: {comparison.problem}",
            _EVAL_KWARGS,
            f"leave {_EVAL_KWARGS} out",
        )
    for what in ("full_action_space", "action_space", "observation_space"):
        each = comparison.of(what)
        if each is not None:
            yield Finding(
                "stop",
                "evaluation_action_set" if "action" in what else "evaluation_observations",
                "an agent must be evaluated with the actions and observations that it was trained with",
                f"{what} is {each.training} in training and {each.evaluation} in evaluation",
                _EVAL_KWARGS,
                f"give it with --env-kwargs, which is for both, and not with {_EVAL_KWARGS}",
            )


def _same_difficulty(
    configuration: Configuration, options: RunOptions, run: Forecast, comparison: Comparison
) -> Iterator[Finding]:
    protocol = protocol_of(configuration)
    place = where(configuration, "eval_protocol")
    sticky = comparison.of("repeat_action_probability")
    if sticky is not None:
        yield Finding(
            "warning",
            "evaluation_sticky_actions",
            "actions should stick as often in evaluation as in training",
            f"{sticky.training:g} in training, {sticky.evaluation:g} in evaluation by {protocol.name}",
            place,
            flags(eval_protocol="machado-2018" if sticky.training else "nature-2015"),
        )
    given = options.eval_env_kwargs.get("repeat_action_probability")
    if given is not None and protocol.repeat_action_probability not in (None, given):
        yield Finding(
            "warning",
            "evaluation_protocol_rules",
            "the evaluation protocol should say how often actions stick",
            f"{_EVAL_KWARGS} says {given}, {protocol.name} says {protocol.repeat_action_probability:g}, and that holds",
            _EVAL_KWARGS,
            f"another protocol, or leave {_EVAL_KWARGS} out",
        )
    if protocol.epsilon > 2 * run.epsilon_end:
        yield Finding(
            "warning",
            "evaluation_epsilon",
            "evaluation should be no more random than the end of training",
            f"epsilon is {protocol.epsilon:g} by {protocol.name}, and {run.epsilon_end:.3g} at the end of training",
            place,
            flags(eval_protocol="course-unit3" if protocol.epsilon > 0.01 else "greedy"),
        )
    rules = atari_rules(configuration, protocol.rules)
    if rules is not None and not (protocol.epsilon or rules.noop_max or rules.repeat_action_probability):
        yield Finding(
            "warning",
            "evaluation_games_alike",
            "the games of an evaluation should differ",
            f"by {protocol.name} nothing is random: all of them are the same game",
            place,
            flags(eval_protocol="nature-2015"),
        )


def machine_findings(
    configuration: Configuration, options: RunOptions, run: Forecast, sizes: Sizes, machine: Machine
) -> Iterator[Finding]:
    """Findings about memory, disk and accelerator."""
    if machine.memory is not None and sizes.replay is not None and sizes.replay_filled is not None:
        whole, filled, memory = sizes.replay, sizes.replay_filled, machine.memory
        if filled > memory.free or whole > _MISTAKE * memory.total or not machine.replay_is_granted:
            yield _memory(configuration, "stop", whole, memory)
        elif filled > _TIGHT * memory.free:
            yield _memory(configuration, "warning", whole, memory)
    if machine.free_disk is not None:
        yield from _disk(options, sizes, machine.free_disk)
    saves = checkpoint_interval(configuration, options) > 0 or (options.save_freq or 0) > 0
    if not saves and run.agent_steps >= _LONG_RUN:
        yield Finding(
            "warning",
            "no_checkpoints",
            "a long run should save checkpoints",
            f"{run.agent_steps:,} agent steps, and nothing is saved before their end but the best agent",
            "--save-freq",
            f"--save-freq {DEFAULT_SAVE_FREQ}",
        )
    if machine.gpu_unused:
        yield Finding(
            "warning",
            "gpu_unused",
            "a GPU that is there should be used",
            "this machine has the driver of one, and PyTorch cannot use it",
            "PyTorch",
            "install the build of PyTorch for it (pytorch.org), or --device cpu",
        )


def emulators_finding(configuration: Configuration, machine: Machine) -> Iterator[Finding]:
    """A finding if a GPU is to wait for a handful of emulators, where more of them would change no ratio."""
    cores, parameters = machine.cores_beside_gpu, configuration.hyperparameters
    counts_transitions = issubclass(registry.algorithms.get(configuration.algo), DeepQ)
    if cores is None or not counts_transitions or parameters.preprocessing != "atari":
        return
    if parameters.n_envs < _FEW_EMULATORS * cores and parameters.n_envs < _ENOUGH_EMULATORS:
        yield Finding(
            "warning",
            "gpu_waits",
            "a GPU should have many environments to learn from",
            f"{parameters.n_envs} environments on {cores} cores leave it waiting",
            where(configuration, "n_envs"),
            flags(n_envs=min(_MANY_EMULATORS * cores, _ENOUGH_EMULATORS)),
        )


def precision_findings(configuration: Configuration, machine: Machine) -> Iterator[Finding]:
    """A finding if the precision is one that the device only imitates."""
    if configuration.hyperparameters.precision == "bf16" and not machine.has_bf16:
        yield Finding(
            "warning",
            "bf16_imitated",
            "bf16 should be computed with by the device",
            "this one only imitates it, and is slower with it than with fp32",
            where(configuration, "precision"),
            flags(precision="fp32"),
        )


def _memory(configuration: Configuration, level: Level, whole: int, memory: Memory) -> Finding:
    parameters = configuration.hyperparameters
    change = flags(buffer_size=_round_down(int(parameters.buffer_size * min(_TIGHT * memory.free / whole, 1))))
    in_a_ring = can_have(configuration, replay_buffer_class="frame_ring")
    if in_a_ring and _kept_eight_times(configuration) and whole / 8 <= _TIGHT * memory.free:
        change = flags(replay_buffer_class="frame_ring")
    return Finding(
        level,
        "replay_memory",
        "the replay must fit into the memory that is free",
        f"{parameters.buffer_size:,} transitions take {in_units(whole)}; {in_units(memory.free)} of "
        f"{in_units(memory.total)} are free",
        where(configuration, "buffer_size"),
        change,
    )


def _kept_eight_times(configuration: Configuration) -> bool:
    """Whether each frame stands in four stacks, and each stack in two arrays."""
    parameters = configuration.hyperparameters
    return parameters.replay_buffer_class == "sb3" and parameters.frame_stack == 4


def _round_down(number: int) -> int:
    """To two digits, so that it can be typed."""
    unit: int = 10 ** max(len(str(number)) - 2, 0)
    return max(number // unit * unit, 1)


def _disk(options: RunOptions, sizes: Sizes, free: int) -> Iterator[Finding]:
    if sizes.disk > free:
        yield Finding(
            "stop" if (sizes.agents or 0) > free else "warning",
            "disk",
            "what the run leaves behind must fit on the disk",
            f"checkpoints take up to {in_units(sizes.checkpoints)} before compression, agents "
            f"{in_units(sizes.agents or 0)}, and {in_units(free)} are free",
            f"-f {options.log_folder}",
            "another log folder (-f), or a smaller buffer_size",
        )


def in_units(number: float) -> str:
    """Bytes as people read them: 7.1 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} TB" if number < 1000 else f"{number:,.0f} TB"
