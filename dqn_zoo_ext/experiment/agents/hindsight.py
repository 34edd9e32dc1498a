"""What the doctor says of a run that has been made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.config.of_run import plain_run_file
from dqn_zoo_ext.config.overrides import key_values
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.argument_kinds import kind_missed
from dqn_zoo_ext.experiment.doctor import diagnose
from dqn_zoo_ext.experiment.doctor.run_rules import OF_THE_MACHINE
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.keywords import shown
from dqn_zoo_ext.storage.run_folder import RunFolder

_NUMBERS = ("eval_freq", "eval_episodes", "save_freq")


def warnings_of(run: RunFolder, configuration: Configuration) -> list[str]:
    """A line for each finding on the run with the options that it was given, but for those on this machine, which need
    not be the one that made it. UserError if its args.yml, or the agent that it went on from, cannot be read.
    """
    diagnosis = diagnose(configuration, _options_of(run), measure=False)
    return [finding.line for finding in diagnosis.findings if finding.name not in OF_THE_MACHINE]


def _options_of(run: RunFolder) -> RunOptions:
    """Those of the run's options that the doctor looks at; RL-Zoo's args.yml has them under the same names."""
    given = plain_run_file(run.args) if run.args.is_file() else {}
    agent = _checked(run, given, "trained_agent")
    return RunOptions(
        log_folder=run.path,
        seed=0,  # no finding depends on it
        **{name: _checked(run, given, name) for name in _NUMBERS},
        eval_env_kwargs=_eval_env_kwargs(run, given),
        trained_agent=Path(agent) if agent else None,
    )


def _checked(run: RunFolder, given: Mapping[str, Any], name: str) -> Any:
    value = given.get(name)
    kind = kind_missed(name, value)
    if kind is not None:
        raise UserError(f"{run.args}: {name} must be {kind}, not {shown(value)}")
    return value


def _eval_env_kwargs(run: RunFolder, given: Mapping[str, Any]) -> Mapping[str, Any]:
    value = given.get("eval_env_kwargs") or []
    if isinstance(value, Mapping):  # as RL-Zoo dumps them
        return value
    return key_values(_checked(run, {"eval_env_kwargs": value}, "eval_env_kwargs"), "--eval-env-kwargs")
