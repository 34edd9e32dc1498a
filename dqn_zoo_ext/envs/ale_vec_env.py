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

from dqn_zoo_ext.envs.emulators.colour_twin import ColourTwin, twin_for
from dqn_zoo_ext.envs.emulators.consoles import Consoles
from dqn_zoo_ext.envs.game_log import GameLog
from dqn_zoo_ext.envs.replaying.action_log import RESEED_AFTER, nth_seed
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.envs.screens.stacking import Stacking, YoungStacks
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import Place, check_arguments
from dqn_zoo_ext.state import State

Info = dict[str, Any]
AleStep = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.bool_], list[Info]]


class AleVecEnv(VecEnv):
    """`n_envs` consoles playing one Atari game, stepped together by threads in C++.

    Observations: (n_envs, planes * frame_stack, height, width) uint8, oldest frame first, by default gray ones of 84 x
    84 and zeros before the first frame of an episode (``ScreenRules``); the array is the caller's to keep. The same
    contract as SB3's ``make_atari_env`` with ``VecFrameStack`` and ``VecTransposeImage``, with these differences, which
    `tests/envs` measure:

    * The frames are made gray before the brighter of two is taken, not after (a few pixels by a few shades).
    * After a lost life the game just goes on: no no-op, no FIRE, and the next stack starts with the frame on which the
      life was lost.
    * ``info["episode"]["l"]`` counts agent steps, not frames.
    * air_raid's gray is wrong in ale-py (odd palette entries); the preprocessing ``sb3_atari`` shows it rightly.

    Infos: ``lives`` always, of the game that the observation shows; where ``done``, ``terminal_observation`` and
    ``TimeLimit.truncated``; where a game is over, not merely a life lost, ``episode`` with its raw score.

    Between ``step_async`` and ``step_wait`` the emulators work while the caller is free to do something else.

    ``state`` and ``load_state`` save and bring back where every console is, exactly, by replaying its actions.

    game: a ROM name, e.g. ``space_invaders``. rules.repeat_action_probability None means 0 here.
    seed: see ``seed``. num_threads: 0 leaves the choice to ale-py (one per console, at most one per core).
    monitor_path: one csv file for the games of all consoles, readable by SB3's ``load_results``.
    render_mode: ``rgb_array`` makes ``get_images`` and ``render`` work, at twice the emulation. ``rgb_array_list``, for
        one console only, makes ``screens_of_last_step`` work too: each of the frames that an agent step skips.
    reseed_after: agent steps of a console since its last seed, from which on the next game over brings a new one; it
        bounds what ``load_state`` has to replay.
    """

    steps_in_background = True
    """Between ``step_async`` and ``step_wait``."""

    stacking: Stacking
    """How the observations stack frames."""

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
        reseed_after: int = RESEED_AFTER,
    ) -> None:
        if n_envs < 1 or frame_stack < 1:
            raise UserError(f"n_envs and frame_stack must be at least 1, not {n_envs} and {frame_stack}")
        if reseed_after < 1:
            raise UserError(f"reseed_after must be at least 1 agent step, not {reseed_after}")
        self.game = game
        given = vars(rules or AtariRules())
        self.rules = AtariRules(**check_arguments(f"the rules of '{game}'", AtariRules, given, Place("rules")))
        self.stacking = _checked_stacking(self.rules, frame_stack)
        self.render_mode = render_mode
        self._consoles = Consoles(
            game,
            n_envs,
            self.rules,
            frame_stack=frame_stack,
            num_threads=num_threads,
            reseed_after=reseed_after,
            twin=twin_for(render_mode, game, n_envs, self.rules, num_threads),
        )
        self._n_actions = self._consoles.n_actions
        self._constructed_with = {
            "game": game,
            "n_envs": n_envs,
            "frame_stack": frame_stack,
            "reseed_after": reseed_after,
            **_plain(self.rules),
        }
        self._log = GameLog(monitor_path, game, shared=n_envs > 1)
        self._seed_of_next_reset: int | None = None
        self._is_reset = False
        self._is_stepping = False
        self._lives = np.zeros(n_envs, dtype=np.int32)
        self._scores = np.zeros(n_envs, dtype=np.int64)
        self._agent_steps = np.zeros(n_envs, dtype=np.int64)
        self._young = YoungStacks(self.stacking)
        super().__init__(n_envs, self._consoles.observation_space, gymnasium.spaces.Discrete(self._n_actions))
        self.seed(seed)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Set what the next ``reset`` seeds the consoles with; returns their seeds.

        A later reset without a seed of its own takes the next seeds that follow from the seed given here, and so do
        consoles seeded anew in between. None draws one from the operating system.
        """
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        self._seed_of_next_reset = int(seed)
        self._seeds = [nth_seed(seed, i, 0) for i in range(self.num_envs)]
        return self._seeds

    def reset(self) -> npt.NDArray[np.uint8]:
        """Begin a new game in every console, always with a seed. It takes 0.1 s a console (the ROM is loaded anew)."""
        if self._is_stepping:
            self.step_wait()
        if self._seed_of_next_reset is not None:
            self._consoles.restart_seeds(self._seed_of_next_reset)
            self._seed_of_next_reset = None
        self._reset_seeds()
        stacks, self._lives = self._consoles.reset()
        self._scores[:] = 0
        self._agent_steps[:] = 0
        self._young.clear()
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
        self._consoles.send(self._checked(np.asarray(actions)))
        self._is_stepping = True

    def step_wait(self) -> AleStep:
        """Finish the step: observations, rewards, dones (games over and lives lost), infos."""
        if not self._is_stepping:
            raise RuntimeError("step_wait() needs a step_async() before it")
        stacks, raw_rewards, terminated, truncated, lives, final_stacks = self._consoles.recv()
        self._is_stepping = False
        self._scores += raw_rewards
        self._agent_steps += 1
        infos: list[Info] = [{"lives": count} for count in lives.tolist()]
        over = terminated | truncated
        done = over
        self._young.go_on(stacks, final_stacks, over)
        if self.rules.terminal_on_life_loss:
            lost_life = (lives > 0) & (lives < self._lives) & ~over
            done = over | lost_life
            for i in np.flatnonzero(lost_life).tolist():
                self._begin_next_life(i, stacks, infos[i])
        for i in np.flatnonzero(over).tolist():
            assert final_stacks is not None
            infos[i]["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
            infos[i]["terminal_observation"] = self._terminal(final_stacks[i], bool(terminated[i]))
            infos[i]["episode"] = self._finish_game(i)
        self._lives = lives
        rewards = np.sign(raw_rewards) if self.rules.clip_reward else raw_rewards
        return stacks, rewards.astype(np.float32), done, infos

    def close(self) -> None:
        """Close the log and let the emulators go; their threads end with the last reference to them."""
        self._log.close()
        self._is_reset = self._is_stepping = False
        if hasattr(self, "_consoles"):
            del self._consoles

    def state(self) -> State:
        """Where every console is: seeds, actions since then, and this object's own counts; between steps only."""
        if not self._is_reset or self._is_stepping:
            raise RuntimeError("state() needs a reset() before it, and a step_wait() after the last step_async()")
        return {
            "constructed_with": dict(self._constructed_with),
            "consoles": self._consoles.state(),
            "seed_of_next_reset": self._seed_of_next_reset,
            "lives": self._lives.tolist(),
            "scores": self._scores.tolist(),
            "agent_steps": self._agent_steps.tolist(),
            "frames_before_episode": self._young.counts(self.num_envs),
            "game_log": self._log.state(),
        }

    def load_state(self, state: State) -> None:
        """Bring every console where it was, by replaying what it was told: at most some 10,000 agent steps a second.

        The log of games is cut back to what it held then. ValueError, one line, if the state is of another game, other
        rules or another number of consoles, or if the consoles do not come back; this object then needs a ``reset``.
        """
        # a state from before a rule existed is of environments that had its default
        was, now = {**_plain(AtariRules()), **state["constructed_with"]}, self._constructed_with
        differences = [f"{key} was {was.get(key)!r} and is {now[key]!r}" for key in now if was.get(key) != now[key]]
        if differences:
            raise ValueError(f"the saved state is of other environments: {', '.join(differences)}")
        if self._is_stepping:
            self.step_wait()
        self._is_reset = False
        self._consoles.load_state(state["consoles"])
        self._log.load_state(state["game_log"])
        self._seed_of_next_reset = state["seed_of_next_reset"]
        if self._seed_of_next_reset is None:
            self._reset_seeds()
        else:
            self.seed(self._seed_of_next_reset)
        self._lives = np.array(state["lives"], dtype=np.int32)
        self._scores = np.array(state["scores"], dtype=np.int64)
        self._agent_steps = np.array(state["agent_steps"], dtype=np.int64)
        self._young.load(state["frames_before_episode"])
        self._is_reset = True

    def get_images(self) -> Sequence[npt.NDArray[np.uint8]]:
        """What each console shows, in colour: (210, 160, 3) uint8. Only with a ``render_mode``."""
        return self._twin.screens()

    def screens_of_last_step(self) -> list[npt.NDArray[np.uint8]]:
        """What the first console showed in its last agent step, in order, (210, 160, 3) uint8 each.

        With ``render_mode="rgb_array_list"`` every frame, 60 a second; of a game that ended, up to its last one.
        """
        return self._twin.screens_of_last_step()

    @property
    def _twin(self) -> ColourTwin:
        if self._consoles.twin is None:
            raise RuntimeError("there are pictures only if AleVecEnv is made with render_mode='rgb_array'")
        return self._consoles.twin

    def get_action_meanings(self) -> list[str]:
        """The names of the actions, in the order of their numbers."""
        return self._consoles.action_meanings()

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
        """Make a lost life an episode's end: as after a real reset, nothing older is shown from here on."""
        info["terminal_observation"] = self._terminal(stacks[i], ended=True)
        info["TimeLimit.truncated"] = False
        self._young.begin(i, stacks[i])

    def _terminal(self, stack: npt.NDArray[np.uint8], ended: bool) -> npt.NDArray[np.uint8]:
        """An episode's last observation, to keep. ended: and not merely cut by the time limit."""
        shown = stack.copy()
        if ended and self.rules.end_frame == "blank":
            shown[-self.stacking.planes :] = 0
        return shown

    def _finish_game(self, i: int) -> dict[str, float]:
        episode = self._log.finish(float(self._scores[i]), int(self._agent_steps[i]), i)
        self._scores[i] = 0
        self._agent_steps[i] = 0
        return episode


def _plain(rules: AtariRules) -> dict[str, Any]:
    """The rules as they are saved."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(rules).items()}


def _checked_stacking(rules: AtariRules, frame_stack: int) -> Stacking:
    """UserError for rules that contradict each other, and for stacks that would not be known for what they are."""
    try:
        rules.check_together()
    except ValueError as error:
        raise UserError(f"rules: {error}") from None
    planes, height, width = rules.picture_shape
    if planes * frame_stack > min(height, width):  # Stable-Baselines3 takes the smallest dimension for the channels
        raise UserError(
            f"screens of {height} x {width} pixels are smaller than their stack of {planes * frame_stack} is deep; "
            "let the screens be larger or frame_stack smaller"
        )
    return Stacking(planes, rules.stack_start)
