"""``python -m dqn_zoo_ext.aggregate``: what algorithms come to over several games and seeds, with intervals."""

import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from itertools import permutations
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dqn_zoo_ext.command_line import Parser, prepare, run_verb, whole_number
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.aggregates import (
    FEWEST_RUNS,
    REPETITIONS,
    TOO_FEW,
    Aggregates,
    Numbers,
    aggregate,
    probability_of_improvement,
    score_matrix,
)
from dqn_zoo_ext.evaluation.scores import human_normalised_of
from dqn_zoo_ext.report.chart import ENDINGS, check_ending, draw, write_picture
from dqn_zoo_ext.report.profiles import profiles_chart
from dqn_zoo_ext.storage.run_history import RunHistory, read_history

_DESCRIPTION = """\
Take the last evaluation of each run, human-normalised, and say what each algorithm comes to over all games and seeds:
median, interquartile mean, mean, optimality gap, and how probably it is better than another, each with the interval of
95 % of a stratified bootstrap (rliable)."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.aggregate logs/dqn/*NoFrameskip-v4_* logs/rainbow/*NoFrameskip-v4_*
  python -m dqn_zoo_ext.aggregate logs/dqn/*_[123] --json
  python -m dqn_zoo_ext.aggregate logs/*/*NoFrameskip-v4_* -o profiles.png

Every algorithm needs the same number of runs of each game, all evaluated by one protocol; it does not matter in which
order they are given. With --json the last line is one object: protocol, games, algorithms, improvement."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, read, aggregate, print."""
    options = _parse(arguments)
    prepare(options)
    histories = [read_history(folder) for folder in dict.fromkeys(options.runs)]
    protocol = _one_protocol(histories)
    if options.output is not None:
        check_ending(options.output)
    games = sorted({str(history.game) for history in histories})
    matrices = {algo: _matrix(algo, histories, games) for algo in dict.fromkeys(each.algo for each in histories)}
    found = {algo: aggregate(scores, options.seed, options.repetitions) for algo, scores in matrices.items()}
    better = {
        f"{one} over {other}": probability_of_improvement(
            matrices[one], matrices[other], options.seed, options.repetitions
        )
        for one, other in permutations(matrices, 2)
    }
    if options.output is not None:
        write_picture(
            draw(profiles_chart(matrices, games, protocol, options.seed, options.repetitions)), options.output
        )
    if options.verbose > 0:
        print(
            f"{len(games)} games ({', '.join(games)}), last evaluations by {protocol}, human-normalised (1: a person)"
        )
        Console(width=120).print(_table(found))
        if any(each.mean.low is None for each in found.values()):
            print(f"fewer than {FEWEST_RUNS} runs of a game: {TOO_FEW}")
        for pair, probability in better.items():
            print(f"probability of improvement, {pair}: {probability.told}")
        if options.output is not None:
            print(f"performance profiles: {options.output}")
    if options.json:
        algorithms = {algo: asdict(each) for algo, each in found.items()}
        improvement = {pair: asdict(each) for pair, each in better.items()}
        facts = {"protocol": protocol, "games": games, "algorithms": algorithms, "improvement": improvement}
        print(json.dumps(facts))
    return 0


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = Parser("aggregate", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs, logs/ALGO/ENV_N")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help=f"draw performance profiles with their intervals; ends in {' or '.join(ENDINGS)}",
    )
    parser.add_argument(
        "--repetitions", type=whole_number(2), default=REPETITIONS, help=f"of the bootstrap (default: {REPETITIONS})"
    )
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, in the last line")
    parser.add_plug_in_options()
    return parser.parse(arguments)


def _one_protocol(histories: Sequence[RunHistory]) -> str:
    """What all evaluations were played by; UserError if that is not one thing."""
    named = sorted({str(history.protocol or "an unnamed protocol") for history in histories})
    if len(named) > 1:
        raise UserError(f"the runs were evaluated by {' and '.join(named)}: such scores are not to be put together")
    return named[0]


def _matrix(algo: str, histories: Sequence[RunHistory], games: Sequence[str]) -> Numbers:
    """(runs, games) of the algorithm's last evaluations, human-normalised."""
    scores: dict[str, list[float]] = {game: [] for game in games}
    for history in histories:
        if history.algo == algo:
            scores[str(history.game)].append(_last_score(history))
    missing = [game for game, runs in scores.items() if not runs]
    if missing:
        raise UserError(f"there is no run of '{algo}' on {', '.join(missing)}; every algorithm needs all games")
    try:
        return score_matrix(scores)
    except UserError as error:
        raise UserError(f"'{algo}': {error}") from error


def _last_score(history: RunHistory) -> float:
    if history.evaluations is None:
        raise UserError(f"run {str(history.folder)!r} has no evaluations")
    score = float(history.evaluations.scores[-1].mean())
    normalised = None if history.game is None else human_normalised_of(history.game, score)
    if normalised is None:
        raise UserError(f"run {str(history.folder)!r}: no random and human scores are published of {history.env}")
    return normalised


def _table(found: dict[str, Aggregates]) -> Table:
    table = Table()
    for column in ("algorithm", "runs", "median", "IQM", "mean", "optimality gap"):
        table.add_column(column, no_wrap=True)
    for algo, each in found.items():
        numbers = (each.median, each.iqm, each.mean, each.optimality_gap)
        table.add_row(algo, f"{each.runs} x {each.games}", *(str(number).replace("[", "\\[") for number in numbers))
    return table


if __name__ == "__main__":
    run_verb(main)
