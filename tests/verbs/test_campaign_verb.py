"""`campaign --ablate` with real short trainings: its rows, going on with it, and a user's mistakes."""

import csv
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from complaints import complaint

from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms import DQN
from dqn_zoo_ext.campaign import _log_folder
from dqn_zoo_ext.campaign import main as campaign
from dqn_zoo_ext.storage.agent_file import read_policy_weights
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train

PLUG_IN = """\
from pathlib import Path
from dqn_zoo_ext.algorithms import DQN, DoubleDQN
from dqn_zoo_ext.registry import register_algorithm

@register_algorithm("small", defaults=Path(__file__).with_suffix(".yml"))
class Small(DoubleDQN):
    pass

update, broken = DQN.train, Path(__file__).with_suffix(".broken")

def breaks(self, *arguments):
    if broken.exists() and self.settings is None and type(self) is DQN and self.seed == 2:
        raise RuntimeError("the accelerator has gone\\nfor good")
    return update(self, *arguments)

DQN.train = breaks
"""

SMALL = """\
n_steps: 3
ablations:
  no_window: {params: {n_steps: 1}}
  no_double: {algo: dqn, params: {batch_size: 8, policy_kwargs.net_arch: [8, 8]}}
"""
# over the game's file, which lies over the algorithm's: short runs that learn
LEARN = ["learning_starts:100", "buffer_size:500", "batch_size:16", "train_freq:4", "gradient_steps:1"]
LEARN += ["replay_buffer_class:frame_ring", "exploration_begins:learning_starts", "eval_episodes:2", "eval_freq:200"]


@pytest.fixture(autouse=True)
def small(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The YAML file of 'small', an algorithm with ablations; a module beside it registers it, for one test."""
    file = tmp_path_factory.mktemp("plugin") / "small_plugin.yml"
    file.write_text(SMALL)
    file.with_suffix(".py").write_text(PLUG_IN)
    monkeypatch.setattr(registry.algorithms, "_entries", dict(registry.algorithms._entries))
    monkeypatch.setattr(registry, "_defaults_of_algorithm", {})
    monkeypatch.setattr(DQN, "train", DQN.train)
    monkeypatch.syspath_prepend(file.parent)
    monkeypatch.delitem(sys.modules, "small_plugin", raising=False)
    importlib.import_module("small_plugin")
    return file


WORDS = ["--ablate", "small", "--env", "CartPole-v1", "--gym-packages", "small_plugin", "-n", "400", "-params", *LEARN]


def the_campaign(logs: Path) -> CampaignFolder:
    (path,) = (logs / "campaigns").iterdir()
    return CampaignFolder(path)


def rows_of(logs: Path) -> dict[tuple[str, int], dict[str, str]]:
    with the_campaign(logs).rows.open(newline="") as file:
        return {(row["variant"], int(row["seed"])): row for row in csv.DictReader(file)}


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def same_weights(one: Path, other: Path) -> bool:
    first, second = (read_policy_weights(path / "CartPole-v1.zip") for path in (one, other))
    return first.keys() == second.keys() and all(first[key].equal(second[key]) for key in first)


def test_rows_are_what_train_makes_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = tmp_path / "logs"
    typed = [*LEARN, "n_steps:5", "gamma:0.9"]
    assert campaign([*WORDS, "n_steps:5", "gamma:0.9", "--seeds", "1", "2", "-f", str(logs), "--json"]) == 0
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if line.startswith("run ")]
    assert len(lines) == 6  # one for each run, and nothing of the runs themselves
    assert lines[0] == "run 1 of 6: whole, seed 1"
    assert re.search(r"^whole, seed 1: final [\d.]+, best [\d.]+, \d+ s$", out, re.MULTILINE)
    assert re.fullmatch(r"run 6 of 6: no_double, seed 2, about 0:00:\d\d left", lines[5])
    assert "agent steps," in out  # the table's title, not a run's progress
    assert "evaluation after" not in out
    rows = rows_of(logs)
    assert list(rows) == [(name, seed) for seed in (1, 2) for name in ("whole", "no_window", "no_double")]
    # each is the run that `train` makes alone; the window's ablation lies over what was typed
    less = [word for word in typed if not word.startswith(("n_steps", "batch_size"))]
    for name, algo, words in (
        ("whole", "small", typed),
        ("no_window", "small", [*less, "n_steps:1", "batch_size:16"]),
        ("no_double", "dqn", [*less, "n_steps:5", "batch_size:8", "policy_kwargs.net_arch:[8,8]"]),
    ):
        alone = tmp_path / name
        given = [
            "--algo",
            algo,
            "--env",
            "CartPole-v1",
            "-n",
            "400",
            "--seed",
            "2",
            "-f",
            str(alone),
            "-params",
            *words,
        ]
        assert train([*given, "--verbose", "0"]) == 0
        row, run = rows[name, 2], alone / algo / "CartPole-v1_1"
        assert same_weights(run, Path(row["run_folder"]))
        results = read_results(run / "results.json")
        assert results.updates == 75
        assert results.final is not None
        assert results.best is not None
        assert float(row["final_mean"]) == results.final.mean
        assert float(row["best_mean"]) == results.best.mean
        assert (row["protocol"], row["agent_steps"], row["state"]) == (results.final.protocol, "400", "finished")
        assert row["updates"] == "75"
    assert not same_weights(*(Path(rows[name, 1]["run_folder"]) for name in ("whole", "no_window")))
    assert rows["no_window", 1]["changed"] == "n_steps:1"
    assert rows["no_double", 1]["changed"].startswith("algo:dqn batch_size:8")
    assert [row["algo"] for row in rows.values()] == ["small", "small", "dqn"] * 2
    found = json.loads(out.splitlines()[-1])
    assert found["folder"] == str(the_campaign(logs).path)
    assert [each["variant"] for each in found["table"]] == ["whole", "no_window", "no_double"]
    assert len(found["runs"]) == 6
    assert "| no_window | n_steps:1 | 2 |" in the_campaign(logs).table.read_text()


def test_the_command_in_a_runs_folder_makes_the_run_again(tmp_path: Path) -> None:
    assert campaign([*WORDS, "--seeds", "3", "--only", "no_window", "-f", str(tmp_path), "--verbose", "0"]) == 0
    run = Path(rows_of(tmp_path)["no_window", 3]["run_folder"])
    assert set(rows_of(tmp_path)) == {("whole", 3), ("no_window", 3)}
    words = (run / "CartPole-v1" / "command.txt").read_text().split()
    assert words[:3] == ["python", "-m", "dqn_zoo_ext.train"]
    assert train([*words[3:], "--verbose", "0"]) == 0
    again = run.with_name("CartPole-v1_3")
    assert same_weights(run, again)


def test_going_on_does_only_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*WORDS, "-f", str(tmp_path)]
    assert campaign([*words, "--seeds", "1"]) == 0
    folder = the_campaign(tmp_path)
    before = rows_of(tmp_path)
    lines = folder.rows.read_text().splitlines(keepends=True)
    folder.rows.write_text("".join([*lines[:2], *lines[3:]]))  # without the second run's
    capsys.readouterr()
    assert campaign([*WORDS, "--seeds", "1", "4", "--only", "no_window", "--into", str(folder.path)]) == 0
    out = capsys.readouterr().out
    assert "1 of 4 runs are done already" in out
    assert [line.partition(", about")[0] for line in out.splitlines() if "run " in line[:4]] == [
        "run 2 of 4: no_window, seed 1",
        "run 3 of 4: whole, seed 4",
        "run 4 of 4: no_window, seed 4",
    ]
    after = rows_of(tmp_path)  # in the campaign's log folder, though -f was not given
    assert after["no_double", 1] == before["no_double", 1]
    assert after["whole", 1] == before["whole", 1]
    assert same_weights(Path(after["no_window", 1]["run_folder"]), Path(before["no_window", 1]["run_folder"]))
    assert after["no_window", 1]["run_folder"] != before["no_window", 1]["run_folder"]
    assert len(after) == 5
    manifest = folder.read_manifest()
    assert manifest.seeds == (1, 4)
    assert list(manifest.variants) == ["whole", "no_window", "no_double"]


def test_a_run_that_fails_is_a_row_and_the_others_are_done(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.with_suffix(".broken").touch()
    words = [*WORDS, "--seeds", "1", "2", "-f", str(tmp_path)]
    assert campaign(words) == 1
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("1 of 6 runs failed, ")
    assert "go on with: " in line
    assert "no_double, seed 2: failed: RuntimeError: the accelerator has gone" in captured.out
    rows = rows_of(tmp_path)
    assert rows["no_double", 2]["reason"] == "RuntimeError: the accelerator has gone"
    assert rows["no_double", 2]["final_mean"] == ""
    assert {row["state"] for key, row in rows.items() if key != ("no_double", 2)} == {"finished"}
    assert "| no_double | algo:dqn" in the_campaign(tmp_path).table.read_text()
    small.with_suffix(".broken").unlink()
    assert campaign([*words, "--into", str(the_campaign(tmp_path).path)]) == 0  # it is tried again
    assert rows_of(tmp_path)["no_double", 2]["state"] == "finished"


def test_a_nan_is_a_row(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = small.read_text().replace("{n_steps: 1}", "{learning_rate: 1e+30}")
    small.write_text(text)
    assert campaign([*WORDS, "--seeds", "1", "--only", "no_window", "-f", str(tmp_path)]) == 1
    assert "1 of 2 runs failed" in capsys.readouterr().err
    row = rows_of(tmp_path)["no_window", 1]
    assert row["state"] == "failed"
    assert "not finite" in row["reason"]
    assert Path(row["run_folder"]).is_dir()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--ablate smal --env CartPole-v1", "unknown algorithm 'smal'; did you mean 'small'"),
        (
            "--ablate double_dqn --env CartPole-v1",
            "'double_dqn' has no ablations block in its YAML file; there is one for ",
        ),
        ("--ablate double_dqn --env CartPole-v1", "; --algos compares algorithms"),
        ("--ablate small --env CartPoel-v1", "did you mean 'CartPole-v1'"),
        ("--env CartPole-v1", "--ablate"),
        ("--ablate small --env CartPole-v1 --only no_windo", "no variant 'no_windo'; did you mean 'no_window'"),
        ("--ablate small --env CartPole-v1 --seeds 1 2 1", "--seeds: 1 is given twice"),
        ("--ablate small --env CartPole-v1 --seeds -1", "--seeds: must be from 0 to 2**31 - 1, not -1"),
        ("--ablate small --env CartPole-v1 --seeds x", "--seeds: must be a whole number, not 'x'"),
        ("--ablate small --env CartPole-v1 --seds 1", "unknown option '--seds'; did you mean '--seeds'"),
        ("--ablate small --env CartPole-v1 -n 0", "-n: n_timesteps: must be at least 1, not 0"),
        ("--ablate small --env CartPole-v1 --device abacus", "--device: cannot use 'abacus'"),
        ("--ablate small --env CartPole-v1 -conf nowhere.yml", "nowhere.yml"),
        ("--ablate small --env CartPole-v1 -params eval_freq:-1", "-params: eval_freq: must be at least 1"),
        ("--ablate small --env CartPole-v1 -params gama:1", "-params: unknown key 'gama'"),
        ("--ablate small --env Pendulum-v1", "needs discrete actions, and the environment has Box("),
        ("--ablate small --env CartPole-v1 --into nowhere", "no campaign folder 'nowhere'"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    words: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in complaint(campaign, [*words.split(), "-f", str(tmp_path / "logs")], capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{params: {n_step: 1}}", "variant 'no_window': {file}:3: unknown key 'n_step' for algorithm 'small'"),
        ("{params: {gamma: 2}}", "variant 'no_window': {file}:3: gamma"),
        ("{algo: small}", "variant 'no_window': it is 'small' itself"),
        ("{algo: smal, params: {gamma: 1}}", "{file}:3: ablations.no_window.algo: unknown algorithm 'smal'"),
        ("{params: {loss: quantile_huber}}", "variant 'no_window': {file}:3: loss"),
        ("{params: {policy: CnnPolicy}}", "variant 'no_window': "),
        ("{params: {policy_kwargs.torso: nature}}", "variant 'no_window': "),
    ],
)
def test_a_variant_that_cannot_be_is_named_before_the_first_run(
    entry: str, expected: str, small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.write_text(SMALL.replace("{params: {n_steps: 1}}", entry))
    line = complaint(campaign, [*WORDS, "-f", str(tmp_path / "logs")], capsys)
    assert line.startswith(expected.format(file=small))
    assert list(tmp_path.iterdir()) == []


def test_another_campaign_is_not_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*WORDS, "--seeds", "1", "--only", "no_window", "-f", str(tmp_path)]
    assert campaign([*words, "--verbose", "0"]) == 0
    folder = the_campaign(tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    into = [*words, "--into", str(folder.path)]
    line = complaint(campaign, [*WORDS, "gamma:0.9", *into[len(WORDS) :]], capsys)
    assert line.startswith("--into: variant 'whole' has changed: gamma was 0.99 and is 0.9; leave --into out")
    line = complaint(campaign, [word.replace("CartPole-v1", "Acrobot-v1") for word in WORDS] + into[-2:], capsys)
    assert "is the ablation of small on CartPole-v1, not the ablation of small on Acrobot-v1" in line
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == files
    folder.rows.write_text(folder.rows.read_text().replace("finished", "ended", 1))
    assert "runs.csv:2: state: " in complaint(campaign, into, capsys)
    shutil.rmtree(folder.path / "variants")  # what is gone is written again
    folder.rows.unlink()
    assert campaign([*into, "--verbose", "0"]) == 0
    assert {row["state"] for row in rows_of(tmp_path).values()} == {"finished"}


def test_a_campaigns_log_folder_is_where_its_name_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not where a link leads, to another disk say."""
    (tmp_path / "scratch" / "campaigns" / "x").mkdir(parents=True)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "campaigns").symlink_to(tmp_path / "scratch" / "campaigns")
    monkeypatch.chdir(tmp_path / "logs")
    for into in (Path("campaigns/x"), tmp_path / "logs" / "campaigns" / "x"):
        assert _log_folder(Namespace(log_folder=None, into=into)) == tmp_path / "logs"
    monkeypatch.chdir(tmp_path / "logs" / "campaigns" / "x")
    assert (
        _log_folder(Namespace(log_folder=None, into=Path())) == tmp_path / "scratch"
    )  # the system knows no other name


def start(plugin: Path, *words: str) -> "subprocess.Popen[str]":
    paths = os.pathsep.join(filter(None, [str(plugin.parent), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "dqn_zoo_ext", "campaign", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )


def wait_for_second_run(logs: Path, process: "subprocess.Popen[str]") -> Path:
    """The folder of the second run, once a checkpoint lies in it."""
    deadline = time.monotonic() + 120
    while not (found := list(logs.glob("*/CartPole-v1_2/checkpoints/agent_steps_*"))):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found[0].parent.parent


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_stopped_or_killed_and_gone_on_with(number: signal.Signals, small: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    words = [word.replace("400", "1500") for word in WORDS]
    words += ["--seeds", "1", "--only", "no_window", "--n-jobs", "1", "-f", str(logs)]
    process = start(small, *words)
    second = wait_for_second_run(logs, process)
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    rows = rows_of(logs)
    assert rows["whole", 1]["state"] == "finished"
    assert rows["no_window", 1]["run_folder"] == str(second)
    if number is signal.SIGTERM:
        assert process.returncode == 75, output
        assert "stopping: the runs under way save a checkpoint" in output
        assert rows["no_window", 1]["state"] == "stopped"
        folder = the_campaign(logs).path
        go_on = rf"stopped by SIGTERM; go on with: \S+ -m dqn_zoo_ext.campaign {' '.join(words)} --into {folder}$"
        assert re.search(go_on, output, re.MULTILINE), output
    else:
        assert process.returncode == -signal.SIGKILL
        assert rows["no_window", 1]["state"] == "begun"
    assert "Traceback" not in output
    again = start(small, *words, "--into", str(the_campaign(logs).path))
    output, _ = again.communicate(timeout=240)
    assert again.returncode == 0, output
    assert "1 of 2 runs are done already" in output
    after = rows_of(logs)
    assert after["whole", 1] == rows["whole", 1]
    assert after["no_window", 1]["run_folder"] == str(second)  # gone on with, from its checkpoint
    assert {row["state"] for row in after.values()} == {"finished"}
    alone = ["--algo", "small", "--env", "CartPole-v1", "-n", "1500", "--seed", "1", "-f", str(tmp_path / "alone")]
    assert train([*alone, "--verbose", "0", "-params", *LEARN, "n_steps:1"]) == 0
    assert same_weights(tmp_path / "alone" / "small" / "CartPole-v1_1", second)
