"""The diagnosis of a run before it starts: facts and findings, apart from how they are printed."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.utils import get_device

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.build import atari_rules, protocol_of
from dqn_zoo_ext.experiment.doctor.comparison import Comparison, Difference, compare
from dqn_zoo_ext.experiment.doctor.findings import Finding, where
from dqn_zoo_ext.experiment.doctor.forecast import Forecast, forecast
from dqn_zoo_ext.experiment.doctor.learning_rules import USUAL_FRAMES, frame_finding, learning_findings
from dqn_zoo_ext.experiment.doctor.measure import Measured, measure
from dqn_zoo_ext.experiment.doctor.resources import (
    Memory,
    can_be_allocated,
    free_disk,
    gpu_left_unused,
    gpu_memory,
    main_memory,
    missing_extras,
)
from dqn_zoo_ext.experiment.doctor.run_rules import (
    Machine,
    emulators_finding,
    evaluation_findings,
    machine_findings,
    precision_findings,
)
from dqn_zoo_ext.experiment.doctor.sizes import Sizes, Spaces, sizes, spaces_of
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.learning.hardware.precision import has_bf16
from dqn_zoo_ext.process import usable_cores


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What a run will do and need, and what is wrong with it.

    memory: main memory, which holds the replay. gpu: the memory of the GPU that learns, if one does. measured: None
    unless it was asked for and nothing stops the run. evaluation_steps_at_most: agent steps of all evaluations together
    if no game ends early; None where games have no limit.
    """

    configuration: Configuration
    run: Forecast
    sizes: Sizes
    memory: Memory | None
    gpu: Memory | None
    free_disk: int | None
    comparison: Comparison
    evaluation_steps_at_most: int | None
    missing_extras: tuple[str, ...]
    measured: Measured | None
    findings: tuple[Finding, ...]

    @property
    def stops(self) -> tuple[Finding, ...]:
        """The findings for which a run must not start."""
        return tuple(each for each in self.findings if each.level == "stop")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """All other findings."""
        return tuple(each for each in self.findings if each.level == "warning")

    @property
    def seconds(self) -> float | None:
        """How long the run will take without its evaluations; None if nothing was measured."""
        return None if self.measured is None else self.measured.seconds(self.run)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What is otherwise in evaluation than in training."""
        return self.comparison.differences

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON: numbers in bytes, seconds and agent steps."""
        run = asdict(self.run)
        return {
            "algo": self.configuration.algo,
            "env": self.configuration.env.gym_id,
            **{name: value for name, value in run.items() if not name.startswith("epsilon")},
            "agent_steps": self.run.agent_steps,
            "epsilon": {
                "start": self.run.epsilon_start,
                "learning_begins": self.run.epsilon_learning_begins,
                "evaluations": [asdict(each) for each in self.run.epsilon_at_evaluations],
                "end": self.run.epsilon_end,
                "in_evaluation": protocol_of(self.configuration).epsilon,
            },
            "eval_protocol": protocol_of(self.configuration).name,
            "replay_bytes": self.sizes.replay,
            "replay_bytes_filled": self.sizes.replay_filled,
            "memory": _plain(self.memory),
            "gpu_memory": _plain(self.gpu),
            "disk_bytes": self.sizes.disk,
            "checkpoint_bytes": self.sizes.checkpoints,
            "agent_bytes": self.sizes.agents,
            "disk_free_bytes": self.free_disk,
            "seconds": self.seconds,
            "measured": _plain(self.measured),
            "evaluation_steps_at_most": self.evaluation_steps_at_most,
            "differences": [{name: _shown(value) for name, value in vars(each).items()} for each in self.differences],
            "missing_extras": list(self.missing_extras),
            "findings": [each.as_dict() for each in self.findings],
        }


def diagnose(
    configuration: Configuration,
    options: RunOptions,
    measure: bool = True,
    spaces_seen: tuple[spaces.Space[Any], spaces.Space[Any]] | None = None,
) -> Diagnosis:
    """Look at a run before it starts. Leaves nothing on disk.

    measure: also act and learn for some seconds with the real environments and network, if nothing stops the run.
    Without it no emulator is started and no network made, and it takes milliseconds; environments other than Atari are
    made once to see their spaces, unless `spaces_seen` gives them (observations, actions).
    UserError if the environments or the network cannot be made.
    """
    run = forecast(configuration, options)
    seen = Spaces(*spaces_seen) if spaces_seen is not None else spaces_of(configuration)
    found = Diagnosis(
        configuration=configuration,
        run=run,
        sizes=sizes(configuration, options, seen, run),
        memory=main_memory(),
        gpu=gpu_memory(options.device) if measure else None,
        free_disk=free_disk(options.log_folder),
        comparison=compare(configuration, options, run.epsilon_end),
        evaluation_steps_at_most=_evaluation_steps_at_most(configuration, options, run),
        missing_extras=missing_extras(),
        measured=None,
        findings=(),
    )
    found = replace(found, findings=_findings(found, options))
    return _with_measurement(found, options) if measure and not found.stops else found


def refuse(diagnosis: Diagnosis) -> None:
    """UserError with the first stop, if there is one."""
    for finding in diagnosis.stops:
        raise UserError(finding.line)


def _with_measurement(found: Diagnosis, options: RunOptions) -> Diagnosis:
    measured = measure(found.configuration, options)
    found = replace(found, measured=measured, sizes=found.sizes.with_agent(measured.agent))
    findings, counted = _findings(found, options), measured.frames_per_agent_step
    if counted not in (None, USUAL_FRAMES, found.run.frames_per_agent_step):
        findings = (frame_finding(counted, where(found.configuration, "preprocessing", "env_kwargs")), *findings)
    run = replace(found.run, frames_per_agent_step=counted or found.run.frames_per_agent_step)
    return replace(found, run=run, findings=findings)


def _findings(found: Diagnosis, options: RunOptions) -> tuple[Finding, ...]:
    at_once, device = found.sizes.replay_at_once, get_device(options.device)
    machine = Machine(
        memory=found.memory,
        replay_is_granted=at_once is None or can_be_allocated(at_once),
        free_disk=found.free_disk,
        gpu_unused=options.device == "auto" and gpu_left_unused(),
        has_bf16=has_bf16(device),
        cores_beside_gpu=usable_cores() if device.type == "cuda" else None,
    )
    findings = (
        *learning_findings(found.configuration, found.run),
        *evaluation_findings(found.configuration, options, found.run, found.comparison),
        *machine_findings(found.configuration, options, found.run, found.sizes, machine),
        *precision_findings(found.configuration, machine),
        *emulators_finding(found.configuration, machine),
    )
    return tuple(sorted(findings, key=lambda finding: finding.level != "stop"))


def _evaluation_steps_at_most(configuration: Configuration, options: RunOptions, run: Forecast) -> int | None:
    rules = atari_rules(configuration, protocol_of(configuration).rules)
    if rules is None:
        return None
    episodes = options.eval_episodes or configuration.hyperparameters.eval_episodes
    return run.evaluations * episodes * -(-rules.max_frames_per_game // rules.frame_skip)


def _plain(value: Any) -> Any:
    return None if value is None else asdict(value)


def _shown(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | None) else str(value)
