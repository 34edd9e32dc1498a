"""AleVecEnv brought back where it was: from there on it must be, bit for bit, the one that never stopped."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from going_on import Fingerprint, equal_states, fingerprint, go_on, leaves

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.emulators.build import make_emulators
from dqn_zoo_ext.envs.replaying.action_log import nth_seed
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.errors import UserError

STICKY = AtariRules(repeat_action_probability=0.25)
CUT_SHORT = AtariRules(repeat_action_probability=0.25, max_frames_per_game=1000)


def make(game: str, **changes: Any) -> AleVecEnv:
    arguments: dict[str, Any] = {"n_envs": 3, "rules": STICKY, "seed": 1, "reseed_after": 150, **changes}
    return AleVecEnv(game, **arguments)


def actions_for(venv: AleVecEnv, agent_steps: int, seed: int = 0) -> npt.NDArray[np.int64]:
    n_actions = len(venv.get_action_meanings())
    return np.random.default_rng(seed).integers(0, n_actions, (agent_steps, venv.num_envs))


def begun(state: dict[str, Any]) -> list[int]:
    rows: list[int] = state["consoles"]["log"]["begun"]
    return rows


@pytest.mark.parametrize(
    ("game", "rules", "agent_steps"),
    [
        pytest.param("breakout", STICKY, 1000, marks=pytest.mark.slow),
        ("breakout", CUT_SHORT, 1000),
        pytest.param("space_invaders", STICKY, 2000, marks=pytest.mark.slow),
    ],
)
def test_a_restored_vector_goes_on_as_the_one_that_never_stopped(
    game: str, rules: AtariRules, agent_steps: int
) -> None:
    """Saved at random moments, when a stack is part blank after a lost life, and in the step of a new seed."""
    venv = make(game, rules=rules)
    actions = actions_for(venv, agent_steps)
    venv.reset()
    at_random = set(np.random.default_rng(agent_steps).integers(0, agent_steps, 2).tolist())
    played: list[Fingerprint] = []
    states: dict[int, dict[str, Any]] = {0: venv.state()}
    seen: set[str] = set()
    for t in range(agent_steps):
        played.append(fingerprint(venv.step(actions[t])))
        state = venv.state()
        kinds = {
            "part blank": any(0 < frames < 3 for frames in state["frames_before_episode"]),
            "just seeded": len(state["consoles"]["log"]["actions"]) in begun(state),
            "seeded at three times": len(set(begun(state))) == 3,
        }
        new = {kind for kind, is_so in kinds.items() if is_so} - seen
        seen |= new
        if t in at_random or new:
            states[t + 1] = state
    assert seen == {"part blank", "just seeded", "seeded at three times"}
    assert min(state["consoles"]["log"]["counts"]) >= 3
    assert 4 <= len(states) <= 6
    for t, state in states.items():
        restored = make(game, rules=rules, seed=t)
        restored.load_state(state)
        assert go_on(restored, actions[t : t + 300]) == played[t : t + 300]
        restored.close()


def test_a_chain_of_saved_and_restored_ends_in_the_same_state() -> None:
    venv, restored = make("breakout", n_envs=2), make("breakout", n_envs=2)
    actions = actions_for(venv, 750)
    venv.reset()
    state = venv.state()
    for t in range(0, 750, 150):
        part = actions[t : t + 150]
        restored.close()
        restored = make("breakout", n_envs=2, seed=t)
        restored.load_state(state)
        assert go_on(restored, part) == go_on(venv, part)
        state = restored.state()
        assert equal_states(state, venv.state())
    assert max(state["consoles"]["log"]["counts"]) >= 3
    np.testing.assert_array_equal(venv.reset(), restored.reset())  # the next seeds are the same too


def test_a_state_is_plain_data_and_small() -> None:
    venv = make("space_invaders", n_envs=2)
    venv.reset()
    go_on(venv, actions_for(venv, 200))
    state = venv.state()
    arrays = [leaf for leaf in leaves(state) if isinstance(leaf, np.ndarray)]
    assert all(type(leaf) in (type(None), bool, int, float, str, np.ndarray) for leaf in leaves(state))
    assert [array.dtype for array in arrays] == [np.dtype(np.uint8)]
    assert arrays[0].nbytes <= 2 * 200


def test_a_loaded_state_is_not_touched_and_can_be_loaded_again_over_a_game_in_progress() -> None:
    venv = make("breakout")
    venv.reset()
    actions = actions_for(venv, 500)
    go_on(venv, actions[:200])
    state = venv.state()
    played = go_on(venv, actions[200:])
    venv.step_async(actions[0])
    for _ in range(2):
        venv.load_state(state)
        assert go_on(venv, actions[200:]) == played


def test_games_logged_after_the_state_vanish_and_are_played_again(tmp_path: Path) -> None:
    path, again = tmp_path / "a" / "0.monitor.csv", tmp_path / "b" / "0.monitor.csv"
    venv = make("breakout", monitor_path=path)
    actions = actions_for(venv, 900)
    venv.reset()
    go_on(venv, actions[:450])
    state = venv.state()
    go_on(venv, actions[450:700])
    again.parent.mkdir()
    shutil.copy(path, again)  # as it is when the power fails at 700
    go_on(venv, actions[700:])
    restored = make("breakout", monitor_path=again)
    restored.load_state(state)
    go_on(restored, actions[450:])

    def rows(of: Path) -> list[tuple[str, str]]:
        with of.open() as lines:
            return [(row["r"], row["l"]) for row in csv.DictReader(line for line in lines if line[0] != "#")]

    assert len(rows(path)) > 6
    assert rows(path) == rows(again)
    again.write_bytes(path.read_bytes()[: state["game_log"]["bytes"] - 1])
    with pytest.raises(ValueError, match="is gone or was cut") as raised:
        make("breakout", monitor_path=again).load_state(state)
    assert "\n" not in str(raised.value)


def test_the_colour_twin_comes_back_too_and_follows_new_seeds() -> None:
    venv = make("space_invaders", n_envs=2, rules=CUT_SHORT, render_mode="rgb_array")
    actions = actions_for(venv, 700)
    venv.reset()
    go_on(venv, actions[:300])
    restored = make("space_invaders", n_envs=2, rules=CUT_SHORT, render_mode="rgb_array")
    restored.load_state(venv.state())
    without = make("space_invaders", n_envs=2, rules=CUT_SHORT)
    without.load_state(venv.state())
    counts = venv.state()["consoles"]["log"]["counts"]
    for row in actions[300:]:
        np.testing.assert_array_equal(venv.get_images(), restored.get_images())
        assert fingerprint(venv.step(row)) == fingerprint(restored.step(row)) == fingerprint(without.step(row))
    assert min(venv.state()["consoles"]["log"]["counts"]) > max(counts)


def test_a_console_that_is_due_begins_with_its_next_seed() -> None:
    """Games of 100 agent steps; due after 100 agent steps since the last seed, and so with every game, or after 101."""
    rules = AtariRules(max_frames_per_game=400)
    with_every_game, with_every_second = (AleVecEnv("breakout", 1, rules, seed=4, reseed_after=n) for n in (100, 101))
    actions = actions_for(with_every_game, 400)
    fresh = make_emulators("breakout", 1, rules, frame_stack=4, num_threads=0)
    for venv, games_per_seed in ((with_every_game, 1), (with_every_second, 2)):
        venv.reset()
        games = 0
        for row in actions:
            obs, _, _, infos = venv.step(row)
            if "episode" not in infos[0]:
                continue
            games += 1
            begins_with_seed = games % games_per_seed == 0
            expected, expected_infos = fresh.reset(seed=np.array([nth_seed(4, 0, max(1, games // games_per_seed))]))
            assert np.array_equal(obs, expected) == begins_with_seed
            assert infos[0]["lives"] == expected_infos["lives"][0] == 5
            assert infos[0]["terminal_observation"].any()
        assert games == 4


def test_a_seed_that_waits_for_the_next_reset_is_saved() -> None:
    venv, restored = make("breakout", n_envs=2), make("breakout", n_envs=2, seed=8)
    venv.reset()
    venv.seed(6)
    restored.load_state(venv.state())
    other = make("breakout", n_envs=2, seed=6).reset()
    np.testing.assert_array_equal(restored.reset(), other)
    np.testing.assert_array_equal(venv.reset(), other)
    assert not np.array_equal(venv.reset(), other)


def test_there_is_no_state_before_a_reset_within_a_step_or_after_the_end() -> None:
    venv = make("pong", n_envs=1)
    with pytest.raises(RuntimeError, match="reset"):
        venv.state()
    venv.reset()
    venv.step_async(np.zeros(1, dtype=np.int64))
    with pytest.raises(RuntimeError, match="step_wait"):
        venv.state()
    venv.step_wait()
    assert venv.state()["agent_steps"] == [1]
    venv.close()
    with pytest.raises(RuntimeError, match="reset"):
        venv.state()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"game": "pong"}, "game was 'breakout' and is 'pong'"),
        ({"n_envs": 1}, "n_envs was 2 and is 1"),
        ({"frame_stack": 3}, "frame_stack was 4 and is 3"),
        ({"reseed_after": 151}, "reseed_after was 150 and is 151"),
        ({"rules": CUT_SHORT}, "max_frames_per_game was 108000 and is 1000$"),
    ],
)
def test_states_of_other_environments_are_refused(changes: dict[str, Any], complaint: str) -> None:
    venv = make("breakout", n_envs=2)
    venv.reset()
    with pytest.raises(ValueError, match=complaint) as raised:
        make(**{"game": "breakout", "n_envs": 2, **changes}).load_state(venv.state())
    assert "\n" not in str(raised.value)


def test_consoles_that_do_not_come_back_are_refused() -> None:
    venv = make("breakout", n_envs=2)
    venv.reset()
    go_on(venv, actions_for(venv, 80))
    for change in ("actions", "seeds"):
        state = venv.state()
        log = state["consoles"]["log"]
        if change == "actions":
            log["actions"][40, 1] = (log["actions"][40, 1] + 1) % 4
        else:
            log["seeds"][0] += 1
        restored = make("breakout", n_envs=2)
        with pytest.raises(ValueError, match="do not show what they showed") as raised:
            restored.load_state(state)
        assert "\n" not in str(raised.value)
        with pytest.raises(RuntimeError, match="reset"):
            restored.step(np.zeros(2, dtype=np.int64))


def test_reseed_after_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="reseed_after must be at least 1 agent step, not 0"):
        make("pong", reseed_after=0)
