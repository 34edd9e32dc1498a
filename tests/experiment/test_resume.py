"""What may change when a run is gone on with, what is refused, and what is said of it."""

import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dqn_zoo_ext.cli import train_options
from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.storage.agent_file import read_optimizer_state
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.exact.manifest import read_manifest
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.train import main as train

_CART_POLE = (
    "--algo double_dqn --env CartPole-v1 --seed 3 -n 300 --save-freq 100 --eval-freq 200 --eval-episodes 1 "
    "-params learning_starts:50 buffer_size:300 batch_size:16 train_freq:4 gradient_steps:1 policy_kwargs.net_arch:[16]"
)
_WORDS = _CART_POLE.split()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    assert train([*_WORDS, "-f", str(folder)]) == 0
    return folder / "double_dqn" / "CartPole-v1_1"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy that has only come to 200 agent steps, as if it had been killed there."""
    copy = Path(shutil.copytree(finished, tmp_path / "double_dqn" / finished.name))
    shutil.rmtree(copy / "checkpoints" / "agent_steps_000000000300")
    (copy / "results.json").unlink()
    return copy


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr, of exit code 2."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run_verb(train, words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line.removeprefix("error: ")


def test_nothing_changed_goes_on(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert train(["--resume", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("going on after 200 agent steps: ") for line in lines)
    assert not any(line.startswith(("changed: ", "warning: ", "left aside: ")) for line in lines)
    assert read_results(run / "results.json").agent_steps == 300


def test_what_is_typed_again_is_not_given_twice(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It stands in what was typed when the run was begun; a key of its own is read too, whichever -params it is in."""
    assert train(["--resume", str(run), "-params", "learning_starts:50", "-params", "batch_size:16"]) == 0
    assert not any(line.startswith("changed: ") for line in capsys.readouterr().out.splitlines())
    line = refused(["--resume", str(run), "-params", "gamma:0.5", "-params", "batch_size:8"], capsys)
    assert "gamma was 0.99 and is 0.5" in line
    assert "batch_size was 16 and is 8" in line


def test_settings_of_the_optimizer_that_are_allowed_to_change_do(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--resume", str(run), "-params", "optimizer_kwargs.eps:0.001", "optimizer_kwargs.weight_decay:0.25"]
    line = refused(words, capsys)
    assert line.startswith("--resume: the run has changed: optimizer_kwargs.")
    assert train([*words, "--allow-change", "optimizer_kwargs"]) == 0
    assert "changed: optimizer_kwargs.eps was 'nothing' and is 0.001" in capsys.readouterr().out.splitlines()
    (group,) = read_optimizer_state(run / "CartPole-v1.zip")["param_groups"]
    assert (group["eps"], group["weight_decay"]) == (0.001, 0.25)


@pytest.mark.parametrize(
    ("key", "was", "becomes", "words"),
    [
        ("seed", "3", "4", ["--seed", "4"]),
        ("optimizer", "'adam'", "'rmsprop'", ["-params", "optimizer:rmsprop"]),
        ("n_envs", "1", "2", ["-params", "n_envs:2"]),
        ("algo", "'double_dqn'", "'dqn'", ["--algo", "dqn"]),
    ],
)
def test_what_can_never_change(
    key: str, was: str, becomes: str, words: list[str], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    line = refused(["--resume", str(run), *words, "--allow-change", key], capsys)
    assert line == f"--resume: {key} was {was} and cannot become {becomes}; begin a new run for that"
    assert {path: path.read_bytes() for path in before} == before


def test_another_device_is_a_change(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's meta device stands for a GPU: every machine has it, though nothing can be computed there."""
    monkeypatch.setattr(train_options, "check_device", lambda name: name)
    line = refused(["--resume", str(run), "--device", "meta"], capsys)
    assert line == "--resume: the run has changed: device was 'cpu' and is 'meta'; to allow it: --allow-change device"


def test_another_name_of_the_same_device_is_none(run: Path) -> None:
    assert train(["--resume", str(run), "--device", "cpu"]) == 0
    assert read_results(run / "results.json").agent_steps == 300


def test_the_number_of_episodes_between_log_lines_counts_and_not_how_it_was_given(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(["--resume", str(run), "--log-interval", "8"], capsys)
    assert "log_interval was 4 and is 8" in line
    assert train(["--resume", str(run), "--log-interval", "4"]) == 0
    assert read_results(run / "results.json").agent_steps == 300


def test_a_run_that_was_not_named_is_named_where_it_cannot_go_on(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A job's own line, typed into a log folder that has another training of the same seed."""
    line = refused([*_WORDS, "gamma:0.5", "--eval-freq", "7", "-f", str(run.parent.parent), "--resume", "auto"], capsys)
    assert "gamma was 0.99 and is 0.5" in line
    assert f"the latest run of this seed is {run}: --resume FOLDER goes on with another one" in line


def test_an_option_that_was_not_given_is_called_so(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["--resume", str(run), "--n-eval-envs", "2"], capsys)
    assert "n_eval_envs was not given and is 2" in line


@pytest.mark.parametrize("way", ["option", "configuration"])
def test_a_change_is_found_whichever_way_it_was_said(
    way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(eval_freq: int, eval_episodes: int) -> list[str]:
        if way == "option":
            return ["--eval-freq", str(eval_freq), "--eval-episodes", str(eval_episodes)]
        return ["-params", f"eval_freq:{eval_freq}", f"eval_episodes:{eval_episodes}"]

    begin = ["--algo", "dqn", "--env", "CartPole-v1", "--seed", "3", "-f", str(tmp_path)]
    assert train([*begin, "-n", "20", "--save-freq", "10", *said(10, 1)]) == 0
    resume = ["--resume", str(tmp_path / "dqn" / "CartPole-v1_1"), "-n", "30"]
    line = refused([*resume, *said(7, 1)], capsys)
    assert "the run has changed: n_timesteps was 20 and is 30, eval_freq was 10 and is 7; to allow it" in line
    # evaluations.npz has as many games in each evaluation
    line = refused([*resume, *said(10, 2), "--allow-change", "n_timesteps", "eval_episodes"], capsys)
    assert line == "--resume: eval_episodes was 1 and cannot become 2; begin a new run for that"
    assert train([*resume, *said(7, 1), "--allow-change", "n_timesteps", "eval_freq"]) == 0


def test_a_callback_that_is_another_one_now_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def histogram(agent_steps: int) -> list[str]:
        return [*_WORDS[-6:], f"callback:[{{action_histogram: {{agent_steps: {agent_steps}}}}}]"]

    begin = ["-f", str(tmp_path), *_WORDS[:-6]]
    assert train([*begin, *histogram(100)]) == 0
    run = tmp_path / "double_dqn" / "CartPole-v1_1"
    more = ["--resume", str(run), "-n", "400", "--allow-change", "n_timesteps", "callback", "-params"]
    assert "does not fit this run" in refused([*more, *histogram(50)], capsys)
    assert train([*more, *histogram(100)]) == 0


def test_a_disk_that_is_full_before_the_run_goes_on_is_a_line(run: Path) -> None:
    """Here files of more than 8 kB cannot be written."""
    words = shlex.join([sys.executable, "-m", "dqn_zoo_ext.train", "--resume", str(run)])
    ended = subprocess.run(["bash", "-c", f"ulimit -f 8; {words}"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"error: cannot write {run / 'best_model.zip'}: File too large")
    assert train(["--resume", str(run)]) == 0


def test_an_end_that_has_passed_is_refused_before_anything_is_played_again(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run_verb(train, ["--resume", str(run), "-n", "150", "--allow-change", "n_timesteps"])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.err == "error: --resume: the run has 200 agent steps already, and cannot end after 150\n"
    assert captured.out == ""


def test_what_is_allowed_must_exist(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["--resume", str(run), "--allow-change", "learning_rat"], capsys)
    assert line == "--allow-change: there is no 'learning_rat'; did you mean 'learning_rate'?"


def test_other_versions_are_said_in_a_line_each(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / "checkpoints" / "agent_steps_000000000200" / "manifest.json"
    manifest = read_manifest(path)
    here = manifest.versions
    path.write_text(replace(manifest, versions=replace(here, torch="1.0.0", ale_py="0.1")).text())
    assert train(["--resume", str(run)]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning: ")]
    assert said == [
        f"warning: the checkpoint was made with torch 1.0.0, here is {here.torch}: not the same bytes, perhaps",
        f"warning: the checkpoint was made with ale_py 0.1, here is {here.ale_py}: not the same bytes, perhaps",
    ]


def test_what_a_killed_write_left_is_removed(run: Path) -> None:
    left = [run / ".best_model.0a1b2c3d.zip", run / ".evaluations.99999999.npz", run / ".results.deadbeef.json"]
    for path in left:
        path.write_bytes(b"half")
    of_the_user = run / ".my.notes"
    of_the_user.write_text("mine")
    assert train(["--resume", str(run)]) == 0
    assert [path for path in left if path.exists()] == []
    assert of_the_user.read_text() == "mine"
    assert (run / ".lock").is_file()
    assert CheckpointFolder(run / "checkpoints").newest()[1] == []


def test_why_a_new_run_begins_is_said(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word if word != "100" else "-1" for word in _WORDS]  # of --save-freq
    words[words.index("300")] = "60"
    resumed = [*words, "-f", str(tmp_path), "--resume", "auto"]

    def said() -> str:
        return next(line for line in capsys.readouterr().out.splitlines() if line.endswith(" begins"))

    assert train(resumed) == 0
    assert said() == "no run to go on with; a new one, CartPole-v1_1, begins"
    assert train(resumed) == 0
    assert said() == (
        "run CartPole-v1_1 cannot be resumed: there is no checkpoint in it (it was told --save-freq -1); "
        "a new one, CartPole-v1_2, begins"
    )
    (tmp_path / "double_dqn" / "CartPole-v1_2" / "CartPole-v1" / "args.yml").unlink()  # as if it was killed before
    assert train(resumed) == 0
    assert said().startswith("run CartPole-v1_2 cannot be resumed: there is no checkpoint in it; a new one, Cart")
    shutil.copytree(finished, tmp_path / "double_dqn" / "CartPole-v1_7")
    for each in (1, 2, 3):
        shutil.rmtree(tmp_path / "double_dqn" / f"CartPole-v1_{each}")
    assert train([*resumed, "--seed", "4"]) == 0
    assert said() == ("run CartPole-v1_7 cannot be resumed: it is of seed 3, not 4; a new one, CartPole-v1_8, begins")
