"""AleVecEnv against slow twins: our plain-Python oracle, and SB3's own wrapper chain."""

from collections import Counter
from typing import Any

import ale_py
import cv2
import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from ale_oracle import AleOracle
from stable_baselines3.common.atari_wrappers import ClipRewardEnv, MaxAndSkipEnv, WarpFrame
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecFrameStack, VecTransposeImage

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.rules import AtariRules

gymnasium.register_envs(ale_py)

PLAIN = AtariRules(noop_max=0, fire_on_reset=False)
ON_GAME_OVER_ONLY = AtariRules(noop_max=0, fire_on_reset=False, terminal_on_life_loss=False)


def actions_for(venv: VecEnv, agent_steps: int) -> npt.NDArray[np.int64]:
    assert isinstance(venv.action_space, gymnasium.spaces.Discrete)
    return np.random.default_rng(3).integers(0, venv.action_space.n, (agent_steps, venv.num_envs))


@pytest.mark.parametrize(
    ("game", "rules", "agent_steps", "must_happen"),
    [
        ("breakout", PLAIN, 250, {"game over", "life lost"}),
        ("qbert", PLAIN, 200, {"life lost"}),
        ("pong", AtariRules(noop_max=0, fire_on_reset=False, max_frames_per_game=300), 200, {"truncated"}),
        (
            "seaquest",
            AtariRules(noop_max=0, fire_on_reset=False, repeat_action_probability=0.25, max_frames_per_game=1000),
            300,
            {"truncated", "life lost"},
        ),
        (
            "ms_pacman",
            AtariRules(noop_max=0, fire_on_reset=False, clip_reward=False, frame_skip=3, full_action_space=True),
            200,
            set(),
        ),
    ],
)
def test_equals_the_oracle(game: str, rules: AtariRules, agent_steps: int, must_happen: set[str]) -> None:
    venv = AleVecEnv(game, 2, rules)
    seeds = venv.seed(11)
    obs = venv.reset()
    assert None not in seeds
    oracles = [AleOracle(game, rules, seed) for seed in seeds if seed is not None]
    np.testing.assert_array_equal(obs, [oracle.reset() for oracle in oracles])
    happened: Counter[str] = Counter()
    for actions in actions_for(venv, agent_steps):
        obs, rewards, dones, infos = venv.step(actions)
        for i, oracle in enumerate(oracles):
            expected = oracle.step(int(actions[i]))
            np.testing.assert_array_equal(obs[i], expected.obs)
            assert rewards[i] == expected.reward
            assert dones[i] == expected.done
            terminal = expected.info.pop("terminal_observation", None)
            if terminal is None:
                assert "terminal_observation" not in infos[i]
            else:
                np.testing.assert_array_equal(infos[i].pop("terminal_observation"), terminal)
            if "episode" in infos[i]:
                assert infos[i]["episode"].pop("t") >= 0
                happened["truncated" if infos[i]["TimeLimit.truncated"] else "game over"] += 1
            elif dones[i]:
                happened["life lost"] += 1
            assert infos[i] == expected.info
    assert must_happen <= happened.keys()
    venv.close()


def sb3_chain(game_title: str, n_envs: int) -> VecEnv:
    """SB3's wrappers without the random and the pressing: no no-ops, no FIRE, no life loss."""

    def make() -> gymnasium.Env[np.ndarray, int]:
        env = gymnasium.make(f"{game_title}NoFrameskip-v4")
        return ClipRewardEnv(WarpFrame(MaxAndSkipEnv(env, 4)))

    return VecTransposeImage(VecFrameStack(DummyVecEnv([make] * n_envs), 4))


@pytest.mark.parametrize(
    ("game", "title", "share_of_pixels", "shades"),
    [
        ("breakout", "Breakout", 0.0, 0),
        ("space_invaders", "SpaceInvaders", 0.0, 0),
        ("pong", "Pong", 0.01, 40),
        ("seaquest", "Seaquest", 0.01, 40),
        ("qbert", "Qbert", 0.01, 40),
    ],
)
def test_equals_sb3s_chain_but_for_the_order_of_gray_and_brighter(
    game: str, title: str, share_of_pixels: float, shades: int
) -> None:
    ours, theirs = AleVecEnv(game, 1, ON_GAME_OVER_ONLY, seed=0), sb3_chain(title, 1)
    theirs.seed(0)
    pairs: list[tuple[npt.NDArray[Any], Any]] = [(ours.reset(), theirs.reset())]
    for actions in actions_for(ours, 300):
        obs, rewards, dones, infos = ours.step(actions)
        their_obs, their_rewards, their_dones, their_infos = theirs.step(actions)
        pairs.append((obs, their_obs))
        np.testing.assert_array_equal(rewards, their_rewards)
        np.testing.assert_array_equal(dones, their_dones)
        if dones[0]:  # the newest frame of a finished game is the emulator's affair; nothing learns from its value
            shown, theirs_shown = infos[0]["terminal_observation"], their_infos[0]["terminal_observation"]
            pairs.append((shown[:-1], theirs_shown[:-1]))
        else:
            assert infos[0]["lives"] == their_infos[0]["lives"]
    differences = np.concatenate([np.abs(a.astype(int) - b.astype(int)).ravel() for a, b in pairs])
    assert np.mean(differences > 0) <= share_of_pixels
    assert differences.max() <= shades
    ours.close()


@pytest.mark.parametrize(("game", "title"), [("pong", "Pong"), ("seaquest", "Seaquest")])
def test_the_colour_screens_made_gray_are_sb3s_frames_bit_for_bit(game: str, title: str) -> None:
    """So nothing but that order differs; and the colour twin keeps in step with the game, past its ends."""
    ours = AleVecEnv(game, 2, ON_GAME_OVER_ONLY, seed=0, render_mode="rgb_array")
    theirs = sb3_chain(title, 2)
    ours.reset()
    theirs.reset()
    for actions in actions_for(ours, 150):
        ours.step(actions)
        their_obs, *_ = theirs.step(actions)
        assert isinstance(their_obs, np.ndarray)
        for screen, their_stack in zip(ours.get_images(), their_obs, strict=True):
            gray = cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY)
            frame = cv2.resize(gray, (84, 84), interpolation=cv2.INTER_AREA)
            np.testing.assert_array_equal(frame, their_stack[-1])
    ours.close()
