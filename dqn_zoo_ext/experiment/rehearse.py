"""Before many runs: whether one could begin."""

import gc

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.experiment.breakdowns import plain_memory_errors
from dqn_zoo_ext.experiment.build import build_model, build_venv
from dqn_zoo_ext.experiment.doctor import Diagnosis, diagnose, refuse
from dqn_zoo_ext.experiment.options import RunOptions


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
