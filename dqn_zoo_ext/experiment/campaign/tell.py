"""A campaign told: from its folder and the folders of its runs to a page, and to who is better than whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import cycle, islice

from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation.across_games import Improvement, aggregates, games_of_all, improvements
from dqn_zoo_ext.evaluation.aggregates import FEWEST_RUNS, Aggregates
from dqn_zoo_ext.evaluation.published_scores import scores_of
from dqn_zoo_ext.experiment.campaign.so_far import SoFar
from dqn_zoo_ext.experiment.campaign.table import Heading, Summary, other_rules, remarks, table_of
from dqn_zoo_ext.experiment.campaign.tell_runs import failures_cards, runs_card, variants_card
from dqn_zoo_ext.experiment.campaign.terminal import pair_of
from dqn_zoo_ext.report.cards import Card, CardsPage
from dqn_zoo_ext.report.chart import Chart, Level, notes_of
from dqn_zoo_ext.report.curves import Curve, evaluation_curve, over_seeds
from dqn_zoo_ext.report.plots import curves_plot, intervals_plot, probabilities_plot
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder
from dqn_zoo_ext.version import VERSION

_METRICS = {"median": "median", "iqm": "IQM", "mean": "mean", "optimality_gap": "optimality gap"}


@dataclass(frozen=True)
class Told:
    """The page, and what of it is for others too. summaries, heading: the table of scores.

    aggregates: over the games with published levels, by variant. missing: why there are no numbers over games; '' if
    nothing is missing.
    """

    page: CardsPage
    summaries: Sequence[Summary]
    heading: Heading
    improvements: Sequence[Improvement]
    aggregates: Mapping[str, Aggregates]
    missing: str


def tell(folder: CampaignFolder) -> Told:
    """What has come of a campaign so far. UserError if its own files are broken; what runs lack is said on the page."""
    campaign = SoFar.of(folder)
    better, found, missing = _computed(campaign)
    page = CardsPage(
        title=f"{folder.path.resolve().name}: {campaign.manifest.kind} of {campaign.manifest.of}",
        facts=_facts(campaign),
        cards=[
            _scores_card(campaign),
            _improvement_card(better, missing),
            _aggregates_card(campaign, found, missing),
            *(_game_card(campaign, env) for env in campaign.envs),
            *failures_cards(campaign),
            variants_card(campaign),
            runs_card(campaign),
        ],
        made_by=f"Made by python -m dqn_zoo_ext.campaign, version {VERSION}. The page loads nothing from a network.",
    )
    return Told(page, campaign.summaries(), campaign.heading, better, found, missing)


def _computed(campaign: SoFar) -> tuple[list[Improvement], dict[str, Aggregates], str]:
    try:
        better = improvements(campaign.scores("final_mean"))
        return better, aggregates(campaign.scores("human_normalised")), ""
    except UserError as error:  # rliable is an extra
        return [], {}, str(error)


def _facts(campaign: SoFar) -> list[tuple[str, str]]:
    rows = campaign.rows
    finished = len(campaign.finished)
    every = sorted(campaign.heading.agent_steps)
    lengths = every if len(every) < 2 else [every[0], every[-1]]
    return [
        *([("agent steps of a run", " to ".join(f"{each:,}" for each in lengths))] if lengths else []),
        ("runs finished", f"{finished}" if finished == campaign.planned else f"{finished} of {campaign.planned}"),
        ("variants", f"{len(campaign.variants)}"),
        ("environments", f"{len(campaign.envs)}"),
        ("seeds", ", ".join(map(str, campaign.manifest.seeds))),
        ("agent steps in all", f"{sum(row.agent_steps or 0 for row in rows):,}"),
        ("of training", str(timedelta(seconds=round(sum(row.seconds or 0.0 for row in rows))))),
    ]


def _scores_card(campaign: SoFar) -> Card:
    reference, found = campaign.heading.reference, campaign.summaries()
    human = any(each.human_normalised is not None for each in found)
    return Card(
        "Scores",
        table=table_of(found, reference),
        notes=[
            "final, best: the evaluation of the last agent and the best evaluation of a run, raw scores; mean +/- "
            "standard deviation (of the sample) over the seeds that have finished.",
            *(["human: the final evaluation, 0 % at random play and 100 % at a person's score."] if human else []),
            f"- {reference}: the difference of the final evaluations, over the seeds that both have.",
            *(f"{line}." for line in remarks(found)),
        ],
    )


def _improvement_card(better: Sequence[Improvement], missing: str) -> Card:
    title = "Who is better"
    if missing:
        return Card(title, words=[f"The probability of improvement is not known: {missing}"])
    if not better:
        return Card(title, words=["There are no two variants with a finished run on a common game yet."])
    plot = probabilities_plot(
        {f"{each.variant}<br>over {each.over}": each.probability for each in better}, "probability of improvement"
    )
    lines = [
        (pair_of(each), str(each.probability), str(len(each.games)), f"{each.runs} and {each.runs_over}")
        for each in better
    ]
    return Card(
        title,
        words=[
            "The probability of improvement: how often a run of the one ends with a higher evaluation than a run of "
            "the other, on a game taken at random; ties count half. 0.5 is no difference."
        ],
        plots=[plot],
        table=[("variants", "probability [95 %]", "games", "runs of each game"), *lines],
        notes=[
            "Intervals: 95 % of a stratified bootstrap over runs (rliable; Agarwal et al. 2021); none below "
            f"{FEWEST_RUNS} runs."
        ],
    )


def _aggregates_card(campaign: SoFar, found: Mapping[str, Aggregates], missing: str) -> Card:
    title = "Over all games"
    if missing:
        return Card(title, words=[f"There are no aggregates: {missing}"])
    if not found:
        published = any(_levels(env) for env in campaign.envs)
        yet = "No game with a published score has been finished by every variant yet."
        return Card(title, words=[yet if published else "No game here has a published score to measure it by."])
    games = games_of_all(campaign.scores("human_normalised"))
    named = {metric: {name: getattr(each, metric) for name, each in found.items()} for metric in _METRICS}
    lines = [
        (name, f"{each.runs} x {each.games}", *(str(named[metric][name]) for metric in _METRICS))
        for name, each in found.items()
    ]
    envs = [env for env in campaign.envs if any(game == env or game.startswith(f"{env} by ") for game in games)]
    protocols = sorted({row.protocol for row in campaign.finished if row.env in envs})
    mixed = "; several protocols, so take care" if len(protocols) > 1 else ""
    return Card(
        title,
        words=[f"Human-normalised final scores over {', '.join(games)}: 0 is random play, 1 a person."],
        plots=[intervals_plot(named[metric], label) for metric, label in _METRICS.items()],
        table=[("variant", "runs x games", *_METRICS.values()), *lines],
        notes=[
            f"Evaluated by {', '.join(protocols)}{mixed}. Intervals: 95 % of a stratified bootstrap (rliable), none "
            f"below {FEWEST_RUNS} runs.",
            "IQM: the mean of the middle half of all runs. Optimality gap: how much of a person's score is missing on "
            "average; less is better.",
            *(f"{line}." for line in other_rules([each for each in campaign.summaries() if each.env in envs])),
        ],
    )


def _game_card(campaign: SoFar, env: str) -> Card:
    histories, notes = campaign.histories(env)
    curves: dict[str, Curve] = {}
    for name, runs in histories.items():
        try:
            curves[name] = over_seeds([evaluation_curve(run, "agent_steps", name) for run in runs])
        except UserError as error:
            notes.append(f"No curve of {name}: {error}")
    if not curves:
        return Card(env, words=["There is no curve yet: none of a run that has come to its end."], notes=notes)
    chart = Chart(env, "agent_steps", list(curves.values()), levels=_levels(env))
    every = list(islice(cycle(chart.colours), len(campaign.variants)))
    colours = [every[campaign.variants.index(name)] for name in curves]  # a variant has one colour on all charts
    if all(len(curve.x) == 1 for curve in curves.values()):
        notes.append("One evaluation each: a smaller eval_freq draws a curve.")
    return Card(
        env, plots=[curves_plot(replace(chart, colours=colours))], notes=[*notes_of(list(curves.values())), *notes]
    )


def _levels(env: str) -> list[Level]:
    try:
        game = resolve(env).game
    except UserError:  # of a package that is not installed here
        return []
    published = scores_of(game) if game is not None else {}
    return [Level(name, published[name].score) for name in ("random", "human") if name in published]
