"""The log of actions against a plain list of all that happened."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dqn_zoo_ext.envs.replaying.action_log import ActionLog, nth_seed

Happening = tuple[str, Any]
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.lists(st.integers(0, 17), min_size=3, max_size=3)),
        st.tuples(st.just("begin"), st.lists(st.booleans(), min_size=3, max_size=3)),
    ),
    max_size=60,
)


def mask(which: list[bool]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.array(which, dtype=np.bool_)


def replayed(log: ActionLog) -> list[list[int]]:
    """What each environment was told since its last reset, the seed coming first."""
    told: list[list[int]] = [[], [], []]
    for which, seeds, actions in log.moments():
        for environment, seed in zip(np.flatnonzero(which).tolist(), seeds.tolist(), strict=True):
            told[environment] = [seed]
        if actions is not None:
            for i, action in enumerate(actions.tolist()):
                told[i].append(int(action))
    return told


@given(happenings, st.integers(0, 2**40))
@settings(deadline=None)
def test_a_replay_tells_each_environment_what_it_was_told_since_its_seed(
    happened: list[Happening], first_seed: int
) -> None:
    log, told = ActionLog(3, 18), [[0], [0], [0]]
    log.restart(first_seed)
    for kind, what in [("begin", [True] * 3), *happened]:
        if kind == "step":
            log.append(np.array(what))
            for actions, action in zip(told, what, strict=True):
                actions.append(int(action))
        else:
            seeds = log.next_seeds(mask(what))
            log.begin(mask(what), seeds)
            for i, new in zip(np.flatnonzero(what), seeds, strict=True):
                told[i] = [int(new)]
    assert replayed(log) == told
    assert log.agent_steps().tolist() == [len(actions) - 1 for actions in told]
    assert len(log.state()["actions"]) == max(log.agent_steps())  # nothing is kept from before the oldest seed
    assert log.state()["actions"].dtype == np.uint8
    again = ActionLog(3, 18)
    again.load_state(log.state())
    assert replayed(again) == told
    everyone = mask([True] * 3)
    assert again.next_seeds(everyone).tolist() == log.next_seeds(everyone).tolist()


def test_it_grows_past_its_first_room_and_past_a_byte() -> None:
    log = ActionLog(1, 1000)
    log.restart(0)
    log.begin(mask([True]), log.next_seeds(mask([True])))
    actions = np.random.default_rng(0).integers(0, 1000, 5000)
    for action in actions:
        log.append(action)
    np.testing.assert_array_equal(log.state()["actions"][:, 0], actions)


def test_seeds_follow_from_the_first_one() -> None:
    assert [nth_seed(9, i, 0) for i in range(3)] == [747784396, 1906156461, 1988026542]  # as they were in 0.1
    seeds = {nth_seed(first, i, count) for first in range(5) for i in range(5) for count in range(5)}
    assert len(seeds) == 125
    assert all(0 <= seed < 2**31 - 1 for seed in seeds)


def test_logs_of_other_environments_are_refused() -> None:
    log = ActionLog(3, 18)
    log.append(np.array([0, 5, 17]))
    with pytest.raises(ValueError, match="those of 3 environments; here are 2"):
        ActionLog(2, 18).load_state(log.state())
    with pytest.raises(ValueError, match="a saved action is 17; here they are 0 to 16"):
        ActionLog(3, 17).load_state(log.state())
