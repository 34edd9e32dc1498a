"""The exact state of a vector of environments: what can be saved and brought back, whatever it is made of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Discrete
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecEnvWrapper,
    VecFrameStack,
    VecTransposeImage,
)

from dqn_zoo_ext.envs.replaying.action_log import ActionLog
from dqn_zoo_ext.envs.replaying.replayable_env import ReplayableEnv
from dqn_zoo_ext.envs.rewarded_vec_env import RewardedVecEnv
from dqn_zoo_ext.state import Resumable, State

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env.stacked_observations import StackedObservations

# by exact class: a subclass may keep anything
WRAPPERS_KNOWN = (VecFrameStack, VecTransposeImage)
VECTORS_KNOWN = (DummyVecEnv, SubprocVecEnv)


def can_resume(venv: VecEnv) -> str | None:
    """None if `venv` can be saved and brought back exactly; else why not, in words."""
    wrappers, base = _unwrapped(venv)
    for wrapper in wrappers:
        if type(wrapper) not in WRAPPERS_KNOWN:
            return f"the wrapper {type(wrapper).__name__} cannot be brought back where it was"
    if type(base) not in VECTORS_KNOWN:
        if isinstance(base, Resumable):
            return None
        return f"{type(base).__name__} has no state() and load_state(), so it cannot be brought back where it was"
    if not isinstance(base.action_space, Discrete):
        return f"only discrete actions are logged and replayed, not {base.action_space}"
    if not all(base.env_is_wrapped(ReplayableEnv)):
        return "its environments keep no log of their actions; make them with dqn_zoo_ext.envs.make.make_vec_env"
    return None


def state_of(venv: VecEnv) -> State:
    """All that ``restore`` needs. Between steps, after a first reset. ValueError if `venv` cannot be resumed."""
    wrappers, base = _checked(venv)
    return {
        "wrappers": [type(wrapper).__name__ for wrapper in wrappers],
        "frame_stacks": {
            str(depth): _stacks_of(wrapper.stacked_obs)
            for depth, wrapper in enumerate(wrappers)
            if isinstance(wrapper, VecFrameStack)
        },
        "environments": _state_of_gym_vector(base) if type(base) in VECTORS_KNOWN else _resumable(base).state(),
    }


def restore(venv: VecEnv, state: State) -> None:
    """Bring `venv`, newly made in the same way, where the one was whose `state` it is; no reset is needed.

    ValueError, one line, if it is made otherwise, or if it does not come back to the same observation.
    """
    wrappers, base = _checked(venv)
    names = [type(wrapper).__name__ for wrapper in wrappers]
    if names != state["wrappers"]:
        raise ValueError(f"the saved environments were wrapped in {state['wrappers']}; these are in {names}")
    if type(base) in VECTORS_KNOWN:
        _restore_gym_vector(base, state["environments"])
    else:
        _resumable(base).load_state(state["environments"])
    for depth, wrapper in enumerate(wrappers):
        if isinstance(wrapper, VecFrameStack):
            _restore_stacks(wrapper.stacked_obs, state["frame_stacks"][str(depth)])


def agent_steps_to_replay(state: State) -> int | None:
    """How many agent steps of all environments ``restore`` plays again; None where another vector keeps its own way."""
    of_vector = state["environments"]
    if "replays" in of_vector:
        logs = [each["log"] for each in of_vector["replays"].values()]
    elif "consoles" in of_vector:
        logs = [of_vector["consoles"]["log"]]
    else:
        return None
    return sum(map(ActionLog.agent_steps_to_replay, logs))


def _unwrapped(venv: VecEnv) -> tuple[list[VecEnvWrapper], VecEnv]:
    """The wrappers, outermost first, and what they wrap. One that keeps nothing has no state and is passed over."""
    wrappers = []
    while isinstance(venv, VecEnvWrapper):
        if type(venv) is not RewardedVecEnv:
            wrappers.append(venv)
        venv = venv.venv
    return wrappers, venv


def _checked(venv: VecEnv) -> tuple[list[VecEnvWrapper], VecEnv]:
    reason = can_resume(venv)
    if reason is not None:
        raise ValueError(f"cannot resume exactly: {reason}")
    return _unwrapped(venv)


def _resumable(base: VecEnv) -> Resumable:
    assert isinstance(base, Resumable)
    return base


def _state_of_gym_vector(base: VecEnv) -> State:
    states = base.env_method("replay_state")
    return {
        "seeds_of_next_reset": list(base._seeds),
        "replays": {str(i): state for i, state in enumerate(states)},
    }


def _restore_gym_vector(base: VecEnv, state: State) -> None:
    replays = state.get("replays", {})
    if len(replays) != base.num_envs:
        raise ValueError(f"the saved state is of {len(replays)} environments; here are {base.num_envs}")

    in_order = [replays[str(i)] for i in range(base.num_envs)]
    if isinstance(base, SubprocVecEnv):
        reasons = _replayed_side_by_side(base, in_order)
    else:
        reasons = [base.env_method("load_replay_state", each, indices=i)[0] for i, each in enumerate(in_order)]
    for i, reason in enumerate(reasons):
        if reason is not None:
            raise ValueError(f"environment {i}: {reason}")
    base._seeds = list(state["seeds_of_next_reset"])


def _replayed_side_by_side(base: SubprocVecEnv, replays: Sequence[State]) -> list[str | None]:
    """Each process replays its own. One that is interrupted would be waited for when `base` is closed: it is ended."""
    try:
        for remote, each in zip(base.remotes, replays, strict=True):  # as env_method asks them, but not one by one
            remote.send(("env_method", ("load_replay_state", (each,), {})))
        return [remote.recv() for remote in base.remotes]
    except BaseException:
        for process in base.processes:
            process.kill()
        raise


def _stacks_of(stacked: "StackedObservations[Any]") -> State:
    return {key: part.stacked_obs.copy() for key, part in _parts(stacked).items()}


def _restore_stacks(stacked: "StackedObservations[Any]", saved: State) -> None:
    for key, part in _parts(stacked).items():
        array: npt.NDArray[Any] = np.array(saved[key])
        if array.shape != part.stacked_obs.shape:
            raise ValueError(f"the saved frame stacks are {array.shape}; here they are {part.stacked_obs.shape}")
        part.stacked_obs = array


def _parts(stacked: "StackedObservations[Any]") -> "dict[str, StackedObservations[Any]]":
    """By key of the observation; one named "" where it is a single array."""
    parts: dict[str, StackedObservations[Any]] = getattr(stacked, "sub_stacked_observations", {"": stacked})
    return parts
