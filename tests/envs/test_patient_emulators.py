"""Waiting after a lost life, against one console in a slow loop; and what else such environments must be able to do."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from going_on import fingerprint, go_on

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.rules import AtariRules, EvaluationRules
from dqn_zoo_ext.errors import UserError

sys.path.insert(0, str(Path(__file__).parent / "screens"))
from slow_console import SlowConsole

PLAIN: dict[str, Any] = {"noop_max": 0, "fire_on_reset": False}
SMALL: dict[str, Any] = {"screen_size": [30, 20], "resize": "nearest", "stack_start": "repeat"}


@pytest.mark.parametrize(
    ("game", "choices", "agent_steps", "must_happen"),
    [
        ("breakout", {"skip_after_life_loss": 30}, 200, {"life", "over"}),
        ("breakout", {**SMALL, "skip_after_life_loss": 5, "colour": "rgb", "frame_skip": 3}, 200, {"life"}),
        ("breakout", {**SMALL, "skip_after_life_loss": 30, "max_frames_per_game": 330}, 200, {"cut"}),
        ("road_runner", {**SMALL, "skip_after_life_loss": 40}, 350, {"over", "over while waiting"}),
        (
            "asterix",
            {**SMALL, "skip_after_life_loss": 121, "clip_reward": False, "terminal_on_life_loss": False},
            120,
            {"earned while waiting"},
        ),
    ],
)
def test_equals_the_slow_console(game: str, choices: dict[str, Any], agent_steps: int, must_happen: set[str]) -> None:
    """Each of two consoles, with a seed and actions of its own."""
    rules = AtariRules(**PLAIN, **choices)
    venv = AleVecEnv(game, 2, rules, seed=0)
    slow = [SlowConsole(game, rules, int(seed or 0)) for seed in venv.seed(0)]
    np.testing.assert_array_equal(venv.reset(), np.stack([console.reset() for console in slow]))
    draw = np.random.default_rng(0)
    for t in range(agent_steps):
        actions = draw.integers(0, len(slow[0].actions), 2)
        obs, rewards, dones, infos = venv.step(actions)
        for i, console in enumerate(slow):
            expected = console.step(int(actions[i]))
            np.testing.assert_array_equal(obs[i], expected.obs, err_msg=f"console {i}, agent step {t}")
            assert (rewards[i], dones[i], infos[i]["lives"]) == (expected.reward, expected.done, expected.info["lives"])
            if expected.done:
                shown = infos[i]["terminal_observation"]
                np.testing.assert_array_equal(shown, expected.info["terminal_observation"])
                assert infos[i]["TimeLimit.truncated"] == expected.info["TimeLimit.truncated"]
    assert slow[0].seen | slow[1].seen >= must_happen
    venv.close()


CHOICES: dict[str, dict[str, Any]] = {
    "waiting": {"skip_after_life_loss": 20},
    "105 x 80": {"subsample": 2, "colour": "mean", "screen_size": None, "stack_start": "repeat", "end_frame": "blank"},
    "in colour": {"colour": "rgb", "screen_size": [60, 50]},
    "all at once": {
        "crop_rows": [30, 200],
        "colour": "rgb",
        "screen_size": 40,
        "resize": "bilinear",
        "stack_start": "repeat",
        "skip_after_life_loss": 9,
    },
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_restored_vector_goes_on_as_the_one_that_never_stopped(name: str) -> None:
    """With sticky actions, no-ops and FIRE, new seeds, and saved where a stack is still young."""

    def made(seed: int) -> AleVecEnv:
        rules = AtariRules(repeat_action_probability=0.25, **CHOICES[name])
        return AleVecEnv("breakout", 2, rules, seed=seed, reseed_after=60)

    venv, other = made(1), made(1)
    actions = np.random.default_rng(0).integers(0, 4, (180, 2))
    np.testing.assert_array_equal(venv.reset(), other.reset())
    played, states = [], dict[int, dict[str, Any]]()
    for t, row in enumerate(actions):
        played.append(fingerprint(venv.step(row)))
        state = venv.state()
        if t == 120 or (len(states) < 1 and any(0 < each < 3 for each in state["frames_before_episode"])):
            states[t + 1] = state
    assert max(state["consoles"]["log"]["counts"]) >= 2  # seeded anew on the way
    assert go_on(other, actions) == played  # the same seed, the same bytes
    assert len(states) == 2
    for t, state in states.items():
        restored = made(9)
        restored.load_state(state)
        assert go_on(restored, actions[t : t + 60]) == played[t : t + 60]


def test_a_state_from_before_a_rule_existed_means_its_default() -> None:
    venv, restored = AleVecEnv("pong", 1, seed=1), AleVecEnv("pong", 1, seed=2)
    venv.reset()
    venv.step(np.array([2]))
    state = venv.state()
    new = ["crop_rows", "crop_columns", "subsample", "colour", "resize", "max_pool", "stack_start", "end_frame"]
    for name in [*new, "skip_after_life_loss"]:
        del state["constructed_with"][name]
    restored.load_state(state)
    np.testing.assert_array_equal(restored.step(np.array([3]))[0], venv.step(np.array([3]))[0])
    repeated = AleVecEnv("pong", 1, AtariRules(stack_start="repeat", crop_rows=(0, 200)), seed=2)
    with pytest.raises(ValueError, match=r"crop_rows was None and is \[0, 200\], stack_start was 'zeros'"):
        repeated.load_state(state)


def test_evaluations_do_not_wait() -> None:
    rules = AtariRules(skip_after_life_loss=30, colour="rgb").for_evaluation(
        EvaluationRules(noop_max=30, max_frames_per_game=1000)
    )
    assert (rules.skip_after_life_loss, rules.colour) == (0, "rgb")


def test_pictures_keep_in_step_with_consoles_that_wait() -> None:
    rules = AtariRules(skip_after_life_loss=30, screen_size=None, colour="rgb", max_frames_per_game=600)
    venv = AleVecEnv("breakout", 2, rules, seed=1, render_mode="rgb_array")
    venv.reset()
    rng, lost = np.random.default_rng(1), 0
    for _ in range(150):
        obs, _, dones, _ = venv.step(rng.integers(0, 4, 2))
        lost += int(dones.sum())
        for stack, screen in zip(obs, venv.get_images(), strict=True):
            np.testing.assert_array_equal(stack[-3:], np.moveaxis(screen, 2, 0))
    assert lost > 4
    with pytest.raises(UserError, match="rgb_array_list' cannot show skip_after_life_loss"):
        AleVecEnv("breakout", 1, rules, render_mode="rgb_array_list")
