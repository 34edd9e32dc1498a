"""Before many runs: whether one could begin, and what the doctor says of them."""

import gc
from collections.abc import Sequence
from dataclasses import replace

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.experiment.breakdowns import plain_memory_errors
from dqn_zoo_ext.experiment.build import build_model, build_venv
from dqn_zoo_ext.experiment.doctor import Diagnosis, brief_lines, diagnose, refuse
from dqn_zoo_ext.experiment.options import RunOptions

_TO_SEE_ALL = "type the command in a run's command.txt, with `doctor` in place of `train`, to see all"
_NAMES_IN_A_LINE = 3


def rehearse(configuration: Configuration, options: RunOptions) -> Diagnosis:
    """Make environments and network, ask the doctor, and let it all go. UserError if no run of it could begin.

    What the doctor says, for those who print it.
    """
    with plain_memory_errors():
        venv = build_venv(configuration, configuration.hyperparameters.n_envs, options.seed)
        try:
            spaces = (venv.observation_space, venv.action_space)
            found = diagnose(configuration, options, measure=False, spaces_seen=spaces)
            refuse(found)
            build_model(configuration, venv, options.seed, options.device)
        finally:
            venv.close()
            gc.collect()
    return found


def doctors_lines(looked_at: Sequence[tuple[str, Diagnosis]]) -> list[str]:
    """The doctor's brief lines of all that were looked at, each once, with the names of those it is of unless all."""
    names: dict[str, list[str]] = {}
    for shown, found in looked_at:
        first = looked_at[0][1]  # what is free changes from one look to the next
        for line in brief_lines(replace(found, memory=first.memory, free_disk=first.free_disk), _TO_SEE_ALL):
            names.setdefault(line, []).append(shown)
    return [line if len(of) == len(looked_at) else f"{_listed(of)}: {line}" for line, of in names.items()]


def _listed(names: Sequence[str]) -> str:
    if len(names) <= _NAMES_IN_A_LINE + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMES_IN_A_LINE])} and {len(names) - _NAMES_IN_A_LINE} more"
