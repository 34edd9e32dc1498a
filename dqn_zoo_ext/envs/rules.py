"""The rules under which an agent plays Atari: what a game's YAML may set, and what an evaluation changes."""

from dataclasses import dataclass, replace
from typing import Annotated, Self

from pydantic import Field

from dqn_zoo_ext.envs.screens.rules import ScreenRules

Probability = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class EvaluationRules:
    """What an evaluation protocol changes in the rules that the agent was trained under.

    repeat_action_probability: None leaves it as in training.
    """

    noop_max: int
    max_frames_per_game: int
    repeat_action_probability: float | None = None


@dataclass(frozen=True, kw_only=True)
class AtariRules(ScreenRules):
    """The rules of a game. The names are those of SB3's ``AtariWrapper`` where it has them.

    What the agent sees: see ``ScreenRules``. The others:

    noop_max: a game starts with 0 to `noop_max` frames of doing nothing, drawn uniformly.
    frame_skip: frames per agent step.
    terminal_on_life_loss: a lost life ends the episode for the agent; the game itself goes on.
    clip_reward: the agent gets the sign of the reward; scores are always the game's own. Where a configuration has a
        `reward`, that alone says what becomes of rewards.
    fire_on_reset: a new game begins with one frame of FIRE, if the game has that action. After a lost life FIRE is
        left to the agent: in Breakout nothing moves until the agent presses it. SB3's wrapper presses it there too.
    max_frames_per_game: the game is truncated after so many frames (108000: half an hour of play).
    repeat_action_probability: sticky actions; None: as the environment's id says.
    full_action_space: all 18 actions of the joystick instead of those that matter in the game.
    skip_after_life_loss: frames of doing nothing after a lost life, in training only; rounded up to whole agent steps.
        They belong to the step that lost the life: what they earn is its reward, and a game may end in them.
    """

    noop_max: Annotated[int, Field(ge=0, le=100_000)] = 30
    frame_skip: Annotated[int, Field(ge=1, le=1_000)] = 4
    terminal_on_life_loss: bool = True
    clip_reward: bool = True
    fire_on_reset: bool = True
    max_frames_per_game: Annotated[int, Field(ge=1, le=2**30)] = 108_000
    repeat_action_probability: Probability | None = None
    full_action_space: bool = False
    skip_after_life_loss: Annotated[int, Field(ge=0, le=100_000)] = 0

    def for_evaluation(self, evaluation: EvaluationRules) -> Self:
        """These rules as changed by `evaluation`: whole games with the game's own rewards, the rest as trained."""
        sticky = evaluation.repeat_action_probability
        return replace(
            self,
            noop_max=evaluation.noop_max,
            max_frames_per_game=evaluation.max_frames_per_game,
            repeat_action_probability=self.repeat_action_probability if sticky is None else sticky,
            terminal_on_life_loss=False,
            clip_reward=False,
            skip_after_life_loss=0,
        )
