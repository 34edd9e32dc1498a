from collections.abc import Iterator

import numpy as np
import pytest
from stable_baselines3 import DQN

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.envs.screens.stacking import stacking_of
from dqn_zoo_ext.evaluation.protocols import get
from dqn_zoo_ext.evaluation.screens import Picture
from dqn_zoo_ext.evaluation.watch import Learned, Moment, watch
from dqn_zoo_ext.report.film import VIEWS, filmed, sees_screens, side_by_side
from dqn_zoo_ext.report.pictures import whole_stack

AS_PLAYED = Learned(gamma=0.99, rewards=(), life_loss_ends=False)
STEPS = 6


@pytest.fixture(scope="module")
def model() -> DQN:
    return DQN("CnnPolicy", AleVecEnv("pong", 1, seed=0), buffer_size=10, seed=0)


def moments(model: DQN) -> Iterator[Moment]:
    venv = AleVecEnv("pong", 1, seed=0, render_mode="rgb_array_list")
    return watch(model.policy, venv, get("greedy"), 0, AS_PLAYED, STEPS)


def test_each_view_has_pictures_of_one_size(model: DQN) -> None:
    seen = {view: list(filmed(moments(model), model.policy, view)) for view in VIEWS}
    assert {view: len(pictures) for view, pictures in seen.items()} == {
        "screen": 4 * STEPS,
        "network": STEPS,
        "attention": 4 * STEPS,
    }
    assert {view: {picture.shape for picture in pictures} for view, pictures in seen.items()} == {
        "screen": {(210, 160, 3)},
        "network": {(84, 4 * 84 + 3, 3)},
        "attention": {(420, 320 + 8 + 420, 3)},
    }
    np.testing.assert_array_equal(seen["network"][3], whole_stack(list(moments(model))[3].observation))
    # left of the gap the screen, two pixels for one; right of it something glows
    np.testing.assert_array_equal(seen["attention"][5][::2, :320:2], seen["screen"][5])
    right = seen["attention"][5][:, 328:].astype(int)
    assert (right[:, :, 0] - right[:, :, 2]).max() > 100


def test_frames_in_colour_are_shown_in_colour() -> None:
    rules = AtariRules(colour="rgb", screen_size=(105, 80))
    model = DQN("CnnPolicy", AleVecEnv("pong", 1, rules, seed=0), buffer_size=10, seed=0)
    venv = AleVecEnv("pong", 1, rules, seed=0, render_mode="rgb_array")
    shown = list(watch(model.policy, venv, get("greedy"), 0, AS_PLAYED, STEPS))
    planes = stacking_of(venv).planes
    network = list(filmed(shown, model.policy, "network", planes))
    assert network[3].shape == (105, 4 * 80 + 3, 3)
    np.testing.assert_array_equal(network[3][:, -80:], np.moveaxis(shown[3].observation[-3:], 0, 2))
    np.testing.assert_array_equal(network[3][:, :80], np.moveaxis(shown[3].observation[:3], 0, 2))
    attention = list(filmed(shown, model.policy, "attention", planes))
    assert attention[3].shape == (420, 320 + 8 + 320, 3)


def test_what_sees_screens(model: DQN) -> None:
    assert sees_screens(model.policy)
    assert not sees_screens(DQN("MlpPolicy", "CartPole-v1", buffer_size=10).policy)


def test_of_a_film_that_has_ended_the_last_picture_stays() -> None:
    def plain(*shades: int) -> list[Picture]:
        return [np.full((2, 2, 3), shade, np.uint8) for shade in shades]

    together = list(side_by_side([plain(1, 2, 3), plain(9)]))
    assert [(int(each[0, 0, 0]), int(each[0, -1, 0])) for each in together] == [(1, 9), (2, 9), (3, 9)]
