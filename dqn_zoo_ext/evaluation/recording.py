"""The pictures of a game that an agent plays by a protocol."""

import itertools
from collections.abc import Callable, Iterator

from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.evaluation.play import Game, Player, Policy
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.screens import Picture, picture_now, pictures_of_step


def record_game(
    policy: Policy,
    venv: VecEnv,
    protocol: Protocol,
    seed: int,
    games: int | None = 1,
    max_agent_steps: int | None = None,
    tell: Callable[[Game], None] | None = None,
) -> Iterator[Picture]:
    """Play in the first environment of `venv` by `protocol` and yield its picture after the reset and each agent step,
    or each frame's if it was made with ``render_mode="rgb_array_list"``.

    Ends with the last of `games` (None: plays on and on), or after max_agent_steps. tell: is given each game that
    ended. Yields (H, W, 3) uint8. UserError if the environment was made without a render_mode.
    """
    player = Player(policy, venv, protocol.epsilon, seed)
    yield picture_now(venv)
    ended = 0
    for _ in itertools.count() if max_agent_steps is None else range(max_agent_steps):
        for game in player.step():
            if game.env_index == 0:
                ended += 1
                if tell is not None:
                    tell(game)
        yield from pictures_of_step(venv, ended == games)
        if ended == games:
            return
