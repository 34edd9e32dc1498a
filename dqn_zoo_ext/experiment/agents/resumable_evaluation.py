"""An agent's evaluation that an interruption does not lose: given again, it goes on, to the same scores.

While it is played, where it stands is written every few seconds to ``unfinished_evaluations/KEY`` in the run's folder:
the games that have ended, the player's coins, and the environments as seeds and actions. KEY is made of all that the
games depend on, so another agent, protocol, seed or kind of device begins anew.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata

import torch
from stable_baselines3.common.utils import get_device

from dqn_zoo_ext.envs.replaying.vec_state import can_resume
from dqn_zoo_ext.evaluation.evaluate import Evaluation, EvaluationUnderWay
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.storage.state_folder import StateFolder

FOLDER = "unfinished_evaluations"
SECONDS_BETWEEN_SAVES = 10.0


def evaluate_agent(
    agent: Agent,
    protocol: Protocol,
    episodes: int,
    seed: int,
    n_envs: int,
    device: str,
    on_games: Callable[[int], None] | None = None,
    say: Callable[[str], None] = print,
    seconds_between_saves: float = SECONDS_BETWEEN_SAVES,
) -> Evaluation:
    """The evaluation that ``evaluation.evaluate`` makes, from where an interrupted one stood if there is one.

    on_games: told how many games have ended, after each. say: told, in a line, that games were played before.
    What cannot be saved (a foreign environment, a folder that cannot be written) is played all the same. Ctrl-C's
    KeyboardInterrupt says where the games are kept, if any are.
    """
    tell = on_games or (lambda _: None)
    place = StateFolder(agent.run.path / FOLDER / _key(agent, protocol, episodes, seed, n_envs, device))
    venv = agent.venv(protocol, n_envs, seed)
    try:
        policy = agent.policy(venv, device)
        under_way = EvaluationUnderWay(policy, venv, protocol, episodes, seed)
        try:
            goes_on = _go_on(under_way, place)
        except (ValueError, KeyError, TypeError):  # of another version, or damaged in a way that a checksum cannot tell
            place.remove()
            venv.close()
            venv = agent.venv(protocol, n_envs, seed)  # those that are halfway there would play other games
            goes_on, under_way = False, EvaluationUnderWay(policy, venv, protocol, episodes, seed)
        if goes_on:
            say(f"goes on after {under_way.games_played} of {episodes} games that were played before")
            tell(under_way.games_played)
        saved_at = time.monotonic() if can_resume(venv) is None else float("inf")
        while not under_way.is_over:
            if time.monotonic() - saved_at >= seconds_between_saves:
                saved_at = time.monotonic() if place.write(under_way.state()) else float("inf")
            if under_way.step():
                tell(under_way.games_played)
        place.remove()
        return under_way.result()
    except KeyboardInterrupt:
        if not place.is_there():
            raise
        raise KeyboardInterrupt(f"stopped; the same command goes on with the games kept in {place.path}") from None
    finally:
        venv.close()


def _go_on(under_way: EvaluationUnderWay, place: StateFolder) -> bool:
    state = place.read()
    if state is None:
        return False
    under_way.load_state(state)
    return True


def _key(agent: Agent, protocol: Protocol, episodes: int, seed: int, n_envs: int, device: str) -> str:
    """A name made of all that the scores depend on."""
    facts = {
        "agent": agent.sha256,
        "configuration": agent.configuration.as_plain_data(),
        "env": agent.configuration.env.gym_id,
        "protocol": asdict(protocol),
        "episodes": episodes,
        "seed": seed,
        "n_envs": n_envs,
        "device": get_device(device).type,
        "versions": [torch.__version__, *(metadata.version(name) for name in ("ale-py", "gymnasium"))],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]
