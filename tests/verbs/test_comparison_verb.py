"""`campaign` with a file and with flags: real short trainings of two algorithms on two games, and a user's mistakes."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from browser import opened
from complaints import complaint

from dqn_zoo_ext.campaign import main as campaign
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train

LEARN = "learning_starts: 100, buffer_size: 500, batch_size: 16, train_freq: 4, gradient_steps: 1, eval_episodes: 1"
FILE = f"""\
name: double-or-not
algos: [dqn, double_dqn]
envs: [CartPole-v1, Acrobot-v1]
seeds: [1, 2]
params: {{n_timesteps: 300, eval_freq: 300, {LEARN}}}
"""
CHEAP = FILE.replace("[CartPole-v1, Acrobot-v1]", "[CartPole-v1]").replace("[1, 2]", "[1]")

Key = tuple[str, str, int]


def rows_of(folder: Path) -> dict[Key, dict[str, str]]:
    with (folder / "runs.csv").open(newline="") as file:
        return {(row["variant"], row["env"], int(row["seed"])): row for row in csv.DictReader(file)}


def runs_said(out: str) -> list[str]:
    return [line.partition(" ...")[0].partition(", about")[0] for line in out.splitlines() if line.startswith("run ")]


def last_line(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log folder of a campaign that has come to its end; its file lies beside it."""
    logs = tmp_path_factory.mktemp("comparison") / "logs"
    (logs.parent / "campaign.yml").write_text(FILE)
    assert campaign([str(logs.parent / "campaign.yml"), "-f", str(logs), "--verbose", "0"]) == 0
    return logs


def test_a_row_for_each_run_and_all_files(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = done / "campaigns" / "double-or-not"
    rows = rows_of(folder)
    assert list(rows) == [
        (algo, env, seed) for seed in (1, 2) for env in ("CartPole-v1", "Acrobot-v1") for algo in ("dqn", "double_dqn")
    ]
    for (algo, env, seed), row in rows.items():
        results = read_results(Path(row["run_folder"]) / "results.json")
        assert results.final is not None
        assert (results.algo, results.env, results.seed, results.agent_steps) == (algo, env, seed, 300)
        assert (float(row["final_mean"]), float(row["final_std"])) == (results.final.mean, results.final.std)
        assert (row["state"], row["human_normalised"]) == ("finished", "")
    assert sorted(each.name for each in folder.iterdir() if not each.name.startswith(".")) == [
        "campaign.json",
        "report.html",
        "runs.csv",
        "runs.parquet",
        "table.md",
        "variants",
    ]
    assert "| Acrobot-v1 | double_dqn | 2 |" in (folder / "table.md").read_text()
    # a run's own command, and a variant's file, make the run again
    row = rows["double_dqn", "CartPole-v1", 2]
    conf = folder / "variants" / "CartPole-v1" / "double_dqn.yml"
    words = ["--algo", "double_dqn", "--env", "CartPole-v1", "--seed", "2", "-conf", str(conf)]
    again = done.parent / "again"
    assert train([*words, "-f", str(again), "--verbose", "0"]) == 0
    final = read_results(again / "double_dqn" / "CartPole-v1_1" / "results.json").final
    assert final is not None
    assert final.mean == float(row["final_mean"])

    # the same command again finds nothing to do, and tells the same
    file = str(done.parent / "campaign.yml")
    capsys.readouterr()
    assert campaign([file, "-f", str(done), "--json"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("8 of 8 runs are done already")
    assert "double_dqn over dqn" in out
    assert rows_of(folder) == rows
    found = last_line(out)
    (better,) = found["improvement"]
    assert (better["variant"], better["over"], better["games"]) == ("double_dqn", "dqn", ["CartPole-v1", "Acrobot-v1"])
    assert 0 <= better["probability"]["value"] <= 1
    assert found["aggregates"] == {}
    assert len(found["table"]) == 4
    assert found["report"] == str(folder / "report.html")


def test_the_page_in_a_browser(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = done / "campaigns" / "double-or-not"
    (folder / "report.html").unlink()
    assert campaign(["--report", str(folder), "--json"]) == 0
    out = capsys.readouterr().out
    assert last_line(out)["report"] == str(folder / "report.html")
    assert "comparison of dqn, double_dqn on CartPole-v1, Acrobot-v1, 300 agent steps, evaluated by " in out
    assert "double_dqn over dqn" in out
    with opened(folder / "report.html") as (page, complaints):
        page.wait_for_function("document.querySelectorAll('.plot .main-svg').length >= 3")
        assert page.inner_text("h1") == "double-or-not: comparison of dqn, double_dqn"
        titles = ["Scores", "Who is better", "Over all games", "CartPole-v1", "Acrobot-v1"]
        titles += ["What is compared", "Runs"]
        assert page.locator("h2").all_inner_texts() == titles
        bars = page.evaluate("document.querySelectorAll('.plot')[1].data.map(each => each.error_y.arrayminus.length)")
        assert bars == [1, 1]  # one evaluation each: no band to draw
        assert page.locator("text=One evaluation each: a smaller eval_freq draws a curve").count() == 2
        assert page.locator("a").count() == 4 + 8  # to the variants' files and the runs' folders
        names = page.evaluate("document.querySelectorAll('.plot')[1].data.map(each => each.name)")
        assert [name for name in names if "seeds)" in name] == ["dqn (2 seeds)", "double_dqn (2 seeds)"]
        assert page.locator("text=No game here has a published score").count() == 1
        assert complaints == []
    with opened(folder / "report.html", width=390, height=800) as (page, complaints):
        page.wait_for_selector(".plot .main-svg")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert complaints == []


def test_a_file_grows_and_only_what_is_missing_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, logs = tmp_path / "campaign.yml", tmp_path / "logs"
    file.write_text(CHEAP)
    words = [str(file), "-f", str(logs)]
    half = logs / "campaigns" / "double-or-not"
    (half / "variants").mkdir(parents=True)  # as of a process killed before its first run
    (half / ".lock").touch()
    assert campaign(words) == 0
    folder = CampaignFolder.at(half)
    before = rows_of(half)
    rows = folder.read_rows()
    folder.write_rows([rows[0]])  # the second run is lost
    file.write_text(CHEAP.replace("[dqn, double_dqn]", "[dueling_dqn, dqn, double_dqn]").replace("[1]", "[1, 7]"))
    capsys.readouterr()
    assert campaign(words) == 0
    out = capsys.readouterr().out
    assert "1 of 6 runs are done already" in out
    assert runs_said(out) == [
        "run 2 of 6: dueling_dqn, seed 1",
        "run 3 of 6: double_dqn, seed 1",
        "run 4 of 6: dueling_dqn, seed 7",
        "run 5 of 6: dqn, seed 7",
        "run 6 of 6: double_dqn, seed 7",
    ]
    after = rows_of(half)
    assert after["dqn", "CartPole-v1", 1] == before["dqn", "CartPole-v1", 1]
    assert len(after) == 6
    manifest = folder.read_manifest()
    assert (list(manifest.variants), manifest.seeds) == (["dueling_dqn", "dqn", "double_dqn"], (1, 7))
    assert "| - dueling_dqn |" in folder.table.read_text()  # the first of the file

    # a flag lies over the file: one more seed, of what there is
    assert campaign([*words, "--seeds", "8", "--verbose", "0"]) == 0
    assert len(rows_of(half)) == 9


def test_runs_that_never_learn_are_said_before_and_after(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "campaign.yml"
    file.write_text(CHEAP.replace("learning_starts: 100", "learning_starts: 1000"))
    assert campaign([str(file), "-f", str(tmp_path / "logs")]) == 0
    before, first, after = capsys.readouterr().out.partition("run 1 of 2")
    assert first
    never = [line for line in before.splitlines() if line.startswith("warning: ")]
    (line,) = never  # of both algorithms, once
    assert "a run must be longer than its learning_starts" in line
    assert "dqn, double_dqn on CartPole-v1: 0 updates: these networks have not learned" in after
    rows = rows_of(tmp_path / "logs" / "campaigns" / "double-or-not")
    assert {row["updates"] for row in rows.values()} == {"0"}


def test_a_changed_plan_is_named(done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = done / "campaigns" / "double-or-not"
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    file = tmp_path / "campaign.yml"
    for was, becomes, expected in (
        (
            "batch_size: 16",
            "batch_size: 32",
            "campaign 'double-or-not': variant 'dqn on CartPole-v1' has changed: batch_size was 16 and is 32; give it "
            "another name to begin a new campaign",
        ),
        ("[CartPole-v1, Acrobot-v1]", "[MountainCar-v0]", f"campaign 'double-or-not', {folder}, is the comparison of "),
        ("algos: [dqn, double_dqn]", "ablate: rainbow", f"campaign 'double-or-not', {folder}, is the comparison of "),
    ):
        file.write_text(FILE.replace(was, becomes))
        assert complaint(campaign, [str(file), "-f", str(done)], capsys).startswith(expected)
    file.write_text(FILE)
    line = complaint(campaign, [str(file), "-f", str(done), "-n", "400"], capsys)
    assert "n_timesteps was 300 and is 400" in line
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files


def test_a_folder_of_that_name_that_is_no_campaign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "campaign.yml").write_text(CHEAP)
    folder = tmp_path / "logs" / "campaigns" / "double-or-not"
    folder.mkdir(parents=True)
    (folder / "thesis.tex").touch()
    line = complaint(campaign, [str(tmp_path / "campaign.yml"), "-f", str(tmp_path / "logs")], capsys)
    assert "is not the folder of a campaign" in line
    assert [each.name for each in folder.iterdir()] == ["thesis.tex"]


def test_flags_make_the_same_runs(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rliable", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    learn = ["n_timesteps:300", "eval_freq:300", *LEARN.replace(": ", ":").split(", ")]
    words = ["--algos", "double_dqn", "dqn", "--envs", "CartPole-v1", "--seeds", "2", "-f", str(tmp_path)]
    assert campaign([*words, "-params", *learn]) == 0
    out = capsys.readouterr().out
    assert "no probability of improvement: aggregates need rliable: pip install 'dqn_zoo_ext[scores]'" in out
    assert "runs.parquet needs pandas and pyarrow: pip install 'dqn_zoo_ext[parquet]'" in out
    folder = tmp_path / "campaigns" / "compare-double_dqn-dqn-CartPole-v1_1"
    rows, there = rows_of(folder), rows_of(done / "campaigns" / "double-or-not")
    assert list(rows) == [("double_dqn", "CartPole-v1", 2), ("dqn", "CartPole-v1", 2)]
    for key, row in rows.items():
        assert row["final_mean"] == there[key]["final_mean"]
    assert (folder / "report.html").is_file()
    assert not (folder / "runs.parquet").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "nothing to compare is given: a FILE.yml, --algos with --envs, --ablate with --env, or --presets"),
        ("--algos dqn", "--algos: on what? give --envs"),
        ("--ablate rainbow", "--ablate: on what? give --envs"),
        ("--algos dqn --ablate rainbow --envs CartPole-v1", "--algos, --ablate: either"),
        ("--algos dqn --presets nature-2015", "--algos, --presets: either"),
        ("--presets natur-2015", "--presets: there is none called 'natur-2015'; did you mean 'nature-2015'?"),
        ("--presets nature-2015 nature-2015", "--presets: nature-2015 is given twice"),
        ("--presets nature-2015 -conf mine.yml", "--presets: are -conf files of ours; leave out one of the two"),
        ("--presets nature-2015 dopamine-dqn", "presets: they are for SpaceInvadersNoFrameskip-v4 and Pong"),
        ("--algos dqn dqm --envs CartPole-v1", "unknown algorithm 'dqm'; did you mean 'dqn'?"),
        ("--algos dqn dqn --envs CartPole-v1", "--algos: dqn is given twice"),
        ("--algos dqn --envs Pong PongNoFrameskip-v4", "--envs: PongNoFrameskip-v4 is given twice, first as Pong"),
        ("--algos dqn --envs CartPoel-v1", "--env: unknown environment 'CartPoel-v1'; did you mean 'CartPole-v1'?"),
        ("--algos dqn --envs CartPole-v1 --only no_double", "--only: it names ablations, and nothing is ablated"),
        ("--algos dqn --envs CartPole-v1 -params gama:1", "variant 'dqn': -params: unknown key 'gama'"),
        ("{file} --algos dqn", "--algos: what is compared stands in {file} already"),
        ("{file} --env CartPole-v1", "--envs: what is compared stands in {file} already"),
        ("{file} --ablate rainbow", "--ablate: what is compared stands in {file} already"),
        ("{file} --only no_double", "--only: it names ablations"),
        ("{file} -params gama:1", "variant 'dqn on CartPole-v1': -params: unknown key 'gama'"),
        ("nowhere.yml", "nowhere.yml: cannot be read: No such file or directory"),
        ("--report nowhere", "no campaign folder 'nowhere'"),
        ("--report nowhere {file}", "--report: it only tells of a campaign that is there; leave out FILE.yml"),
        ("--report x --seeds 1 -n 5", "--report: it only tells of a campaign that is there; leave out --seeds, -n"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    words: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file.yml"
    file.write_text(FILE)
    given = words.format(file=file).split()
    line = complaint(campaign, given if "--report" in given else [*given, "-f", str(tmp_path / "logs")], capsys)
    assert line.startswith(expected.format(file=file))
    assert list(tmp_path.iterdir()) == [file]


def test_a_mistake_in_a_file_stands_in_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file.yml"
    file.write_text(FILE + "variants:\n  plain: {}\n  bad: {learning_rat: 1.0e-4}\n")
    line = complaint(campaign, [str(file), "-f", str(tmp_path / "logs")], capsys)
    assert line.startswith(f"variant 'dqn-bad on CartPole-v1': {file}:8: unknown key 'learning_rat' for algorithm")
    file.write_text(FILE + "conf: nowhere.yml\n")
    assert f"{tmp_path / 'nowhere.yml'}: cannot be read" in complaint(campaign, [str(file)], capsys)
