"""``python -m dqn_zoo_ext.enjoy``: watch a trained agent play."""

import contextlib
import itertools
from argparse import Namespace
from collections.abc import Generator, Sequence
from pathlib import Path

from dqn_zoo_ext.cli.agents import find_agent, rules_to_play_by
from dqn_zoo_ext.cli.games_bar import games_bar
from dqn_zoo_ext.cli.parser import Parser, add_list
from dqn_zoo_ext.cli.values import check_device, seed_or_random, whole_number
from dqn_zoo_ext.cli.verb import prepare, run_verb, say_as_told
from dqn_zoo_ext.config.overrides import key_values
from dqn_zoo_ext.config.schema import MOST_SIDE_BY_SIDE
from dqn_zoo_ext.evaluation.play import Game, Player
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.experiment.agents.filming import write_film
from dqn_zoo_ext.report.window import Window, check_display, has_display
from dqn_zoo_ext.words import counted

_DESCRIPTION = "Watch a trained agent play in a window, or without one (--no-render) only see its scores."

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.enjoy --algo dqn --env SpaceInvadersNoFrameskip-v4
  python -m dqn_zoo_ext.enjoy --pretrained SpaceInvaders
  python -m dqn_zoo_ext.enjoy --algo dqn --env SpaceInvadersNoFrameskip-v4 --no-render -n 5000
Close the window, or press Ctrl-C, to stop. Without a display a shipped agent (--pretrained) is filmed instead, to
GAME.mp4."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, play, print each game's score."""
    options = _parser().parse(arguments)
    prepare(options)
    env_kwargs = key_values(options.env_kwargs, "--env-kwargs")
    agent = find_agent(options).with_env_kwargs(env_kwargs, "--env-kwargs")
    protocol = rules_to_play_by(options, agent)
    seed = seed_or_random(options.seed)
    if options.pretrained is not None and not options.no_render and not has_display():
        return _film_instead(options, agent, protocol, seed)
    if not options.no_render:
        check_display()  # before an environment starts to draw
    scores: list[float] = []
    so_far, steps = 0.0, 0
    with contextlib.ExitStack() as opened:
        mode = None if options.no_render else "rgb_array"
        venv = opened.enter_context(contextlib.closing(agent.venv(protocol, options.n_envs, seed, render_mode=mode)))
        player = Player(agent.policy(venv, check_device(options.device)), venv, protocol.epsilon, seed)
        window = None
        if not options.no_render:
            window = Window(str(agent.configuration.env.gym_id), agent.pictures_per_second(venv))
            opened.callback(window.close)
        turns = opened.enter_context(contextlib.closing(_turns(options)))
        opened.enter_context(contextlib.suppress(KeyboardInterrupt))
        for _ in turns:
            games = player.step()
            steps += 1
            so_far = 0.0 if any(game.env_index == 0 for game in games) else so_far + float(player.came.rewards[0])
            for game in games:
                scores.append(game.score)
                if options.verbose > 0:
                    print(_ended(len(scores), game), flush=True)
            if window is not None and not window.show(venv.get_images()[0]):
                break
    if options.verbose > 0:
        played = counted(steps, "agent step")
        mean = f"mean score {sum(scores) / len(scores):.2f}" if scores else f"score so far {so_far:g} in {played}"
        print(f"{counted(len(scores), 'game')} ended, {mean}")
    return 0


def _turns(options: Namespace) -> Generator[None]:
    """As many as there are agent steps to play; with ``--progress`` a bar of them."""
    if not options.progress:
        yield from itertools.repeat(None, options.n_timesteps)
        return
    with games_bar(options, "agent steps") as bar:
        bar.total(options.n_timesteps)
        for played in range(1, options.n_timesteps + 1):
            yield
            bar.played(played)


def _parser() -> Parser:
    parser = Parser("enjoy", _DESCRIPTION, _EXAMPLES)
    parser.add_agent_options()
    parser.add_pretrained_option()
    parser.add_argument(
        "-n",
        "--n-timesteps",
        type=whole_number(1),
        default=1000,
        metavar="STEPS",
        help="agent steps to play (default: 1000)",
    )
    parser.add_argument(
        "--n-envs",
        type=whole_number(1, MOST_SIDE_BY_SIDE),
        default=1,
        help="games side by side; the first is shown (default: 1)",
    )
    parser.add_argument("--no-render", action="store_true", help="no window")
    parser.add_argument("--protocol", help="rules to play by (default: those of the evaluations in training)")
    parser.add_argument("--deterministic", action="store_true", help="the agent's own choices only: epsilon 0")
    parser.add_argument("--stochastic", action="store_true", help="as the protocol says, which is the default")
    parser.add_argument("--seed", type=whole_number(), default=0, help="default: 0; -1: a random one")
    add_list(
        parser,
        "--env-kwargs",
        metavar="KEY:VALUE",
        help="over those that it was trained with",
    )
    parser.add_argument("-P", "--progress", action="store_true", help="a bar of the agent steps played")
    return parser


def _film_instead(options: Namespace, agent: Agent, protocol: Protocol, seed: int) -> int:
    """What a window would have shown, for who has no display and came to see a shipped agent."""
    path, steps = Path(f"{options.pretrained}.mp4"), options.n_timesteps
    say_as_told(options)(f"there is no display: filming {counted(steps, 'agent step')} of it to {path}")
    games = write_film(agent, protocol, seed, check_device(options.device), path, games=None, max_agent_steps=steps)
    for number, game in enumerate(games, 1):
        say_as_told(options)(_ended(number, game))
    cut = "; the game at its end is cut off" if sum(game.agent_steps for game in games) < steps else ""
    say_as_told(options)(f"the video is in {path}{cut}")
    return 0


def _ended(number: int, game: Game) -> str:
    return f"game {number}: score {game.score:g} in {counted(game.agent_steps, 'agent step')}"


if __name__ == "__main__":
    run_verb(main)
