"""What a campaign says and does after the first signal; no run is trained."""

import signal
from pathlib import Path

import pytest
from rich.console import Console

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing the four registers what the files name
from dqn_zoo_ext.cli.train_options import make_parser, run_options_of
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.experiment.campaign.carry_out import Means, _outcome, _Work
from dqn_zoo_ext.experiment.campaign.plan import Plan, PlannedRun, Variant
from dqn_zoo_ext.experiment.jobs.job import GoOn, Job, Outcome
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.signals import StopRequest
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder, Row


class Nowhere:
    """Carries nothing out."""

    def __init__(self) -> None:
        self.stopped = False

    def __call__(self, job: Job, go_on: GoOn) -> Outcome:
        del job, go_on
        return Outcome(state="stopped")

    def stop(self) -> None:
        self.stopped = True


def test_a_signal_between_two_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan("comparison", "dqn", "x", (Variant("dqn", load("dqn", resolve("CartPole-v1")), {}),), (1, 2, 3))
    stop, launch = StopRequest(), Nowhere()

    def options_of(_: PlannedRun, __: Path) -> RunOptions:
        stop.note(signal.SIGINT, None)  # a second one would end the process
        return run_options_of(make_parser().parse(["--env", "CartPole-v1", "-f", str(tmp_path)]), "train")

    folder = CampaignFolder.claim(tmp_path, "x")
    work = _Work(plan, folder, options_of, Means(launch, n_jobs=3), stop, Console(), {}, plan.seeds)
    work.do(["a line before"])
    assert capsys.readouterr().out.splitlines() == [
        "a line before",
        "run 1 of 3: dqn, seed 1",
        "stopping: the runs under way save a checkpoint",
        "dqn, seed 1: stopped",
    ]
    assert launch.stopped
    assert [(row.seed, row.state) for row in work.sorted_rows()] == [(1, "stopped")]
    assert [each.planned for each in work.summaries()] == [3]


@pytest.mark.parametrize(
    ("agent_steps", "words"),
    [(None, "stopped"), (0, "stopped before its first step"), (1200, "stopped after 1,200 agent steps")],
)
def test_how_far_a_stopped_run_has_come(agent_steps: int | None, words: str) -> None:
    row = Row(variant="dqn", algo="dqn", env="CartPole-v1", seed=1, state="stopped", agent_steps=agent_steps)
    assert _outcome(row) == words
