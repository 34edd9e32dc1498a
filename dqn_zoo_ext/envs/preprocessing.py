"""The ways from an id to what the agent sees; named in YAML as ``preprocessing``."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from stable_baselines3.common.atari_wrappers import AtariWrapper
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecTransposeImage

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.gym_envs import GymEnv, make_gym_vector
from dqn_zoo_ext.envs.request import EnvRequest
from dqn_zoo_ext.envs.rules import AtariRules, Probability
from dqn_zoo_ext.envs.screens.rules import ScreenRules
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import Place, check_arguments, shown
from dqn_zoo_ext.registry import register_preprocessing


@dataclass(frozen=True, kw_only=True)
class AtariEnvKwargs:
    """What ``env_kwargs`` may say on Atari: the emulator's own arguments that are rules of the game too."""

    repeat_action_probability: Probability | None = None
    full_action_space: bool = False


@register_preprocessing("atari")
class Atari(AtariRules):
    """Atari on C++ emulators: the fast path. ``vec_env`` has no say: the emulators have threads of their own."""

    def build(self, request: EnvRequest) -> VecEnv:
        """An ``AleVecEnv``."""
        return AleVecEnv(
            _game_of(request, "atari"),
            request.n_envs,
            self.for_request(request),
            frame_stack=request.frame_stack,
            seed=request.seed,
            monitor_path=request.monitor_path,
            render_mode=request.render_mode,
        )

    @classmethod
    def check_keywords(cls, **keywords: Any) -> None:
        """ValueError, with the names, for keywords that are right one by one and wrong together."""
        cls(**keywords).check_together()

    @classmethod
    def check_env_kwargs(cls, given: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """`given` as it fits `AtariEnvKwargs`; UserError with its place otherwise."""
        if "frameskip" in given:
            raise place.error(
                f"{place.dotted('frameskip')} would skip frames twice; use preprocessing_kwargs.frame_skip", "frameskip"
            )
        return check_arguments("Atari's environments", AtariEnvKwargs, given, place)

    def for_request(self, request: EnvRequest) -> Self:
        """These rules with what env_kwargs, the evaluation protocol and the id add, the id coming last."""
        rules = self._with_env_kwargs(request.env_kwargs)
        if request.wants_raw_rewards:
            rules = replace(rules, clip_reward=False)
        if request.evaluation is not None:
            rules = rules.for_evaluation(request.evaluation)
        if rules.repeat_action_probability is None:
            rules = replace(rules, repeat_action_probability=request.env.repeat_action_probability)
        return rules

    def _with_env_kwargs(self, env_kwargs: Mapping[str, Any]) -> Self:
        checked = self.check_env_kwargs(env_kwargs, Place("env_kwargs"))
        for name, value in checked.items():
            set_already = getattr(self, name)
            if set_already not in (getattr(AtariRules, name), value):
                raise UserError(
                    f"{name} is {value} in env_kwargs and {set_already} in preprocessing_kwargs; give it once"
                )
        return replace(self, **checked)


@register_preprocessing("sb3_atari")
class Sb3Atari(Atari):
    """The same game through SB3's own wrappers: slower, and what the fast path is measured against.

    The emulator shows every frame (its ``frameskip`` is 1 whatever the id says), and SB3's AtariWrapper skips.
    SB3 draws 1 to `noop_max` no-ops, and always presses FIRE where the game has it. Of the rules for screens it knows
    only the length of a square's side.
    """

    def check_together(self) -> None:
        """ValueError, with its name, for a keyword that only ``atari`` knows what to do with."""
        own = {each.name for each in fields(ScreenRules)} | {"skip_after_life_loss"}
        for name in sorted(own):
            value = getattr(self, name)
            if value != getattr(AtariRules, name) and not (name == "screen_size" and isinstance(value, int)):
                raise ValueError(f"preprocessing 'sb3_atari' cannot do {name}: {shown(value)}; use 'atari'")

    def build(self, request: EnvRequest) -> VecEnv:
        """SB3's chain: Monitor, AtariWrapper, Dummy- or SubprocVecEnv, VecFrameStack, VecTransposeImage."""
        _game_of(request, "sb3_atari")
        try:
            self.check_together()
        except ValueError as error:
            raise UserError(str(error)) from None
        side = self.screen_size
        assert isinstance(side, int)
        if not self.fire_on_reset:
            raise UserError("preprocessing 'sb3_atari' cannot do without fire_on_reset; use 'atari'")
        rules = self.for_request(request)

        def wrap(env: GymEnv) -> GymEnv:
            return AtariWrapper(
                env,
                noop_max=rules.noop_max,
                frame_skip=rules.frame_skip,
                screen_size=side,
                terminal_on_life_loss=rules.terminal_on_life_loss,
                clip_reward=rules.clip_reward,
            )

        emulator_kwargs = {
            "frameskip": 1,
            "repeat_action_probability": rules.repeat_action_probability,
            "full_action_space": rules.full_action_space,
            "max_num_frames_per_episode": rules.max_frames_per_game,
        }
        venv = make_gym_vector(request, emulator_kwargs, wrap)
        return VecTransposeImage(VecFrameStack(venv, request.frame_stack))


@register_preprocessing("none")
@dataclass(frozen=True)
class Nothing:
    """The environment as gymnasium makes it, with SB3's Monitor. Evaluation rules, being Atari's, change nothing.

    Not for Atari: a score would carry the name of a protocol whose rules nobody kept.
    """

    def build(self, request: EnvRequest) -> VecEnv:
        """A Dummy- or SubprocVecEnv; in a VecFrameStack if `frame_stack` is above 1. UserError for Atari."""
        if request.env.game is not None:
            raise UserError(
                f"preprocessing 'none' is not for Atari ('{request.env.gym_id}'), whose evaluation protocols it cannot "
                "keep; use 'atari' or 'sb3_atari'"
            )
        venv = make_gym_vector(request, request.env_kwargs)
        return VecFrameStack(venv, request.frame_stack) if request.frame_stack > 1 else venv


def _game_of(request: EnvRequest, preprocessing: str) -> str:
    if request.env.game is None:
        raise UserError(f"preprocessing '{preprocessing}' is for Atari, not for '{request.env.gym_id}'; use 'none'")
    return request.env.game
