"""What the agent sees, against a slow console and pictures in plain numpy: pixel for pixel, for every choice."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from slow_console import SlowConsole
from slow_pictures import slow_picture

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.emulators.build import make_emulators
from dqn_zoo_ext.envs.emulators.pictured_emulators import PicturedEmulators
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.envs.screens.pictures import pictures_of

PLAIN: dict[str, Any] = {"noop_max": 0, "fire_on_reset": False}
B_2019: dict[str, Any] = {"subsample": 2, "colour": "mean", "screen_size": None, "stack_start": "repeat"}
CROP: dict[str, Any] = {"crop_rows": [31, 195], "crop_columns": [8, 152]}

CHOICES: dict[str, tuple[str, dict[str, Any]]] = {
    "A: 84 x 84 by area": ("space_invaders", {}),
    "A's mistake": ("space_invaders", {"colour": "luminance_int8"}),
    "B: 105 x 80": ("pong", {**B_2019, "max_pool": False, "end_frame": "blank"}),
    "B's, with lives": ("breakout", {**B_2019, "end_frame": "blank"}),
    "C: cropped": ("space_invaders", CROP),
    "cropped and halved": ("breakout", {**CROP, "subsample": 3, "screen_size": [50, 41], "stack_start": "repeat"}),
    "bilinear": ("ms_pacman", {"resize": "bilinear"}),
    "bilinear, cropped, not square": ("qbert", {**CROP, "resize": "bilinear", "screen_size": [60, 100]}),
    "nearest": ("seaquest", {"resize": "nearest", "screen_size": [90, 70]}),
    "in colour": ("breakout", {"colour": "rgb"}),
    "in colour, cropped": ("breakout", {**CROP, "colour": "rgb", "stack_start": "repeat", "end_frame": "blank"}),
    "in colour, bilinear": ("pong", {"colour": "rgb", "resize": "bilinear", "screen_size": [80, 60]}),
    "mean": ("seaquest", {"colour": "mean"}),
    "not square": ("breakout", {"screen_size": [60, 100]}),
    "not pooled": ("space_invaders", {"max_pool": False, "stack_start": "repeat"}),
    "whole": ("pong", {"screen_size": None}),
    "taller screens": ("carnival", {**CROP, "screen_size": [40, 50]}),
    "three frames, skipping one": ("breakout", {"frame_skip": 1, "colour": "mean", "screen_size": [21, 40]}),
}


def frames_seen(name: str, frame_stack: int, agent_steps: int) -> set[str]:
    """Plays `name` on both, and holds everything against everything; what happened on the way."""
    game, choices = CHOICES[name]
    rules = AtariRules(**PLAIN, max_frames_per_game=rules_cut(game), **choices)
    venv = AleVecEnv(game, 1, rules, frame_stack=frame_stack, seed=0)
    slow = SlowConsole(game, rules, int(venv.seed(0)[0] or 0), frame_stack)
    np.testing.assert_array_equal(venv.reset()[0], slow.reset())
    draw = np.random.default_rng(1)
    for t in range(agent_steps):
        action = int(draw.integers(0, len(slow.actions)))
        obs, rewards, dones, infos = venv.step(np.array([action]))
        expected = slow.step(action)
        np.testing.assert_array_equal(obs[0], expected.obs, err_msg=f"agent step {t}")
        assert (rewards[0], dones[0], infos[0]["lives"]) == (expected.reward, expected.done, expected.info["lives"])
        if expected.done:
            np.testing.assert_array_equal(infos[0]["terminal_observation"], expected.info["terminal_observation"])
            assert infos[0]["TimeLimit.truncated"] == expected.info["TimeLimit.truncated"]
    assert np.ptp(obs[0, -1]) > 0
    venv.close()
    return slow.seen


def rules_cut(game: str) -> int:
    return 108_000 if game == "breakout" else 242


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_equals_the_slow_console(name: str) -> None:
    lives = CHOICES[name][0] == "breakout"
    skip = CHOICES[name][1].get("frame_skip", 4)
    agent_steps = (320 if skip == 1 else 190) if lives else 90
    seen = frames_seen(name, frame_stack=3 if skip == 1 else 4, agent_steps=agent_steps)
    assert seen >= ({"life"} if skip == 1 else {"life", "over"} if lives else {"cut"})


def test_a_picture_by_hand() -> None:
    """Rows 0 to 209 of shade 0, 1, 2...: what is cut, left out, averaged and wrapped can be said in the head."""
    gray = np.repeat(np.arange(210, dtype=np.uint8)[:, None], 160, axis=1)[None]

    def column(**choices: Any) -> list[int]:
        shades: list[int] = pictures_of(gray, AtariRules(**choices))[0, 0, :, 0].tolist()
        return shades

    assert column(crop_rows=[100, 110], subsample=3, screen_size=None) == [100, 103, 106, 109]
    assert column(crop_rows=[100, 104], screen_size=(2, 80)) == [101, 103]  # 100.5 and 102.5, rounded half up
    assert column(crop_rows=[100, 104], resize="nearest", screen_size=(2, 80)) == [100, 102]
    assert column(crop_rows=[126, 130], screen_size=None, colour="luminance_int8") == [254, 255, 0, 1]
    coloured = np.broadcast_to(np.array([10, 20, 31], dtype=np.uint8), (1, 210, 160, 3))
    assert pictures_of(coloured, AtariRules(colour="mean", screen_size=None))[0, 0, 7, 9] == 20  # 20.33
    assert pictures_of(coloured, AtariRules(colour="rgb", screen_size=(50, 40)))[0, :, 7, 9].tolist() == [10, 20, 31]


@pytest.mark.parametrize("seed", range(20))
def test_random_rules_on_random_screens(seed: int) -> None:
    """Shapes and numbers that no game has."""
    rng = np.random.default_rng(seed)
    rows, columns = (sorted(rng.choice(of + 1, 2, replace=False).tolist()) for of in (210, 160))
    rules = AtariRules(
        crop_rows=(rows[0], max(rows[1], rows[0] + 40) if rows[0] <= 170 else 210),
        crop_columns=(columns[0], max(columns[1], columns[0] + 40) if columns[0] <= 120 else 160),
        subsample=int(rng.integers(1, 4)),
        colour=str(rng.choice(["luminance", "mean", "rgb", "luminance_int8"])),  # type: ignore[arg-type]
        resize=str(rng.choice(["area", "bilinear", "nearest"])),  # type: ignore[arg-type]
    )
    height, width = (-(-side // rules.subsample) for side in rules.kept)
    smaller = (int(rng.integers(1, height + 1)), int(rng.integers(1, width + 1)))
    rules = replace(rules, screen_size=smaller if height > 1 and width > 1 else None)
    planes = () if rules.colour.startswith("luminance") else (3,)
    screens = rng.integers(0, 256, (3, 210, 160, *planes), dtype=np.uint8)
    expected = np.stack([slow_picture(screen, rules) for screen in screens])
    assert expected.shape[1:] == rules.picture_shape
    np.testing.assert_array_equal(pictures_of(screens, rules), expected)


def test_the_emulators_alone_do_what_they_can() -> None:
    """The default is the same vector as ever, and so are other sizes and unpooled frames."""
    for choices in ({}, {"screen_size": [60, 100]}, {"max_pool": False}, {"end_frame": "blank"}, {"screen_size": None}):
        made = make_emulators("pong", 1, AtariRules(**choices), frame_stack=4, num_threads=1)
        assert not isinstance(made, PicturedEmulators)
    repeated = make_emulators("pong", 1, AtariRules(stack_start="repeat"), frame_stack=4, num_threads=1)
    assert isinstance(repeated, PicturedEmulators)
