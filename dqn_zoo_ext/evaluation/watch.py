"""A game watched closely: what the agent expected in each step, and by how much it was wrong."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.dqn.policies import DQNPolicy

from dqn_zoo_ext.envs.rewards import RewardStep, applied
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.play import Player
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.screens import Picture, pictures_of_step


@dataclass(frozen=True)
class Learned:
    """How a reward was learned from, where that is not how an evaluation gives it.

    gamma: the discount of one agent step. rewards: what became of the game's rewards. life_loss_ends: a lost life was
    an end.
    """

    gamma: float
    rewards: tuple[RewardStep, ...]
    life_loss_ends: bool


@dataclass(frozen=True)
class Moment:
    """One agent step. pictures: what the screen showed after the action, in order; none without a render_mode.

    observation: what the agent saw before it. values: (A,) the expected return of each action, as it was learned.
    greedy: whether the action was the agent's own choice. reward: the game's own. surprise: the TD error of this step,
    r + gamma * max Q(s', .) - Q(s, a), with the online network and the reward as it was learned from. lives: None
    where the game has none. over: whether the game ended here.
    """

    observation: npt.NDArray[Any]
    values: npt.NDArray[np.float32]
    action: int
    greedy: bool
    reward: float
    surprise: float
    lives: int | None
    over: bool
    pictures: tuple[Picture, ...]


def action_values(policy: BasePolicy, observations: Any) -> npt.NDArray[np.float32]:
    """The expected return of each action for a batch of observations: (B, A). UserError for a policy that has none."""
    tensors, _ = policy.obs_to_tensor(observations)
    with torch.no_grad():
        if isinstance(policy, DQNPolicy):
            values = policy.q_net(tensors)
        elif isinstance(policy, QRDQNPolicy):
            values = policy.quantile_net(tensors).mean(dim=1)
        else:
            raise UserError(f"a {type(policy).__name__} says nothing of what it expects of an action")
    return np.asarray(values.cpu(), dtype=np.float32)


def watch(
    policy: BasePolicy,
    venv: VecEnv,
    protocol: Protocol,
    seed: int,
    learned: Learned,
    max_agent_steps: int | None = None,
    games: int = 1,
) -> Iterator[Moment]:
    """So many games in `venv`, which holds one environment, or fewer if max_agent_steps come first.

    They are the games that ``evaluate`` plays with the same seed in one environment. Without a render_mode there are no
    pictures.
    """
    player = Player(policy, venv, protocol.epsilon, seed)
    values = action_values(policy, player.observations)[0]
    lives = venv.reset_infos[0].get("lives")
    for _ in itertools.count() if max_agent_steps is None else range(max_agent_steps):
        observation = np.array(player.observations[0])
        over = bool(player.step())
        action, info = int(player.actions[0]), player.came.infos[0]
        lost_life = lives is not None and info.get("lives", 0) < lives
        lives = info.get("lives", lives)
        next_values = _values_of_next(policy, player, over)
        reward = float(player.came.rewards[0])
        ended = next_values is None or (learned.life_loss_ends and lost_life)
        as_learned = float(applied(learned.rewards, np.array([reward], dtype=np.float32), np.array([ended]))[0])
        after = 0.0 if ended else learned.gamma * float(next_values.max())
        yield Moment(
            observation=observation,
            values=values,
            action=action,
            greedy=action == int(values.argmax()),
            reward=reward,
            surprise=as_learned + after - float(values[action]),
            lives=lives,
            over=over,
            pictures=() if venv.render_mode is None else pictures_of_step(venv, over),
        )
        games -= over
        if games <= 0:
            return
        values = action_values(policy, player.observations)[0] if over else next_values


def _values_of_next(policy: BasePolicy, player: Player, over: bool) -> Any:
    """(A,) of the state that the step led to; None where the game truly ended."""
    if not over:
        return action_values(policy, player.observations)[0]
    info = player.came.infos[0]
    if not info.get("TimeLimit.truncated", False):
        return None
    return action_values(policy, np.asarray(info["terminal_observation"])[None])[0]
