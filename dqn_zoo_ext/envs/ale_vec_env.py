"""Stable-Baselines3's VecEnv over ale-py's C++ emulators."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from dqn_zoo_ext.envs.colour_twin import ColourTwin
from dqn_zoo_ext.envs.emulators import emulator_seeds, make_emulators
from dqn_zoo_ext.envs.game_log import GameLog
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import Place, check_arguments

Info = dict[str, Any]
AleStep = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.bool_], list[Info]]


class AleVecEnv(VecEnv):
    """`n_envs` consoles playing one Atari game, stepped together by threads in C++.

    Observations: (n_envs, frame_stack, screen_size, screen_size) uint8, oldest frame first, zeros before the first
    frame of an episode; the array is the caller's to keep. The same contract as SB3's ``make_atari_env`` with
    ``VecFrameStack`` and ``VecTransposeImage``, with these differences, which `tests/envs` measure:

    * The frames are made gray before the brighter of two is taken, not after (a few pixels by a few shades).
    * After a lost life the game just goes on: no no-op, no FIRE, and the next stack starts with the frame on which the
      life was lost.
    * ``info["episode"]["l"]`` counts agent steps, not frames.
    * air_raid's gray is wrong in ale-py (odd palette entries); the preprocessing ``sb3_atari`` shows it rightly.

    Infos: ``lives`` always, of the game that the observation shows; where ``done``, ``terminal_observation`` and
    ``TimeLimit.truncated``; where a game is over, not merely a life lost, ``episode`` with its raw score.

    Between ``step_async`` and ``step_wait`` the emulators work while the caller is free to do something else.

    game: a ROM name, e.g. ``space_invaders``. rules.repeat_action_probability None means 0 here.
    seed: see ``seed``. num_threads: 0 leaves the choice to ale-py (one per console, at most one per core).
    monitor_path: one csv file for the games of all consoles, readable by SB3's ``load_results``.
    render_mode: ``rgb_array`` makes ``get_images`` and ``render`` work, at twice the emulation.
    """

    def __init__(
        self,
        game: str,
        n_envs: int,
        rules: AtariRules | None = None,
        *,
        frame_stack: int = 4,
        seed: int | None = None,
        num_threads: int = 0,
        monitor_path: Path | None = None,
        render_mode: str | None = None,
    ) -> None:
        if n_envs < 1 or frame_stack < 1:
            raise UserError(f"n_envs and frame_stack must be at least 1, not {n_envs} and {frame_stack}")
        if render_mode not in (None, "rgb_array"):
            raise UserError(f"render_mode '{render_mode}' is not available for Atari; choose 'rgb_array' or none")
        self.game = game
        given = vars(rules or AtariRules())
        self.rules = AtariRules(**check_arguments(f"the rules of '{game}'", AtariRules, given, Place("rules")))
        self.render_mode = render_mode
        self._emulators = make_emulators(game, n_envs, self.rules, frame_stack=frame_stack, num_threads=num_threads)
        self._twin = ColourTwin(game, n_envs, self.rules, num_threads=num_threads) if render_mode else None
        self._n_actions = len(self._emulators.ale.get_action_set())
        self._log = GameLog(monitor_path, game)
        self._is_reset = False
        self._is_stepping = False
        self._lives = np.zeros(n_envs, dtype=np.int32)
        self._scores = np.zeros(n_envs, dtype=np.int64)
        self._agent_steps = np.zeros(n_envs, dtype=np.int64)
        self._frames_before_episode: dict[int, int] = {}
        """Console -> how many of the oldest frames in its stack belong to the life before."""
        super().__init__(n_envs, self._emulators.single_observation_space, self._emulators.single_action_space)
        self.seed(seed)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Set what the next ``reset`` seeds the consoles with; returns their seeds.

        The first reset uses the seed given here; later resets, and the games that begin by themselves, continue its
        random numbers. None draws one from the operating system: consoles are never left unseeded, because unseeded
        ones draw the same sticky actions.
        """
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        self._seeds = emulator_seeds(seed, self.num_envs).tolist()
        return self._seeds

    def reset(self) -> npt.NDArray[np.uint8]:
        """Begin a new game in every console. Seeded, it takes 0.1 s a console (the ROM is loaded anew)."""
        if self._is_stepping:
            self.step_wait()
        seeds = None if self._seeds[0] is None else np.array(self._seeds, dtype=np.int64)
        self._reset_seeds()
        stacks: npt.NDArray[np.uint8]
        stacks, emulator_infos = self._emulators.reset(seed=seeds)
        if self._twin is not None:
            self._twin.reset(seeds)
        self._lives = emulator_infos["lives"]
        self._scores[:] = 0
        self._agent_steps[:] = 0
        self._frames_before_episode.clear()
        self.reset_infos = [{"lives": lives} for lives in self._lives.tolist()]
        self._is_reset = True
        return stacks

    def step(self, actions: npt.NDArray[Any]) -> AleStep:
        """``step_async`` and ``step_wait`` in one."""
        self.step_async(actions)
        return self.step_wait()

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Start a step in every console. actions: (n_envs,) integers.

        ValueError for actions that the game does not have: the emulator would wait for ever.
        """
        if not self._is_reset or self._is_stepping:
            raise RuntimeError("step_async() needs a reset() before it, and a step_wait() after the last step_async()")
        checked = self._checked(np.asarray(actions))
        self._emulators.send(checked)
        if self._twin is not None:
            self._twin.send(checked)
        self._is_stepping = True

    def step_wait(self) -> AleStep:
        """Finish the step: observations, rewards, dones (games over and lives lost), infos."""
        if not self._is_stepping:
            raise RuntimeError("step_wait() needs a step_async() before it")
        stacks, raw_rewards, terminated, truncated, emulator_infos = self._emulators.recv()
        self._is_stepping = False
        if self._twin is not None:
            self._twin.recv()
        self._scores += raw_rewards
        self._agent_steps += 1
        lives = emulator_infos["lives"]
        infos: list[Info] = [{"lives": count} for count in lives.tolist()]
        over = terminated | truncated
        done = over
        if self._frames_before_episode:
            self._blank_frames_before_episode(stacks, emulator_infos.get("final_obs"), over)
        if self.rules.terminal_on_life_loss:
            lost_life = (lives > 0) & (lives < self._lives) & ~over
            done = over | lost_life
            for i in np.flatnonzero(lost_life).tolist():
                self._begin_next_life(i, stacks, infos[i])
        for i in np.flatnonzero(over).tolist():
            infos[i]["terminal_observation"] = emulator_infos["final_obs"][i].copy()
            infos[i]["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
            infos[i]["episode"] = self._finish_game(i)
        self._lives = lives
        rewards = np.sign(raw_rewards) if self.rules.clip_reward else raw_rewards
        return stacks, rewards.astype(np.float32), done, infos

    def close(self) -> None:
        """Close the log and let the emulators go; their threads end with the last reference to them."""
        self._log.close()
        self._is_reset = self._is_stepping = False
        self._twin = None
        if hasattr(self, "_emulators"):
            del self._emulators

    def get_images(self) -> Sequence[npt.NDArray[np.uint8]]:
        """What each console shows, in colour: (210, 160, 3) uint8. Only with ``render_mode="rgb_array"``."""
        if self._twin is None:
            raise RuntimeError("there are pictures only if AleVecEnv is made with render_mode='rgb_array'")
        return self._twin.screens()

    def get_action_meanings(self) -> list[str]:
        """The names of the actions, in the order of their numbers."""
        return [action.name for action in self._emulators.ale.get_action_set()]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """True for Monitor: as if it were there, infos tell of whole games with raw scores. False for all others."""
        return [issubclass(wrapper_class, Monitor) for _ in self._get_indices(indices)]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute of this object, once for each console asked for: they are all alike."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Refused: consoles are no Python objects."""
        raise NotImplementedError(f"cannot set '{attr_name}': the environments of AleVecEnv are no Python objects")

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """``get_action_meanings`` only: no other method speaks of one console."""
        if method_name != "get_action_meanings":
            raise NotImplementedError(
                f"cannot call '{method_name}': the environments of AleVecEnv are no Python objects"
            )
        return [self.get_action_meanings(*method_args, **method_kwargs) for _ in self._get_indices(indices)]

    def _checked(self, actions: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        if actions.shape != (self.num_envs,) or actions.dtype.kind not in "iu":
            raise ValueError(f"actions must be {self.num_envs} integers, not {actions.dtype} of shape {actions.shape}")
        if actions.min() < 0 or actions.max() >= self._n_actions:
            raise ValueError(f"actions of '{self.game}' must be 0 to {self._n_actions - 1}, not {actions.tolist()}")
        return actions.astype(np.int64)

    def _begin_next_life(self, i: int, stacks: npt.NDArray[np.uint8], info: Info) -> None:
        """Make a lost life an episode's end: as after a real reset, older frames are zeros from here on."""
        info["terminal_observation"] = stacks[i].copy()
        info["TimeLimit.truncated"] = False
        older_frames = stacks.shape[1] - 1
        if older_frames:
            stacks[i, :older_frames] = 0
            self._frames_before_episode[i] = older_frames

    def _blank_frames_before_episode(
        self, stacks: npt.NDArray[np.uint8], final_stacks: npt.NDArray[np.uint8] | None, over: npt.NDArray[np.bool_]
    ) -> None:
        """Zero what the emulators' stacks still hold of the life before; one frame fewer with every step."""
        remaining = {}
        for i, frames in self._frames_before_episode.items():
            if over[i]:
                assert final_stacks is not None
                final_stacks[i, : frames - 1] = 0
                continue
            stacks[i, : frames - 1] = 0
            if frames > 2:
                remaining[i] = frames - 1
        self._frames_before_episode = remaining

    def _finish_game(self, i: int) -> dict[str, float]:
        episode = self._log.finish(float(self._scores[i]), int(self._agent_steps[i]))
        self._scores[i] = 0
        self._agent_steps[i] = 0
        return episode
