"""Which folder a run of a campaign goes on in, of runs that were really trained, and one that failed and went on."""

import shutil
from pathlib import Path

import pytest

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.callbacks
import dqn_zoo_ext.envs
import dqn_zoo_ext.evaluation.protocols
import dqn_zoo_ext.learning  # noqa: F401  # importing them registers what the files name
from dqn_zoo_ext.campaign import _run_options
from dqn_zoo_ext.campaign import main as campaign
from dqn_zoo_ext.cli.campaign_options import parse_campaign, plan_of
from dqn_zoo_ext.experiment.campaign.plan import PlannedRun
from dqn_zoo_ext.experiment.campaign.run_folders import RunFolders
from dqn_zoo_ext.experiment.campaign.so_far import SoFar
from dqn_zoo_ext.storage.agent_file import read_policy_weights
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder, Row
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.storage.run_lock import locked
from dqn_zoo_ext.train import main as train

LEARN = "learning_starts: 100, buffer_size: 500, batch_size: 16, train_freq: 4, gradient_steps: 1, eval_episodes: 1"
FILE = f"""\
algos: [dqn]
envs: [CartPole-v1]
seeds: [1]
params: {{n_timesteps: 1200, eval_freq: 600, {LEARN}}}   # a checkpoint after 1,000
"""
FROM_FLAGS = ["--algos", "dqn", "--envs", "CartPole-v1", "-n", "300", "--verbose", "0"]
FROM_FLAGS += ["-params", "eval_freq:300", *LEARN.replace(": ", ":").split(", ")]
OUT_OF_MEMORY = "its process was ended by SIGKILL; the system does that when memory is full"


class Begun:
    """A campaign of one run, whose command was really given; it has ended with a checkpoint."""

    def __init__(self, folder: Path) -> None:
        self.logs, self.file = folder / "logs", folder / "mine.yml"
        self.file.write_text(FILE)
        self.words = [str(self.file), "-f", str(self.logs)]
        assert campaign([*self.words, "--verbose", "0"]) == 0
        self.folder = CampaignFolder(self.logs / "campaigns" / "mine")
        (self.row,) = self.folder.read_rows()
        self.run = RunFolder(Path(self.row.run_folder), "dqn", "CartPole-v1")
        self.said: list[str] = []

    def failed(self, reason: str = OUT_OF_MEMORY) -> Row:
        """Its row, as of a process that died after the checkpoint."""
        self.run.results.unlink(missing_ok=True)
        row = Row(variant="dqn", algo="dqn", env="CartPole-v1", seed=1, run_folder=self.row.run_folder,
                  state="failed", reason=reason)  # fmt: skip
        self.folder.write_rows([row])
        return row

    def goes_on_in(self, row: Row) -> Path:
        """The folder in which the run would go on."""
        (planned,) = plan_of(parse_campaign(self.words)).runs()
        conf = self.folder.variant("dqn", "CartPole-v1")
        options = _run_options(PlannedRun(planned.variant, 1), conf, self.logs, parse_campaign(self.words), 0)
        return RunFolders(self.folder, self.said.append).of(planned, options, row).path

    def checkpoints(self) -> list[Path]:
        return sorted(self.run.checkpoint_folder.glob("agent_steps_*"))


@pytest.fixture
def begun(tmp_path: Path) -> Begun:
    return Begun(tmp_path)


@pytest.mark.parametrize("reason", [OUT_OF_MEMORY, "cannot write progress.csv: No space left on device", "CUDA error"])
def test_a_run_that_failed_has_its_checkpoint_still(begun: Begun, reason: str) -> None:
    assert begun.goes_on_in(begun.failed(reason)) == begun.run.path
    shutil.rmtree(begun.checkpoints()[-1])
    (begun.checkpoints()[-1] / "state.json").touch()  # the one before it is whole
    assert begun.goes_on_in(begun.failed(reason)) == begun.run.path
    assert begun.said == []


def test_a_run_that_failed_goes_on_to_the_same_end(begun: Begun, capsys: pytest.CaptureFixture[str]) -> None:
    weights = read_policy_weights(begun.run.final_model)
    begun.failed()
    begun.run.final_model.unlink()
    shutil.rmtree(begun.checkpoints()[-1])
    assert begun.checkpoints()[-1].name == "agent_steps_000000001000"
    capsys.readouterr()
    assert campaign(begun.words) == 0
    assert "begun anew" not in capsys.readouterr().out
    (row,) = begun.folder.read_rows()
    assert (row.state, row.run_folder) == ("finished", str(begun.run.path))
    assert [each.name for each in (begun.logs / "dqn").iterdir()] == ["CartPole-v1_1"]
    after = read_policy_weights(begun.run.final_model)
    assert all(weights[key].equal(after[key]) for key in weights)
    assert row.final_mean == begun.row.final_mean


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: (path / "state.json").unlink(), "has no whole checkpoint (agent_steps_000000001200: state.json"),
        (lambda path: (path / "state.json").write_text("{}"), "has no whole checkpoint (agent_steps_000000001200: "),
        (shutil.rmtree, "has no checkpoint;"),
    ],
)
def test_one_that_cannot_go_on_is_no_other_seed(
    begun: Begun, damage: object, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(damage)
    begun.failed()
    for path in begun.checkpoints():
        damage(path)
    capsys.readouterr()
    assert campaign(begun.words) == 0
    aside = begun.folder.path / "set_aside" / "dqn" / "CartPole-v1_1"
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "begun anew" in line]
    assert line.startswith(f"dqn, seed 1: begun anew, as {begun.run.path} {why}")
    assert line.endswith(f"; what is in it lies in {aside}")
    assert (aside / "evaluations.npz").is_file()
    assert [each.name for each in (begun.logs / "dqn").iterdir()] == ["CartPole-v1_1"]  # one seed, one folder
    (row,) = begun.folder.read_rows()
    assert (row.state, row.final_mean) == ("finished", begun.row.final_mean)
    assert read_results(begun.run.results).finished


def test_a_second_one_set_aside_has_the_next_number(begun: Begun) -> None:
    for number in (1, 2):
        row = begun.failed()
        shutil.rmtree(begun.run.checkpoint_folder)
        shutil.copytree(begun.run.path, begun.logs / "copy")
        assert begun.goes_on_in(row) == begun.run.path
        assert (begun.folder.path / "set_aside" / "dqn" / f"CartPole-v1_{number}" / "evaluations.npz").is_file()
        shutil.rmtree(begun.run.path)
        (begun.logs / "copy").rename(begun.run.path)
        begun.run.checkpoint_folder.mkdir()


def test_the_folder_of_another_run_is_let_be(begun: Begun) -> None:
    """One that was removed, and whose number a run of the user's has now."""
    row = begun.failed()
    shutil.rmtree(begun.run.path)
    words = f"--algo dqn --env CartPole-v1 --seed 1 -n 100 --save-freq -1 -f {begun.logs} --verbose 0"
    assert train(words.split()) == 0
    assert begun.goes_on_in(row).name == "CartPole-v1_2"
    assert begun.run.results.is_file()
    assert begun.said == []


def test_a_run_that_another_process_has_is_left_to_it(begun: Begun) -> None:
    row = begun.failed("it is being trained in")
    shutil.rmtree(begun.run.checkpoint_folder)
    with locked(begun.run.path):
        assert begun.goes_on_in(row) == begun.run.path
    assert begun.said == []


def test_a_campaign_may_be_named_from_within_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = tmp_path / "logs"
    assert campaign([*FROM_FLAGS, "--seeds", "1", "-f", str(logs)]) == 0
    (folder,) = (logs / "campaigns").iterdir()
    monkeypatch.chdir(folder.parent)
    assert campaign([*FROM_FLAGS, "--seeds", "1", "2", "--into", folder.name]) == 0
    assert sorted(each.name for each in (logs / "dqn").iterdir()) == ["CartPole-v1_1", "CartPole-v1_2"]
    assert [each.name for each in folder.parent.iterdir()] == [folder.name]


def test_a_number_that_two_log_folders_have_is_each_ones_own(tmp_path: Path) -> None:
    logs, other = tmp_path / "logs", tmp_path / "other"
    assert campaign([*FROM_FLAGS, "--seeds", "1", "-f", str(logs)]) == 0
    (folder,) = (logs / "campaigns").iterdir()
    assert campaign([*FROM_FLAGS, "--seeds", "1", "2", "--into", str(folder), "-f", str(other)]) == 0
    moved = logs.rename(tmp_path / "moved")  # a row names where its run was
    so_far = SoFar.of(CampaignFolder(moved / "campaigns" / folder.name))
    there = {row.seed: so_far.folder_of(row) for row in so_far.rows}
    assert there == {1: moved / "dqn" / "CartPole-v1_1", 2: other / "dqn" / "CartPole-v1_1"}
    assert all(read_results(path / "results.json").seed == seed for seed, path in there.items())
