"""An agent's game on film: as a file, or with what it expected in each step, for the report page."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dqn_zoo_ext.envs.screens.stacking import stacking_of
from dqn_zoo_ext.evaluation.play import Game
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.recording import record_game
from dqn_zoo_ext.evaluation.screens import Picture
from dqn_zoo_ext.evaluation.watch import Moment, watch
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.experiment.build import action_names
from dqn_zoo_ext.process import draw_without_display
from dqn_zoo_ext.report.film import filmed, sees_screens
from dqn_zoo_ext.report.page import FilmedGame
from dqn_zoo_ext.report.pictures import enlarged
from dqn_zoo_ext.report.plots import mood_plot
from dqn_zoo_ext.storage.video_file import write_mp4

_LEAST_HEIGHT = 420  # of a video's pictures
_NO_PICTURE: Picture = np.zeros((0, 0, 3), dtype=np.uint8)


def write_film(
    agent: Agent, protocol: Protocol, seed: int, device: str, path: Path, games: int | None, max_agent_steps: int
) -> list[Game]:
    """The agent's first `games` by `protocol`, or fewer (None: what there is) after max_agent_steps, as an mp4.

    Returns those that have ended. UserError as in write_mp4.
    """
    draw_without_display()
    ended: list[Game] = []
    venv = agent.venv(protocol, 1, seed, render_mode=agent.film_mode)
    try:
        frames = record_game(agent.policy(venv, device), venv, protocol, seed, games, max_agent_steps, ended.append)
        write_mp4(frames, path, fps=agent.pictures_per_second(venv), scale=agent.film_scale)
    finally:
        venv.close()
    return ended


def film_game(agent: Agent, protocol: Protocol, seed: int, device: str, max_agent_steps: int) -> FilmedGame:
    """The agent's first game by `protocol`, and a random agent's with the same seed, cut after max_agent_steps."""
    draw_without_display()
    venv = agent.venv(protocol, 1, seed, render_mode=agent.film_mode)
    policy = agent.policy(venv, device)
    attention = sees_screens(policy)
    fps = agent.pictures_per_second(venv)
    moments: list[Moment] = []
    seen = _noting(watch(policy, venv, protocol, seed, agent.learned, max_agent_steps), moments)
    video = _encoded(filmed(seen, policy, "attention" if attention else "screen", stacking_of(venv).planes), fps)
    names = action_names(agent.configuration, venv)
    venv.close()
    at_random = agent.venv(protocol, 1, seed, render_mode=agent.film_mode)
    random_play = replace(protocol, epsilon=1.0)
    of_random: list[Moment] = []
    seen = _noting(watch(policy, at_random, random_play, seed, agent.learned, max_agent_steps), of_random)
    random_video = _encoded(filmed(seen, policy, "screen"), fps)
    at_random.close()
    values = [moment.values.tolist() for moment in moments]
    surprise = [moment.surprise for moment in moments]
    return FilmedGame(
        video=video,
        random_video=random_video,
        steps_per_second=fps / max(1, len(moments[0].pictures)),  # of the last step there may be fewer
        caption=_caption(agent, protocol, seed, moments, attention),
        random_caption=f"Random actions, from the same seed: {_score(of_random)}.",
        mood=mood_plot(values, surprise, [moment.reward for moment in moments]),
        values=values,
        surprise=surprise,
        actions=[moment.action for moment in moments],
        action_names=names,
    )


def _noting(moments: Iterable[Moment], noted: list[Moment]) -> Iterator[Moment]:
    """Pass the moments on; note each without what is large, and with the number of its pictures only."""
    for moment in moments:
        pictures = (_NO_PICTURE,) * len(moment.pictures)
        noted.append(replace(moment, observation=moment.observation[:0], pictures=pictures))
        yield moment


def _caption(agent: Agent, protocol: Protocol, seed: int, moments: list[Moment], attention: bool) -> str:
    how = f"by {protocol.name} (epsilon {protocol.epsilon:g}), seed {seed}"
    glow = ". On the right what the network sees; it glows where the network looks" if attention else ""
    return f"{agent.file.name} {how}: {_score(moments)}{glow}."


def _score(moments: Sequence[Moment]) -> str:
    score = sum(moment.reward for moment in moments)
    points = "1 point" if score == 1 else f"{score:g} points"
    return points if moments[-1].over else f"{points} in its first {len(moments):,} agent steps"


def _encoded(pictures: Iterable[Picture], fps: float) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "game.mp4"
        write_mp4((_large(picture) for picture in pictures), path, fps=fps)
        return path.read_bytes()


def _large(picture: Picture) -> Picture:
    return picture if picture.shape[0] >= _LEAST_HEIGHT * 0.9 else enlarged(picture, _LEAST_HEIGHT)
