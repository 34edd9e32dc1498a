"""All that a ``DeepQ`` is between two vector steps, as plain data: weights, optimizer, counters, random generators.

What it does not hold: the replay's rows (``stored_rows``) and the environments.
"""

from collections import deque

import numpy as np
import torch

from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.saved.optimizer_state import load_optimizer_state
from dqn_zoo_ext.learning.saved.random_state import (
    generator_state,
    random_state,
    set_generator_state,
    set_random_state,
)
from dqn_zoo_ext.state import State

_COUNTERS = (
    "num_timesteps",
    "rows_stored",
    "exploration_rate",
    "_total_timesteps",
    "_episode_num",
    "_n_updates",
    "_n_calls",
    "_transitions_to_learn_from",
    "updates_due",
    "_first_update_after",
    "_current_progress_remaining",
)
_PLAIN = (str, int, float, np.generic)
_PENDING = ("name_to_value", "name_to_count", "name_to_excluded")


def state_of(model: DeepQ) -> State:
    """The state between two vector steps of ``learn``. Its arrays share the model's memory."""
    return {
        "counters": {name: getattr(model, name) for name in _COUNTERS},
        "policy": dict(model.policy.state_dict()),
        "optimizer": {str(index): dict(each) for index, each in model.policy.optimizer.state_dict()["state"].items()},
        "learner": model.learner.state(),
        "last_obs": model._last_obs,
        "last_episode_starts": model._last_episode_starts,
        "games": list(model.ep_info_buffer or ()),
        "successes": list(model.ep_success_buffer or ()),
        "log": _pending_log(model),
        "exploration_rng": generator_state(model.exploration_rng),
        "action_space_rng": generator_state(model.action_space.np_random),
        "random": random_state(model.device),
        "threads": torch.get_num_threads(),
    }


def restore(model: DeepQ, state: State) -> None:
    """Become the model that `state` was taken from; its next ``learn`` goes on, and resets nothing.

    The process's random generators are to be set last, by ``restore_random_state``: environments may draw from them
    while they are brought back. ValueError, KeyError or RuntimeError if weights or the optimizer's state do not fit.
    """
    model.policy.load_state_dict(state["policy"])
    load_optimizer_state(model.policy, {int(index): each for index, each in state["optimizer"].items()})
    counters = {"updates_due": 0, **state["counters"]}  # none was, before they were made amid the next step
    for name in _COUNTERS:
        setattr(model, name, counters[name])
    model.learner.load_state(state["learner"])
    model._last_obs = state["last_obs"]
    model._last_episode_starts = state["last_episode_starts"]
    model.ep_info_buffer = deque(state["games"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(state["successes"], maxlen=model._stats_window_size)
    for name in _PENDING:
        getattr(model.logger, name).update(state["log"][name])
    set_generator_state(model.exploration_rng, state["exploration_rng"])
    set_generator_state(model.action_space.np_random, state["action_space_rng"])
    if model.device.type == "cpu":
        torch.set_num_threads(state["threads"])  # sums over threads: another number of them, other bytes
    model.goes_on = True


def restore_random_state(model: DeepQ, state: State) -> None:
    """Put the process's random generators where they were."""
    set_random_state(state["random"], model.device)


def total_agent_steps(state: State) -> int:
    """The agent steps after which the run that `state` was taken of is to end."""
    return int(state["counters"]["_total_timesteps"])


def _pending_log(model: DeepQ) -> State:
    """What is recorded for the next line of the log; pictures and the like are no plain data and are left out."""
    recorded = {name: getattr(model.logger, name) for name in _PENDING}
    plain = [key for key, value in recorded["name_to_value"].items() if isinstance(value, _PLAIN)]
    return {name: {key: values[key] for key in plain if key in values} for name, values in recorded.items()}
