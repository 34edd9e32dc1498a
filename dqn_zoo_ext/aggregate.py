"""``python -m dqn_zoo_ext.aggregate``: what algorithms come to over several games and seeds, with intervals."""

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import permutations
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.values import whole_number
from dqn_zoo_ext.cli.verb import prepare, run_verb
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
from dqn_zoo_ext.evaluation.levels import OTHER_RULES, levels_rules, other_rules_note, same_rules_as_levels
from dqn_zoo_ext.evaluation.scores import human_normalised_of
from dqn_zoo_ext.experiment.comparable import (
    LastEvaluation,
    Played,
    last_evaluation,
    names_of_games,
    why_not_together,
)
from dqn_zoo_ext.report.chart import ENDINGS, check_ending, draw, write_picture
from dqn_zoo_ext.report.profiles import profiles_chart
from dqn_zoo_ext.storage.run_folder import each_once
from dqn_zoo_ext.words import counted

_DESCRIPTION = """\
Take the last evaluation of each run, human-normalised, and say what each algorithm comes to over all games and seeds:
median, interquartile mean, mean, optimality gap, and how probably it is better than another, each with the interval of
95 % of a stratified bootstrap (rliable)."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.aggregate logs/dqn/*NoFrameskip-v4_* logs/rainbow/*NoFrameskip-v4_*
  python -m dqn_zoo_ext.aggregate logs/dqn/*_[123] --json
  python -m dqn_zoo_ext.aggregate logs/*/*NoFrameskip-v4_* -o profiles.png

Every algorithm needs the same number of runs of each game, all evaluated by one protocol after as many agent steps, and
those of a game must have one configuration; it does not matter in which order they are given. With --json the last line
is one object: protocol, games, agent_steps (the fewest and the most), levels, mixed, algorithms, improvement."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, read, aggregate, print."""
    options = _parse(arguments)
    prepare(options)
    runs = [last_evaluation(folder) for folder in each_once(options.runs)]
    protocol = _one_protocol(runs)
    mixed = why_not_together(runs)
    if mixed and not options.allow_mixed:
        raise UserError(f"{mixed[0]}: such scores are not to be put together; --allow-mixed does it all the same")
    if options.output is not None:
        check_ending(options.output)
    games = sorted(names_of_games(runs).items(), key=lambda each: each[1])
    names = [name for _, name in games]
    matrices = {algo: _matrix(algo, runs, dict(games)) for algo in dict.fromkeys(each.algo for each in runs)}
    found = {algo: aggregate(scores, options.seed, options.repetitions) for algo, scores in matrices.items()}
    better = {
        f"{one} over {other}": probability_of_improvement(
            matrices[one], matrices[other], options.seed, options.repetitions
        )
        for one, other in permutations(matrices, 2)
    }
    same_rules = all(same_rules_as_levels(protocol, sticky) for (_, sticky), _ in games)
    remarks = [*([] if same_rules else [other_rules_note()]), *(f"mixed: {line}" for line in mixed)]
    if options.output is not None:
        chart = profiles_chart(matrices, names, protocol, options.seed, options.repetitions)
        write_picture(draw(replace(chart, notes=[*chart.notes, *remarks])), options.output)
    if options.verbose > 0:
        human = "human-normalised (1: a person)" if same_rules else f"{OTHER_RULES} human-normalised (1: a person)"
        listed = f"{counted(len(names), 'game')} ({', '.join(names)})"
        print(f"{listed}, last evaluations after {_lengths(runs)} agent steps by {protocol}, {human}")
        Console(width=120).print(_table(found))
        if any(each.mean.low is None for each in found.values()):
            print(f"fewer than {FEWEST_RUNS} runs of a game: {TOO_FEW}")
        for line in remarks:
            print(line)
        for pair, probability in better.items():
            print(f"probability of improvement, {pair}: {probability.told}")
        if options.output is not None:
            print(f"performance profiles: {options.output}")
    if options.json:
        facts = {
            "protocol": protocol,
            "games": names,
            "agent_steps": _range(runs),
            "levels": {"rules": levels_rules(), "same_rules": same_rules},
            "mixed": mixed,
            "algorithms": {algo: asdict(each) for algo, each in found.items()},
            "improvement": {pair: asdict(each) for pair, each in better.items()},
        }
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
    parser.add_argument(
        "--allow-mixed",
        action="store_true",
        help="put runs together all the same that differ in configuration or length, or have not come to their end",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON, in the last line")
    parser.add_plug_in_options()
    return parser.parse(arguments)


def _one_protocol(runs: Sequence[LastEvaluation]) -> str:
    """What all evaluations were played by; UserError if that is not one thing."""
    named = sorted({str(run.protocol or "an unnamed protocol") for run in runs})
    if len(named) > 1:
        raise UserError(f"the runs were evaluated by {' and '.join(named)}: such scores are not to be put together")
    return named[0]


def _matrix(algo: str, runs: Sequence[LastEvaluation], games: Mapping[Played, str]) -> Numbers:
    """(runs, games) of the algorithm's last evaluations, human-normalised; games in the order of their names."""
    scores: dict[str, list[float]] = {name: [] for name in games.values()}
    for run in runs:
        if run.algo == algo:
            scores[games[run.played]].append(_normalised(run))
    missing = [game for game, of_game in scores.items() if not of_game]
    if missing:
        raise UserError(f"there is no run of '{algo}' on {', '.join(missing)}; every algorithm needs all games")
    try:
        return score_matrix(scores)
    except UserError as error:
        raise UserError(f"'{algo}': {error}") from error


def _normalised(run: LastEvaluation) -> float:
    normalised = None if run.game is None else human_normalised_of(run.game, run.score)
    if normalised is None:
        raise UserError(f"run {str(run.folder)!r}: no random and human scores are published of {run.played[0]}")
    return normalised


def _range(runs: Sequence[LastEvaluation]) -> tuple[int, int]:
    """The fewest and the most agent steps of a run."""
    every = [run.agent_steps for run in runs]
    return min(every), max(every)


def _lengths(runs: Sequence[LastEvaluation]) -> str:
    low, high = _range(runs)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


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
