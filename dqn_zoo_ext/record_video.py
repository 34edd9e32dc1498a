"""``python -m dqn_zoo_ext.record_video``: film a trained agent."""

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv

from dqn_zoo_ext.cli.agents import find_agent, rules_to_play_by
from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.values import check_device, seed_or_random, whole_number
from dqn_zoo_ext.cli.verb import prepare, run_verb
from dqn_zoo_ext.envs.screens.stacking import stacking_of
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.recording import record_game
from dqn_zoo_ext.evaluation.screens import Picture
from dqn_zoo_ext.evaluation.watch import watch
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.process import draw_without_display
from dqn_zoo_ext.report.film import VIEWS, filmed, sees_screens, side_by_side
from dqn_zoo_ext.storage.video_file import write_gif, write_mp4

_DESCRIPTION = """\
Film a trained agent: an H.264 mp4 of a game's real colours. Needs no display and no ffmpeg of the system's."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.record_video --algo dqn --env SpaceInvadersNoFrameskip-v4 --load-best
  python -m dqn_zoo_ext.record_video --algo dqn --env SpaceInvadersNoFrameskip-v4 --load-best --view attention --gif
  python -m dqn_zoo_ext.record_video --pretrained SpaceInvaders
  python -m dqn_zoo_ext.record_video --algo dqn --env CartPole-v1 -f runs -o videos --beside-random

The video is written to the run's folder as replay.mp4, or where -o says, as that file or into that folder;
that of a shipped agent (--pretrained) to the current folder as GAME.mp4."""

_WHERE = "a folder to write it into, or a name that ends in .mp4, or in .gif for both (default: the run's folder)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, play, write the video, say where it lies."""
    parser = Parser("record_video", _DESCRIPTION, _EXAMPLES)
    parser.add_agent_options()
    parser.add_pretrained_option()
    parser.add_argument("-o", "--output-folder", type=Path, help=_WHERE)
    parser.add_argument(
        "-n", "--n-timesteps", type=whole_number(1), metavar="STEPS", help="stop after so many agent steps"
    )
    parser.add_argument("--games", type=whole_number(1), default=1, help="games to film (default: 1)")
    parser.add_argument("--protocol", help="rules to play by (default: those of the evaluations in training)")
    parser.add_argument("--seed", type=whole_number(), default=0, help="default: 0; -1: a random one")
    parser.add_argument("--deterministic", action="store_true", help="the agent's own choices only: epsilon 0")
    parser.add_argument(
        "--scale", type=whole_number(1), help="pixels of the video for one of the screen (default: 3 on Atari)"
    )
    parser.add_argument(
        "--view",
        choices=VIEWS,
        default="screen",
        help="the screen (default; on Atari 60 pictures a second), the frames that the network sees, or the screen "
        "beside the newest of those, which glows where the network looks",
    )
    parser.add_argument("--beside-random", action="store_true", help="beside it a game of random actions")
    parser.add_argument("--gif", action="store_true", help="write the same as an animated gif too")
    parser.add_argument("--no-render", action="store_true", help="accepted as in RL-Zoo; there never is a window here")
    options = parser.parse(arguments)
    prepare(options)
    draw_without_display()
    agent = find_agent(options)
    protocol = rules_to_play_by(options, agent)
    path = _output(options, agent)
    as_gif = options.gif or _is_film(options.output_folder, ".gif")
    seed = seed_or_random(options.seed)
    mode = "rgb_array" if options.view == "network" else agent.film_mode
    scale = options.scale or (agent.film_scale if options.view != "attention" else 1)
    with contextlib.ExitStack() as opened:
        venv = opened.enter_context(contextlib.closing(agent.venv(protocol, 1, seed, render_mode=mode)))
        policy = agent.policy(venv, check_device(options.device))
        if options.view != "screen" and not sees_screens(policy):
            raise UserError(f"--view {options.view} is for agents that see screens; choose screen")
        films = [_film(options, agent, policy, venv, protocol, seed)]
        if options.beside_random:
            other = opened.enter_context(contextlib.closing(agent.venv(protocol, 1, seed, render_mode=mode)))
            films.append(_film(options, agent, policy, other, replace(protocol, epsilon=1.0), seed))
        pictures = films[0] if len(films) == 1 else side_by_side(films)
        _make_folder(path.parent)  # nothing has been played yet: pictures come as they are written
        write_mp4(pictures, path, fps=agent.pictures_per_second(venv), scale=scale)
    if options.verbose > 0:
        print(f"{agent.file}, {protocol.name}, epsilon {protocol.epsilon:g}: video in {path}")
    if as_gif:
        write_gif(path, path.with_suffix(".gif"))
        if options.verbose > 0:
            print(f"the same as an animation: {path.with_suffix('.gif')}")
    return 0


def _film(
    options: argparse.Namespace, agent: Agent, policy: BasePolicy, venv: VecEnv, protocol: Protocol, seed: int
) -> Iterator[Picture]:
    if options.view == "screen":
        return record_game(policy, venv, protocol, seed, options.games, options.n_timesteps)
    moments = watch(policy, venv, protocol, seed, agent.learned, options.n_timesteps, options.games)
    return filmed(moments, policy, options.view, stacking_of(venv).planes)


def _output(options: argparse.Namespace, agent: Agent) -> Path:
    given: Path | None = options.output_folder
    if given is None:
        return agent.run.video if options.pretrained is None else Path(f"{options.pretrained}.mp4")
    if _is_film(given, ".mp4", ".gif"):
        return given.with_suffix(".mp4")
    return given / f"{agent.run.algo}-{agent.run.env}.mp4"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to folder {str(folder)!r}: {error.strerror}") from error


def _is_film(path: Path | None, *suffixes: str) -> bool:
    return path is not None and path.suffix.lower() in suffixes and not path.is_dir()


if __name__ == "__main__":
    run_verb(main)
