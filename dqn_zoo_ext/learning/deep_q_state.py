"""All that a ``DeepQ`` is between two vector steps, as plain data: weights, optimizer, counters, random generators.

What it does not hold: the replay's rows (``stored_rows``) and the environments.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

import torch

from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.random_state import (
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
    "_first_update_after",
    "_current_progress_remaining",
)
_PENDING = ("name_to_value", "name_to_count", "name_to_excluded")


def state_of(model: DeepQ) -> State:
    """The state between two vector steps of ``learn``. Its arrays share the model's memory."""
    return {
        "counters": {name: getattr(model, name) for name in _COUNTERS},
        "policy": dict(model.policy.state_dict()),
        "optimizer": _optimizer_state(model.policy.optimizer),
        "learner": model.learner.state(),
        "last_obs": model._last_obs,
        "last_episode_starts": model._last_episode_starts,
        "games": list(model.ep_info_buffer or ()),
        "successes": list(model.ep_success_buffer or ()),
        "log": {name: dict(getattr(model.logger, name)) for name in _PENDING},
        "exploration_rng": generator_state(model.exploration_rng),
        "action_space_rng": generator_state(model.action_space.np_random),
        "random": random_state(model.device),
        "threads": torch.get_num_threads(),
    }


def restore(model: DeepQ, state: State) -> None:
    """Become the model that `state` was taken from; its next ``learn`` goes on, and resets nothing.

    ValueError, KeyError or RuntimeError if the weights or the optimizer's state do not fit.
    """
    model.policy.load_state_dict(state["policy"])
    model.policy.optimizer.load_state_dict(_for_optimizer(state["optimizer"]))
    for name in _COUNTERS:
        setattr(model, name, state["counters"][name])
    model.learner.load_state(state["learner"])
    model._last_obs = state["last_obs"]
    model._last_episode_starts = state["last_episode_starts"]
    model.ep_info_buffer = deque(state["games"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(state["successes"], maxlen=model._stats_window_size)
    for name in _PENDING:
        getattr(model.logger, name).update(state["log"][name])
    set_generator_state(model.exploration_rng, state["exploration_rng"])
    set_generator_state(model.action_space.np_random, state["action_space_rng"])
    set_random_state(state["random"], model.device)
    if model.device.type == "cpu":
        torch.set_num_threads(state["threads"])  # sums over threads: another number of them, other bytes
    model.goes_on = True


def _optimizer_state(optimizer: torch.optim.Optimizer) -> State:
    state = optimizer.state_dict()
    return {
        "state": {str(index): dict(each) for index, each in state["state"].items()},
        "param_groups": state["param_groups"],
    }


def _for_optimizer(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "state": {int(index): each for index, each in state["state"].items()},
        "param_groups": state["param_groups"],
    }
