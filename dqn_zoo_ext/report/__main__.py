"""``python -m dqn_zoo_ext.report``: runs as one page to look at."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.values import check_device, seed_or_random, whole_number
from dqn_zoo_ext.cli.verb import prepare, run_verb
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.experiment.agents.retell import HowToTell, retell
from dqn_zoo_ext.report.page import write_page
from dqn_zoo_ext.storage.run_folder import RunFolder

_DESCRIPTION = """\
Make a page of one run or several of one game: the score in context, learning curves, a video of the best agent with
what it expects and where it looks, the configuration, where the time went. One HTML file, which needs no network."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.report logs/dqn/SpaceInvadersNoFrameskip-v4_1
  python -m dqn_zoo_ext.report logs/dqn/Pong*_1 logs/rainbow/Pong*_1 -o pong.html"""

_LONGEST_FILM = 1_500  # agent steps; on Atari 100 seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, play, write the page, say where it lies."""
    parser = Parser("report", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs, LOG_FOLDER/ALGO/ENV_N")
    parser.add_argument("-o", "--output", type=Path, help="the page (default: report.html in the first run's folder)")
    parser.add_argument("--protocol", help="of the filmed games (default: that of the evaluations in training)")
    parser.add_argument(
        "--film-steps",
        type=whole_number(0),
        default=_LONGEST_FILM,
        metavar="STEPS",
        help=f"agent steps of a game that are filmed at most (default: {_LONGEST_FILM}; 0: no videos)",
    )
    parser.add_argument(
        "--seed", type=whole_number(), default=0, help="of the filmed games (default: 0; -1: a random one)"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda... (default: auto)")
    parser.add_plug_in_options()
    options = parser.parse(arguments)
    prepare(options)
    how = HowToTell(
        protocol=None if options.protocol is None else protocols.get(options.protocol),
        seed=seed_or_random(options.seed),
        device=check_device(options.device),
        max_agent_steps=options.film_steps,
    )
    path = _checked_output(options)
    write_page(retell(options.runs, how), path)
    if options.verbose > 0:
        print(f"the page: {path} ({path.stat().st_size / 1e6:.1f} MB; open it in a browser)")
    return 0


def _checked_output(options: Namespace) -> Path:
    """Where the page will lie. UserError if it cannot: all the games would be played for nothing."""
    first: Path = options.runs[0]
    if options.output is None and not first.is_dir():
        RunFolder.at(first)  # its error names the nearest run that is there
    path: Path = options.output or first / "report.html"
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(f"-o: cannot write the page to {str(path)!r}: give a file's name in a folder that is there")
    return path


if __name__ == "__main__":
    run_verb(main)
