"""``python -m dqn_zoo_ext.plot``: learning curves of runs, beside baselines and published curves, as PNG or SVG."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from dqn_zoo_ext.cli.games_bar import games_bar
from dqn_zoo_ext.cli.parser import Parser, add_list
from dqn_zoo_ext.cli.values import whole_number
from dqn_zoo_ext.cli.verb import prepare, run_verb
from dqn_zoo_ext.envs.ids import resolve_folder
from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.baselines import BASELINES
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.evaluation.published_scores import PublishedCurve, curves_of, scores_of, sources
from dqn_zoo_ext.experiment.agents.baselines import baseline_of
from dqn_zoo_ext.report.chart import ENDINGS, Level, check_ending, draw, write_picture
from dqn_zoo_ext.report.curves import AXES, BANDS
from dqn_zoo_ext.report.learning_curves import STYLES, What, learning_chart, same_game
from dqn_zoo_ext.storage.run_folder import each_once
from dqn_zoo_ext.storage.run_history import RunHistory, read_history
from dqn_zoo_ext.words import counted

_DESCRIPTION = """\
Draw learning curves: the evaluations of runs, or their training games, over agent steps, frames, games or hours.
Runs of one algorithm with the same configuration are seeds of one curve: their mean, and a band."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.plot logs/dqn/PongNoFrameskip-v4_1 -o pong.png
  python -m dqn_zoo_ext.plot logs/*/SpaceInvadersNoFrameskip-v4_* -o curves.svg --x frames --baselines --published
  python -m dqn_zoo_ext.plot logs/dqn/SpaceInvadersNoFrameskip-v4_1 -o games.png --style games600 --baselines

A run is a folder LOG_FOLDER/ALGO/ENV_N of ours or of RL-Zoo's. One that cannot be read is left out with a warning while
others can; runs of different games are refused. --baselines measures what is not in the cache yet.
--style games600: the mean of the last 600 training games over games played, with random play in blue, the best constant
action in red, and a dashed line at the highest mean.
With --json the last line is one object: picture, runs, left_out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, read, draw, write."""
    options = _parse(arguments)
    prepare(options)
    check_ending(options.output)
    style = STYLES[options.style]
    histories, left_out = _read(options.runs)
    env = same_game(histories)
    what = What(
        axis=options.x or style.axis,
        of_training=options.training or style.of_training,
        last_games=options.last_games or style.last_games,
        band=options.band,
        separate=options.separate,
    )
    levels = _levels(options, histories, env)
    behind = _published(options, histories, env)
    write_picture(draw(learning_chart(histories, what, style, levels, behind, options.title)), options.output)
    if options.verbose > 0:
        print(f"{options.output}: {counted(len(histories), 'run')} of {env}")
    if options.json:
        runs = [str(each.folder) for each in histories]
        print(json.dumps({"picture": str(options.output), "runs": runs, "left_out": left_out}))
    return 0


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = Parser("plot", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs, logs/ALGO/ENV_N")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help=f"ends in {' or '.join(ENDINGS)}"
    )
    parser.add_argument("--x", metavar="AXIS", help=f"{', '.join(AXES)} (default: frames on Atari, else agent_steps)")
    parser.add_argument("--training", action="store_true", help="training games instead of evaluations")
    parser.add_argument(
        "--last-games", type=whole_number(1), metavar="N", help="training games in a mean (default: 100)"
    )
    parser.add_argument("--band", default="min-max", metavar="BAND", help=f"{', '.join(BANDS)} (default: min-max)")
    parser.add_argument("--separate", action="store_true", help="a curve for each run, seeds too")
    parser.add_argument("--style", default="plain", metavar="STYLE", help=f"{', '.join(STYLES)} (default: plain)")
    parser.add_argument("--baselines", action="store_true", help="lines: random play, best constant action, human")
    parser.add_argument("--protocol", help="how the baselines are measured (default: as the runs were evaluated)")
    add_list(
        parser,
        "--published",
        nargs="*",
        default=None,
        metavar="CURVE",
        help="published curves behind: of the same algorithms, and those named (dopamine-dqn, nnabla-c51...)",
    )
    parser.add_argument("--title", help="default: the environment's id")
    parser.add_argument("--json", action="store_true", help="print what was drawn as JSON, in the last line")
    parser.add_plug_in_options()
    options = parser.parse(arguments)
    for option, given, choices in (
        ("--x", options.x, AXES),
        ("--band", options.band, BANDS),
        ("--style", options.style, STYLES),
    ):
        if given is not None and given not in choices:
            raise UserError(f"{option}: unknown '{given}'{nearest(given, choices)}")
    return options


def _read(folders: Sequence[Path]) -> tuple[list[RunHistory], list[str]]:
    """The histories that can be read, and a line on each that cannot. UserError if none can."""
    histories, wrong = [], []
    for folder in each_once(folders):
        try:
            histories.append(read_history(folder))
        except UserError as error:
            wrong.append(str(error))
    if not histories:
        raise UserError(wrong[0] if len(wrong) == 1 else f"none of {len(wrong)} runs can be drawn; {wrong[0]}")
    for line in wrong:
        print(f"warning: left out: {line}", file=sys.stderr)
    return histories, wrong


def _published(options: Namespace, histories: Sequence[RunHistory], env: str) -> tuple[PublishedCurve, ...]:
    """The curves that --published asks for; UserError if there are none."""
    if options.published is None:
        return ()
    for given in options.published:
        if Path(given).is_dir():
            raise UserError(f"--published takes names of curves, and {given!r} is a folder: give runs before it")
    algos = {each.algo for each in histories}
    found = curves_of(histories[0].game or "", algos, options.published)
    if not found:
        there = [each.source.name for each in curves_of(histories[0].game or "", names=sources("curves"))]
        listed = f" by {', '.join(sorted(algos))}; there are {', '.join(there)}" if there else ""
        raise UserError(f"--published: nothing is published of {env}{listed}")
    return found


def _levels(options: Namespace, histories: Sequence[RunHistory], env: str) -> list[Level]:
    """The horizontal lines that --baselines asks for."""
    if not options.baselines:
        return []
    protocol = _protocol(options, histories)
    levels = []
    for name in BASELINES:
        words = name.replace("-", " ")
        with games_bar(options, name, f"measuring {words}, which is kept for the next time") as bar:
            found = baseline_of(name, resolve_folder(env), protocol, on_total=bar.total, on_game=bar.game)
        score, games = found.baseline.evaluation.mean, len(found.baseline.evaluation.scores)
        action = f" ({found.action_name})" if found.action_name else ""
        measured = f"measured, {counted(games, 'game')} by {protocol.name}"
        levels.append(Level(f"{words}{action}: {score:,.1f}, {measured}", score, name))
    human = scores_of(histories[0].game or "").get("human")
    if human is not None:
        levels.append(Level(f"human: {human.score:,.10g} ({human.source.cited})", human.score, "human"))
    return levels


def _protocol(options: Namespace, histories: Sequence[RunHistory]) -> Protocol:
    if options.protocol is not None:
        return protocols.get(options.protocol)
    named = sorted({each.protocol for each in histories if each.protocol is not None})
    if len(named) != 1:
        said = f"the runs were evaluated by {' and '.join(named)}" if named else "the runs name no protocol"
        raise UserError(f"--baselines needs --protocol, as {said}")
    return protocols.get(named[0])


if __name__ == "__main__":
    run_verb(main)
