"""``python -m dqn_zoo_ext.campaign``: algorithms, or the parts of one, compared over games and seeds."""

import json
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from dqn_zoo_ext.callbacks.progress import quiet_without_reader
from dqn_zoo_ext.cli.campaign_options import parse_campaign, plan_of
from dqn_zoo_ext.cli.sharing_options import launcher_of
from dqn_zoo_ext.cli.train_options import make_parser, run_options_of
from dqn_zoo_ext.cli.values import check_device
from dqn_zoo_ext.cli.verb import EXIT_SAVED, command_of, prepare, python_to_type, run_verb
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.levels import levels_rules
from dqn_zoo_ext.experiment.campaign.carry_out import Campaign, Means, carry_out
from dqn_zoo_ext.experiment.campaign.plan import Plan, PlannedRun
from dqn_zoo_ext.experiment.campaign.tell import tell
from dqn_zoo_ext.experiment.campaign.terminal import print_improvements, print_scores
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.report.cards import write_cards
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder
from dqn_zoo_ext.storage.runs_parquet import write_parquet

EXIT_FAILED_RUNS = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, plan, carry out, print the table."""
    options = parse_campaign(arguments)
    prepare(options)
    console = Console(quiet=options.verbose < 1)
    if options.report is not None:
        facts = _report(CampaignFolder.at(options.report), console, scores=True)
        if options.json:
            print(json.dumps(facts, allow_nan=False))
        return 0
    log_folder = _log_folder(options)
    check_device(options.device)
    plan = plan_of(options)

    first = _run_options(plan.runs()[0], Path(), log_folder, options, 0)
    configurations = [variant.configuration for variant in plan.variants]
    launch, side = launcher_of(options, len(plan.runs()), configurations, first)

    def options_of(run: PlannedRun, conf_file: Path) -> RunOptions:
        return _run_options(run, conf_file, log_folder, options, side.threads)

    means = Means(launch, side.jobs, side.threads, tuple(options.gym_packages))
    campaign = carry_out(plan, options_of, log_folder, options.into, command_of("campaign", arguments), means, console)
    with quiet_without_reader(console):
        print_scores(console, campaign.summaries, campaign.heading)
    # a run that was told to stop is not held up by a page: --report makes it
    told = {} if campaign.stopped_by is not None else _report(campaign.folder, console)
    _say(console, f"everything lies in {campaign.folder.path}")
    go_on = f"go on with: {_command_to_go_on(campaign, plan, arguments)}"
    if campaign.stopped_by is not None:
        _say(console, f"stopped by {campaign.stopped_by.name}; {go_on}")
    if options.json:
        table = [each.as_dict() for each in campaign.summaries]
        found = {"folder": str(campaign.folder.path), "table": table, "runs": [asdict(row) for row in campaign.rows]}
        print(json.dumps({**found, **told}, allow_nan=False))
    if campaign.stopped_by is not None:
        return EXIT_SAVED
    if campaign.failed:
        number, total = len(campaign.failed), len(campaign.rows)
        print(f"{number} of {total} runs failed, {campaign.folder.rows} says why; {go_on}", file=sys.stderr)
        return EXIT_FAILED_RUNS
    return 0


def _log_folder(options: Namespace) -> Path:
    if options.log_folder is not None:
        return Path(options.log_folder)
    if options.into is None:
        return Path("logs")
    # a relative path may have too few parts to go up; and a link, which resolve() follows, may lead elsewhere
    return Path(os.path.abspath(options.into)).parent.parent  # noqa: PTH100


def _run_options(run: PlannedRun, conf_file: Path, log_folder: Path, options: Namespace, threads: int) -> RunOptions:
    """Those of the ``train`` command that makes the same run alone; nothing is printed, though."""
    configuration = run.variant.configuration
    words = ["--algo", configuration.algo, "--env", configuration.env.requested, "--seed", str(run.seed)]
    words += ["-f", str(log_folder), "-conf", str(conf_file), "--device", options.device]
    words += ["--num-threads", str(threads)]
    words += ["--gym-packages", *options.gym_packages] if options.gym_packages else []
    given = run_options_of(make_parser().parse(words), command_of("train", words))
    return replace(given, verbose=0, preset=run.variant.preset)


def _report(folder: CampaignFolder, console: Console, scores: bool = False) -> dict[str, Any]:
    """Write the page and the Parquet file, say who is better; what of it is for --json. scores: say them too."""
    told = tell(folder)
    if scores:
        with quiet_without_reader(console):
            print_scores(console, told.summaries, told.heading)
    if told.improvements:
        with quiet_without_reader(console):
            print_improvements(console, told.improvements)
    elif told.missing:
        _say(console, f"no probability of improvement: {told.missing}")
    write_cards(told.page, folder.report)
    _say(console, f"the page: {folder.report} (open it in a browser)")
    try:
        write_parquet(folder.read_rows(), folder.parquet)
    except UserError as error:  # it is an extra
        _say(console, f"no Parquet file beside {folder.rows}: {error}")
    return {
        "report": str(folder.report),
        "improvement": [asdict(each) for each in told.improvements],
        "aggregates": {name: asdict(each) for name, each in told.aggregates.items()},
        "levels_rules": levels_rules(),
    }


def _say(console: Console, line: str) -> None:
    with quiet_without_reader(console):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _command_to_go_on(campaign: Campaign, plan: Plan, arguments: Sequence[str] | None) -> str:
    typed = sys.argv[1:] if arguments is None else arguments
    given = [word for word in typed if not word.startswith("--into=")]
    if "--into" in given:
        at = given.index("--into")
        del given[at : at + 2]
    into = ["--into", str(campaign.folder.path)] if plan.numbered or len(given) < len(typed) else []
    return f"{python_to_type()} -m dqn_zoo_ext.campaign {shlex.join([*given, *into])}"


if __name__ == "__main__":
    run_verb(main)
