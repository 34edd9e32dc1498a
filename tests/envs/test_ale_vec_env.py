"""AleVecEnv's promises one by one, and what happens when its user breaks the rules."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from stable_baselines3.common.atari_wrappers import WarpFrame
from stable_baselines3.common.monitor import Monitor

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.errors import UserError

FIRE = 1


def play(venv: AleVecEnv, agent_steps: int, seed_of_actions: int = 0) -> list[tuple[Any, ...]]:
    """Random play; console i gets the same actions however many consoles there are."""
    draws = [np.random.default_rng([seed_of_actions, i]) for i in range(venv.num_envs)]
    history: list[tuple[Any, ...]] = [(venv.reset(),)]
    for _ in range(agent_steps):
        actions = np.array([draw.integers(0, 4) for draw in draws])
        obs, rewards, dones, infos = venv.step(actions)
        lives = np.array([info["lives"] for info in infos])
        history.append((obs, rewards, dones, lives))
    return history


def same(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]], consoles: int) -> bool:
    return all(
        np.array_equal(a[:consoles], b[:consoles])
        for step, other_step in zip(one, other, strict=True)
        for a, b in zip(step, other_step, strict=True)
    )


def test_spaces_and_first_observation() -> None:
    venv = AleVecEnv("space_invaders", 3, AtariRules(screen_size=64), frame_stack=2, seed=0)
    assert venv.observation_space.shape == (2, 64, 64)
    obs = venv.reset()
    assert obs.shape == (3, 2, 64, 64)
    assert obs.dtype == np.uint8
    assert not obs[:, 0].any()
    assert obs[:, 1].any()
    assert [info["lives"] for info in venv.reset_infos] == [3, 3, 3]
    assert venv.get_action_meanings() == ["NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE"]
    _, rewards, dones, infos = venv.step(np.zeros(3, dtype=np.int64))
    assert rewards.dtype == np.float32
    assert dones.dtype == np.bool_
    assert infos == [{"lives": 3}] * 3
    venv.close()


def test_a_lost_life_ends_the_episode_but_not_the_game_and_blanks_the_older_frames() -> None:
    venv = AleVecEnv("breakout", 1, seed=0)
    venv.reset()
    lives, losses, age = 5, 0, 1
    for t in range(600):
        obs, _, dones, infos = venv.step(np.array([FIRE if t % 10 == 0 else 0]))
        age = min(age + 1, 4)
        if "episode" in infos[0]:
            break
        if dones[0]:
            losses += 1
            lives -= 1
            terminal = infos[0]["terminal_observation"]
            assert terminal[-1].any()
            np.testing.assert_array_equal(terminal[-1], obs[0, -1])
            assert infos[0]["TimeLimit.truncated"] is False
            age = 1
        assert infos[0]["lives"] == lives
        assert [bool(frame.any()) for frame in obs[0]] == [False] * (4 - age) + [True] * age
    assert losses == 4
    assert dones[0]
    assert infos[0]["lives"] == 5
    assert [bool(frame.any()) for frame in obs[0]] == [False, False, False, True]
    venv.close()


class ScriptedEmulator:
    """Numbers its frames; loses a life at frame 10, and at `second` another one, or the game. No game is that fast."""

    def __init__(self, second: int, ends_game: bool, lives: int = 3) -> None:
        self.second = second
        self.lives = lives
        self.ends_game = ends_game
        self.frame = 7

    def send(self, _: npt.NDArray[np.int64]) -> None:
        self.frame += 1

    def recv(self) -> tuple[Any, ...]:
        over = np.array([self.ends_game and self.frame == self.second])
        begun = self.second if self.ends_game and self.frame >= self.second else 0
        infos: dict[str, npt.NDArray[Any]] = {
            "lives": np.array([self.lives - (self.frame >= 10) - (self.frame >= self.second)], dtype=np.int32)
        }
        if over[0]:
            infos["final_obs"] = self._stacks(begun=0)
        return self._stacks(begun), np.zeros(1, dtype=np.int32), over, np.zeros(1, dtype=bool), infos

    def _stacks(self, begun: int) -> npt.NDArray[np.uint8]:
        numbers = np.array(frames_since(begun, self.frame), dtype=np.uint8)
        return np.broadcast_to(numbers[None, :, None, None], (1, 4, 84, 84)).copy()


def frames_since(begun: int, newest: int) -> list[int]:
    return [frame if frame >= begun else 0 for frame in range(newest - 3, newest + 1)]


@pytest.mark.parametrize("ends_game", [False, True])
@pytest.mark.parametrize("gap", [1, 2, 3, 4])
def test_an_episode_that_ends_within_one_stack_shows_nothing_of_the_life_before(gap: int, ends_game: bool) -> None:
    venv = AleVecEnv("pong", 1, seed=0)
    venv.reset()
    venv._lives[:] = 3
    second = 10 + gap
    venv._consoles.emulators = ScriptedEmulator(second, ends_game)  # type: ignore[assignment]
    for frame in range(8, second + 6):
        obs, _, dones, infos = venv.step(np.zeros(1, dtype=np.int64))
        begun = 0 if frame < 10 else 10 if frame < second else second
        assert obs[0, :, 0, 0].tolist() == frames_since(begun, frame)
        assert dones[0] == (frame in (10, second))
        assert ("episode" in infos[0]) == (ends_game and frame == second)
        if frame == second:
            assert infos[0]["terminal_observation"][:, 0, 0].tolist() == frames_since(10, frame)


def test_the_last_life_is_no_episodes_end_before_the_game_is_over() -> None:
    """Some games show 0 lives for a while before they end; SB3's EpisodicLifeEnv waits for the end too."""
    venv = AleVecEnv("pong", 1, seed=0)
    venv.reset()
    venv._lives[:] = 1
    venv._consoles.emulators = ScriptedEmulator(second=14, ends_game=True, lives=1)  # type: ignore[assignment]
    dones = [bool(venv.step(np.zeros(1, dtype=np.int64))[2][0]) for _ in range(8, 15)]
    assert dones == [False] * 6 + [True]


def test_observations_are_the_callers_to_keep() -> None:
    venv = AleVecEnv("pong", 1, seed=0)
    kept = [venv.reset()]
    copies = [kept[0].copy()]
    for _ in range(20):
        obs, _, _, infos = venv.step(np.zeros(1, dtype=np.int64))
        infos[0]["written by a callback"] = True
        kept.append(obs)
        copies.append(obs.copy())
    np.testing.assert_array_equal(kept, copies)
    assert venv.step(np.zeros(1, dtype=np.int64))[3] == [{"lives": 0}]
    venv.close()


def test_equal_seeds_play_alike_whatever_the_threads_and_the_number_of_consoles() -> None:
    rules = AtariRules(repeat_action_probability=0.25)
    three = play(AleVecEnv("breakout", 3, rules, seed=5, num_threads=1), 200)
    assert any((step[3] == 5).any() and step[2].any() for step in three[1:])  # past the start of a second game
    assert same(three, play(AleVecEnv("breakout", 3, rules, seed=5, num_threads=2), 200), 3)
    assert same(three, play(AleVecEnv("breakout", 1, rules, seed=5), 200), 1)
    assert not same(three, play(AleVecEnv("breakout", 1, rules, seed=6), 200), 1)


def test_seed_before_reset_and_a_later_reset_that_goes_on() -> None:
    venv, other = AleVecEnv("breakout", 2, seed=1), AleVecEnv("breakout", 2, seed=2)
    first = play(venv, 40)
    second = play(venv, 40)
    assert not same(first, second, 2)
    assert venv.seed(2) == other.seed(2)
    assert same(play(venv, 40), play(other, 40), 2)
    assert same(play(venv, 40), play(other, 40), 2)
    assert AleVecEnv("breakout", 2).seed() != AleVecEnv("breakout", 2).seed()
    consoles = [int(seed or 0) for seed in AleVecEnv("pong", 3).seed(9)]
    assert len(set(consoles)) == 3
    assert all(0 <= seed < 2**31 - 1 for seed in consoles)


@pytest.mark.parametrize(
    ("noop_max", "fire", "frames"), [(0, False, {0}), (3, False, {0, 1, 2, 3}), (3, True, {1, 2, 3})]
)
def test_a_game_starts_with_up_to_noop_max_frames_and_fire(noop_max: int, fire: bool, frames: set[int]) -> None:
    venv = AleVecEnv("breakout", 2, AtariRules(noop_max=noop_max, fire_on_reset=fire), seed=0)
    venv.reset()
    seen: set[int] = set()
    for _ in range(12):
        seen |= set(venv._consoles.emulators.reset()[1]["episode_frame_number"].tolist())
    assert seen == frames
    venv.close()


def test_work_between_step_async_and_step_wait() -> None:
    venv, other = AleVecEnv("pong", 2, seed=0), AleVecEnv("pong", 2, seed=0)
    venv.reset()
    other.reset()
    actions = np.array([2, 3])
    for _ in range(10):
        venv.step_async(actions)
        expected = other.step(actions)
        actions = actions[::-1].copy()
        np.testing.assert_array_equal(venv.step_wait()[0], expected[0])
    venv.step_async(actions)
    venv.seed(3)
    np.testing.assert_array_equal(venv.reset(), AleVecEnv("pong", 2, seed=3).reset())


@pytest.mark.parametrize(
    "actions", [np.array([0, 6]), np.array([-1, 0]), np.array([0]), np.array([[0], [0]]), np.array([0.0, 1.0])]
)
def test_wrong_actions_are_refused_before_the_emulator_sees_them(
    actions: npt.NDArray[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator would wait for ever on an action it does not have."""
    venv = AleVecEnv("pong", 2, seed=0)
    venv.reset()
    with monkeypatch.context() as patch:
        patch.setattr(venv._consoles.emulators, "send", lambda _: pytest.fail("the emulator was given wrong actions"))
        with pytest.raises(ValueError, match="actions"):
            venv.step_async(actions)
    venv.step(np.array([0, 5], dtype=np.int32))
    venv.close()


def test_calls_out_of_order_raise_instead_of_waiting_for_ever() -> None:
    venv = AleVecEnv("pong", 1, seed=0)
    actions = np.zeros(1, dtype=np.int64)
    with pytest.raises(RuntimeError, match="reset"):
        venv.step_async(actions)
    venv.reset()
    with pytest.raises(RuntimeError, match="step_async"):
        venv.step_wait()
    venv.step_async(actions)
    with pytest.raises(RuntimeError, match="step_wait"):
        venv.step_async(actions)
    venv.step_wait()
    venv.close()
    venv.close()
    with pytest.raises(RuntimeError, match="reset"):
        venv.step(actions)


def test_vec_env_questions() -> None:
    venv = AleVecEnv("pong", 2, seed=0)
    assert venv.env_is_wrapped(Monitor) == [True, True]
    assert venv.env_is_wrapped(WarpFrame, indices=[1]) == [False]
    assert venv.get_attr("game") == ["pong", "pong"]
    assert venv.get_attr("render_mode", indices=0) == [None]
    assert not venv.has_attr("no_such_attribute")
    assert venv.env_method("get_action_meanings", indices=1) == [venv.get_action_meanings()]
    with pytest.raises(NotImplementedError):
        venv.env_method("reset")
    with pytest.raises(NotImplementedError):
        venv.set_attr("game", "qbert")
    with pytest.raises(RuntimeError, match="rgb_array"):
        venv.get_images()
    venv.close()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"game": "combat"}, "unknown game 'combat'"),
        ({"game": "SpaceInvaders"}, "did you mean 'space_invaders'"),
        ({"n_envs": 0}, "n_envs"),
        ({"frame_stack": 0}, "frame_stack"),
        ({"render_mode": "human"}, "rgb_array"),
        ({"render_mode": "rgb_array_list", "n_envs": 2}, "rgb_array_list' is for 1 environment, not for 2"),
        ({"monitor_path": Path("games.csv")}, "monitor.csv"),
        ({"rules": AtariRules(noop_max=-1)}, "noop_max: must be at least 0, not -1"),
        ({"rules": AtariRules(repeat_action_probability=1.5)}, "repeat_action_probability: must be at most 1, not 1.5"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint) as raised:
        AleVecEnv(**{"game": "pong", "n_envs": 1, **arguments})
    assert "\n" not in str(raised.value)


def test_colour_screens_keep_in_step_with_the_agents_frames() -> None:
    """Space Invaders' gray frames are the same either way round, so the newest one is the screen made small."""
    import cv2

    rules = AtariRules(repeat_action_probability=0.25, max_frames_per_game=400)
    venv = AleVecEnv("space_invaders", 2, rules, seed=4, render_mode="rgb_array")

    def assert_in_step(obs: npt.NDArray[np.uint8]) -> None:
        for stack, screen in zip(obs, venv.get_images(), strict=True):
            assert screen.shape == (210, 160, 3)
            assert screen.dtype == np.uint8
            assert np.ptp(screen, axis=2).any()  # it has colours
            gray = cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY)
            np.testing.assert_array_equal(stack[-1], cv2.resize(gray, (84, 84), interpolation=cv2.INTER_AREA))

    ends = 0
    draw = np.random.default_rng(0)
    for _ in range(2):  # the second reset continues the random numbers of the first
        assert_in_step(venv.reset())
        for _ in range(110):
            obs, _, dones, _ = venv.step(draw.integers(0, 6, 2))
            ends += int(dones.sum())
            assert_in_step(obs)
    assert ends >= 4  # each console was cut at 100 steps, twice
    picture = venv.render("rgb_array")
    assert picture is not None
    assert picture.shape == (2 * 210, 160, 3)
    venv.close()


@pytest.mark.parametrize(("game", "sticky"), [("space_invaders", 0.25), ("breakout", 0.0)])
def test_every_frame_of_a_step_keeps_in_step_with_the_agents_frames(game: str, sticky: float) -> None:
    """The brighter of a step's last two frames, made gray, is what the agent sees; a game cut in a step shows fewer."""
    rules = AtariRules(repeat_action_probability=sticky, max_frames_per_game=402, terminal_on_life_loss=False)
    venv = AleVecEnv(game, 1, rules, seed=4, render_mode="rgb_array_list")
    draw, ends, flickered = np.random.default_rng(0), 0, 0
    venv.reset()
    for _ in range(230):
        obs, _, dones, _ = venv.step(draw.integers(0, 4, 1))
        screens = venv.screens_of_last_step()
        ends += int(dones[0])
        if dones[0]:
            assert len(screens) == 2  # 402 = 100 * 4 + 2
            continue
        assert len(screens) == 4
        np.testing.assert_array_equal(screens[-1], venv.get_images()[0])
        np.testing.assert_array_equal(as_the_agent_sees(screens[-2], screens[-1]), obs[0, -1])
        flickered += int((screens[-1] != screens[-2]).any())
    assert ends == 2
    assert flickered > 20
    venv.close()


def as_the_agent_sees(*screens: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    import cv2

    gray = [cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY) for screen in screens]
    return np.asarray(cv2.resize(np.maximum(*gray), (84, 84), interpolation=cv2.INTER_AREA))
