"""Frames of three planes, and stacks that begin with their first frame repeated: through the ring against its twin."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_twin import Screens, Twin, empty, feed, histories, play
from test_frame_ring import assert_same

from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.envs.screens.stacking import Stacking
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.replay.prioritized_ring import PrioritizedRing
from dqn_zoo_ext.learning.replay.told_by_env import with_stacking

STACKINGS = [Stacking(3), Stacking(1, "repeat"), Stacking(3, "repeat")]
REPEATED = Stacking(3, "repeat")
History = tuple[int, int, int, int, list[list[str]]]


@settings(max_examples=400, deadline=None)
@given(histories(), st.sampled_from(STACKINGS))
def test_every_window_equals_the_twins(history: History, stacking: Stacking) -> None:
    assert_same(*play(*history, stacking))


@settings(max_examples=100, deadline=None)
@given(histories(), st.sampled_from(STACKINGS), st.integers(0, 2**31))
def test_stacks_for_acting_are_the_observations(history: History, stacking: Stacking, seed: int) -> None:
    """They are put together before their row is there."""
    n_envs, stack, n_steps, capacity, _ = history
    ring, screens = empty(n_envs, stack, n_steps, capacity, stacking), Screens(n_envs, stack, stacking)
    rng = np.random.default_rng(seed)
    for _ in range(3 * ring.rows):
        obs = screens.stacks
        if rng.random() < 0.7:
            assert np.array_equal(ring.stacks_of(ring.shown(obs)).numpy(), obs)
        done = rng.random(n_envs) < 0.3
        screens.show(done)
        ring.add(obs, screens.stacks, np.zeros(n_envs, int), np.zeros(n_envs), done, [{}] * n_envs)


@pytest.mark.parametrize("stacking", STACKINGS)
def test_saved_and_loaded_it_is_the_same_ring(stacking: Stacking) -> None:
    events = [["go", kind, "on"] for kind in ["on", "on", "end", "on", "cut"] * 8]
    ring, twin = play(2, 4, 2, 50, events, stacking)
    fresh = empty(2, 4, 2, 50, stacking)
    fresh.load_state(ring.state())
    assert_same(fresh, twin)
    with pytest.raises(ValueError, match="frames"):
        empty(2, 4, 2, 50, Stacking(2)).load_state(play(2, 4, 2, 50, events, Stacking(3))[0].state())


def fill(ring: FrameRing, screens: Screens, rows: int) -> None:
    for _ in range(rows):
        ring.add(screens.stacks, screens.stacks, np.zeros(1, int), np.zeros(1), np.zeros(1, bool), [{}])
        screens.show(np.zeros(1, bool))


def test_stacks_of_another_kind_are_refused() -> None:
    """Each ring finds out within its first rows that what it is given is stacked otherwise."""
    for told, given_ in ((Stacking(1), REPEATED), (Stacking(1), Stacking(3)), (Stacking(1, "repeat"), Stacking(1))):
        planes = 3 if given_.planes == 3 else 1
        space = spaces.Box(0, 255, (4 * planes, 2, 2), np.uint8)
        ring = FrameRing(50, space, spaces.Discrete(9), "cpu", 1, gamma=0.5, **told._asdict())
        screens = Screens(1, 4, given_)
        with pytest.raises(ValueError, match="FrameRing needs observations that stack consecutive frames"):
            fill(ring, screens, rows=6)
    with pytest.raises(ValueError, match="observations of 4 planes are no stack of frames of 3"):
        FrameRing(50, spaces.Box(0, 255, (4, 2, 2), np.uint8), spaces.Discrete(9), "cpu", 1, planes=3)


@pytest.mark.parametrize("ring_class", [FrameRing, PrioritizedRing])
@pytest.mark.parametrize(("shape", "planes"), [((12, 84, 84), 3), ((4, 105, 80), 1), ((3, 84, 84), 3)])
def test_bytes_needed_are_those_it_takes(ring_class: type[FrameRing], shape: tuple[int, ...], planes: int) -> None:
    space = spaces.Box(0, 255, shape, np.uint8)
    ring = ring_class(2_000, space, spaces.Discrete(6), "cpu", 8, n_steps=3, planes=planes)
    assert ring.frames.nbytes == (2_000 + 1) * planes * shape[1] * shape[2]
    arrays = [ring.frames, ring.actions_taken, ring.rewards_received, ring.ends, ring.cuts, ring.ages]
    least = sum(array.nbytes for array in arrays)
    assert ring_class.bytes_needed(2_000, space, 8, 3, planes=planes) >= least
    if ring_class is FrameRing:
        assert ring_class.bytes_needed(2_000, space, 8, 3, planes=planes) == least


def test_a_million_frames_of_105_by_80_take_8_point_4_gigabytes_of_pixels() -> None:
    with torch.device("meta"):
        ring = FrameRing(1_000_000, spaces.Box(0, 255, (4, 105, 80), np.uint8), spaces.Discrete(6), "cpu", 8)
    assert ring.frames.nbytes == 8_400 * (1_000_000 + 1)


@pytest.mark.parametrize(
    "choices",
    [
        {"colour": "rgb", "screen_size": [60, 50]},
        {"subsample": 4, "screen_size": None, "colour": "mean", "stack_start": "repeat", "end_frame": "blank"},
        {"colour": "rgb", "screen_size": 40, "stack_start": "repeat", "skip_after_life_loss": 12},
    ],
)
def test_what_real_games_showed_comes_out_again(choices: dict[str, Any]) -> None:
    """Through lost lives, ends and time limits; acting and drawing both see what the environments showed."""
    venv = AleVecEnv("breakout", 2, AtariRules(max_frames_per_game=500, **choices), seed=0)
    keywords = with_stacking({}, venv)
    ring = FrameRing(1_000, venv.observation_space, venv.action_space, "cpu", 2, **keywords)
    rng, shown, kinds = np.random.default_rng(0), [venv.reset()], set()
    for _ in range(400):
        np.testing.assert_array_equal(ring.stacks_of(ring.shown(shown[-1])).numpy(), shown[-1])
        obs, rewards, dones, infos = venv.step(rng.integers(0, 4, 2))
        ring.add(shown[-1], obs, np.zeros(2, int), rewards, dones, infos)
        shown.append(obs)
        kinds |= {(info.get("TimeLimit.truncated"), "episode" in info) for info in infos}
    assert kinds >= {(None, False), (False, False), (True, True)}
    cells = torch.arange(0, ring.rows_added * 2)
    np.testing.assert_array_equal(ring._observations(cells).numpy(), np.concatenate(shown[:-1]))
    venv.close()


def test_a_model_tells_its_ring_and_one_that_is_loaded_does_so_again(tmp_path: Path) -> None:
    def made(**choices: Any) -> AleVecEnv:
        return AleVecEnv("pong", 2, AtariRules(screen_size=40, **choices), seed=0)

    arguments: dict[str, Any] = {"buffer_size": 100, "learning_starts": 20, "batch_size": 4, "device": "cpu"}
    model = DQN("CnnPolicy", made(colour="rgb", stack_start="repeat"), replay_buffer_class="frame_ring", **arguments)
    model.learn(60)
    assert isinstance(model.replay_buffer, FrameRing)
    assert (model.replay_buffer.planes, model.replay_buffer.stack_start) == (3, "repeat")
    assert model.replay_buffer.frames.shape == (101, 3 * 40 * 40)
    model.save(tmp_path / "agent.zip")
    model.save_replay_buffer(tmp_path / "replay.pkl")
    obs = made(colour="rgb", stack_start="repeat").reset()
    for env in (made(colour="rgb", stack_start="repeat"), None):
        loaded = DQN.load(tmp_path / "agent.zip", env=env, device="cpu")
        assert isinstance(loaded.replay_buffer, FrameRing)
        assert (loaded.replay_buffer.planes, loaded.replay_buffer.stack_start) == (3, "repeat")
        assert np.array_equal(loaded.predict(obs, deterministic=True)[0], model.predict(obs, deterministic=True)[0])
    loaded.load_replay_buffer(tmp_path / "replay.pkl")
    assert isinstance(loaded.replay_buffer, FrameRing)
    assert torch.equal(loaded.replay_buffer.frames, model.replay_buffer.frames)
    assert with_stacking(loaded.replay_buffer_kwargs, made()).keys().isdisjoint(Stacking._fields)


def test_feeding_goes_on_after_a_wrap() -> None:
    ring, twin = empty(1, 3, 1, 6, REPEATED), Twin(1, 1)
    events = [["go", "end" if row % 4 == 3 else "on"] for row in range(30)]
    for _ in feed(ring, twin, events):
        assert_same(ring, twin)
