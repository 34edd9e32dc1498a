"""``python -m dqn_zoo_ext.record_video``: film a trained agent."""

import os
from collections.abc import Sequence
from pathlib import Path

from dqn_zoo_ext.command_line import (
    Parser,
    check_device,
    find_agent,
    prepare,
    rules_to_play_by,
    run_verb,
    seed_or_random,
    whole_number,
)
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.agent import Agent
from dqn_zoo_ext.report.video import record_game, write_mp4

_DESCRIPTION = """\
Film a trained agent: an H.264 mp4 of a game's real colours. Needs no display and no ffmpeg of the system's."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.record_video --algo dqn --env SpaceInvadersNoFrameskip-v4 --load-best
  python -m dqn_zoo_ext.record_video --algo dqn --env CartPole-v1 -f runs -o videos

The video is written to the run's folder as replay.mp4, or into the folder given with -o."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, play, write the video, say where it lies."""
    parser = Parser("record_video", _DESCRIPTION, _EXAMPLES)
    parser.add_agent_options()
    parser.add_argument("-o", "--output-folder", type=Path, help="where to write it (default: the run's folder)")
    parser.add_argument(
        "-n", "--n-timesteps", type=whole_number(1), metavar="STEPS", help="stop after so many agent steps"
    )
    parser.add_argument("--games", type=whole_number(1), default=1, help="games to film (default: 1)")
    parser.add_argument("--protocol", help="rules to play by (default: those of the evaluations in training)")
    parser.add_argument("--seed", type=int, default=0, help="default: 0; -1: a random one")
    parser.add_argument("--deterministic", action="store_true", help="the agent's own choices only: epsilon 0")
    parser.add_argument(
        "--scale", type=whole_number(1), help="pixels of the video for one of the screen (default: 3 on Atari)"
    )
    parser.add_argument("--no-render", action="store_true", help="accepted as in RL-Zoo; there never is a window here")
    options = parser.parse(arguments)
    prepare(options)
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # gymnasium's pygame would look for a display
    agent = find_agent(options)
    protocol = rules_to_play_by(options, agent)
    path = _output(options.output_folder, agent)
    seed = seed_or_random(options.seed)
    venv = agent.venv(protocol, 1, seed, render_mode="rgb_array")
    policy = agent.policy(venv, check_device(options.device))
    atari = agent.configuration.env.family == "atari"
    frames = record_game(policy, venv, protocol, seed, options.games, options.n_timesteps)
    write_mp4(frames, path, fps=agent.pictures_per_second(venv), scale=options.scale or (3 if atari else 1))
    venv.close()
    if options.verbose > 0:
        print(f"{agent.file}, {protocol.name}, epsilon {protocol.epsilon:g}: video in {path}")
    return 0


def _output(folder: Path | None, agent: Agent) -> Path:
    if folder is None:
        return agent.run.video
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to folder {str(folder)!r}: {error.strerror}") from error
    return folder / f"{agent.configuration.algo}-{agent.run.env}.mp4"


if __name__ == "__main__":
    run_verb(main)
