import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from huggingface_sb3 import EnvironmentName  # type: ignore[import-untyped]
from rl_zoo3.utils import get_latest_run_id, get_model_path

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.run_folder import RunFolder, each_once

PONG = "PongNoFrameskip-v4"


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_folder_is_known_by_every_path_that_leads_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder.claim(tmp_path, "dqn", PONG).path
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    monkeypatch.chdir(run)
    paths = [Path(), Path("..", run.name), Path(PONG, ".."), run]
    assert [(RunFolder.at(path).algo, RunFolder.at(path).env) for path in paths] == [("dqn", PONG)] * 4
    assert each_once([*paths, tmp_path / "circle"]) == [Path(), tmp_path / "circle"]


def test_every_file_has_its_place_in_rl_zoos_tree() -> None:
    run = RunFolder(Path("logs/dqn/Pong_3"), "dqn", "Pong")
    names = ["Pong.zip", "best_model.zip", "rl_model_40_steps.zip", "evaluations.npz", "0.monitor.csv", "results.json"]
    names += ["tensorboard", "replay.mp4", "Pong", "Pong/config.yml", "Pong/args.yml", "Pong/command.txt"]
    places = [run.final_model, run.best_model, run.checkpoint(40), run.evaluations, run.monitor, run.results]
    places += [run.tensorboard, run.video, run.config_folder, run.config, run.args, run.command]
    assert [str(place) for place in places] == [f"logs/dqn/Pong_3/{name}" for name in names]


def test_claims_count_on_from_the_highest_number_as_rl_zoo_does(tmp_path: Path) -> None:
    first = RunFolder.claim(tmp_path / "deep" / "logs", "dqn", PONG)
    assert first == RunFolder(tmp_path / "deep" / "logs" / "dqn" / f"{PONG}_1", "dqn", PONG)
    assert first.config_folder.is_dir()
    (tmp_path / "deep" / "logs" / "dqn" / f"{PONG}_41").mkdir()
    (tmp_path / "deep" / "logs" / "dqn" / f"{PONG}_x").mkdir()
    (tmp_path / "deep" / "logs" / "dqn" / f"My{PONG}_77").mkdir()
    latest = get_latest_run_id(str(tmp_path / "deep" / "logs" / "dqn"), EnvironmentName(PONG))
    assert RunFolder.claim(tmp_path / "deep" / "logs", "dqn", PONG).path.name == f"{PONG}_{latest + 1}" == f"{PONG}_42"


def test_a_file_takes_a_number_too(tmp_path: Path) -> None:
    touch(tmp_path / "dqn" / f"{PONG}_1")
    assert RunFolder.claim(tmp_path, "dqn", PONG).path.name == f"{PONG}_2"


def test_runs_that_start_at_once_never_share_a_folder(tmp_path: Path) -> None:
    at_once = Barrier(16)

    def claim(_: int) -> Path:
        at_once.wait()
        return RunFolder.claim(tmp_path / "logs", "dqn", PONG).path

    with ThreadPoolExecutor(16) as pool:
        paths = [path for _ in range(3) for path in pool.map(claim, range(16))]
    assert len(set(paths)) == 48
    assert {int(path.name.rpartition("_")[2]) for path in paths} == set(range(1, 49))


def test_a_uuid_is_appended_and_found_by_number(tmp_path: Path) -> None:
    run = RunFolder.claim(tmp_path, "dqn", PONG, unique=True)
    assert re.fullmatch(rf"{PONG}_1_[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}", run.path.name)
    assert RunFolder.find(tmp_path, "dqn", PONG) == run
    assert RunFolder.find(tmp_path, "dqn", PONG, 1) == run
    plain = RunFolder.claim(tmp_path, "dqn", PONG)  # RL-Zoo does not count runs with a UUID
    assert plain.path.name == f"{PONG}_1"
    assert RunFolder.find(tmp_path, "dqn", PONG, 1) == plain


def test_the_newer_of_two_uuid_runs_of_one_number_is_found(tmp_path: Path) -> None:
    runs = [RunFolder.claim(tmp_path, "dqn", PONG, unique=True) for _ in range(3)]
    for age, run in zip((5, 1, 9), runs, strict=True):
        os.utime(run.path, (1_000_000 - age, 1_000_000 - age))
    assert RunFolder.find(tmp_path, "dqn", PONG) == runs[1]


def test_each_of_several_uuid_runs_is_found_by_its_whole_name(tmp_path: Path) -> None:
    runs = [RunFolder.claim(tmp_path, "dqn", PONG, unique=True) for _ in range(3)]
    RunFolder.claim(tmp_path, "dqn", PONG)
    for run in runs:
        assert RunFolder.find(tmp_path, "dqn", PONG, run.path.name.removeprefix(f"{PONG}_")) == run
    with pytest.raises(UserError, match=r"no run 1_0f of 'dqn' on .*; there are runs 1"):
        RunFolder.find(tmp_path, "dqn", PONG, "1_0f")


def test_a_run_may_be_named_from_within_folders_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder.claim(tmp_path, "dqn", PONG)
    (run.path / "deep").mkdir()
    for here, typed in (
        (run.path, f"../{run.path.name}"),
        (run.path, "."),
        (run.path / "deep", ".."),
        (run.path.parent, run.path.name),
        (tmp_path, f"dqn/{run.path.name}"),
        (run.config_folder, f"../../{run.path.name}"),
    ):
        monkeypatch.chdir(here)
        found = RunFolder.at(Path(typed))
        assert (found.path.resolve(), found.algo, found.env) == (run.path, "dqn", PONG)


@pytest.mark.parametrize("exp_id", [0, 2, 10, -1])
@pytest.mark.parametrize(
    ("load_best", "load_checkpoint", "load_last_checkpoint"),
    [(False, None, False), (True, None, False), (True, 500, True), (False, 500, True), (False, None, True)],
)
def test_the_same_file_is_chosen_as_in_rl_zoo(
    tmp_path: Path, exp_id: int, load_best: bool, load_checkpoint: int | None, load_last_checkpoint: bool
) -> None:
    for folder in ("dqn", f"dqn/{PONG}_2", f"dqn/{PONG}_10"):
        for name in (f"{PONG}.zip", "best_model.zip", "rl_model_500_steps.zip", "rl_model_1000_steps.zip"):
            touch(tmp_path / folder / name)
        touch(tmp_path / folder / ".rl_model_9999_steps.12345678.zip")  # left by a process that was killed
    _, expected, _ = get_model_path(
        exp_id,
        str(tmp_path),
        "dqn",
        EnvironmentName(PONG),
        load_best=load_best,
        load_checkpoint=None if load_checkpoint is None else str(load_checkpoint),
        load_last_checkpoint=load_last_checkpoint,
    )
    run = RunFolder.find(tmp_path, "dqn", PONG, exp_id)
    assert run.model_file(load_best, load_checkpoint, load_last_checkpoint) == Path(expected)


def test_without_numbered_runs_the_agent_may_lie_in_the_algorithms_folder(tmp_path: Path) -> None:
    touch(tmp_path / "dqn" / f"{PONG}.zip")
    assert RunFolder.find(tmp_path, "dqn", PONG).path == tmp_path / "dqn"


def test_an_absent_run_is_answered_with_what_lies_there(tmp_path: Path) -> None:
    def answer(algo: str, env: str, exp_id: int = 0, folder: Path = tmp_path) -> str:
        with pytest.raises(UserError) as caught:
            RunFolder.find(folder, algo, env, exp_id)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    missing = tmp_path / "none"
    assert answer("dqn", PONG, folder=missing) == f"no run of 'dqn' on '{PONG}' in '{missing}': there is no such folder"
    assert answer("dqn", PONG).endswith("; there are no runs in it")
    assert answer("\x1b[2J\nx", PONG).startswith(rf"no run of '\x1b[2J x' on '{PONG}'")
    for number in range(1, 14):
        (tmp_path / "dqn" / f"{PONG}_{number}" / PONG).mkdir(parents=True)
    (tmp_path / "studies" / "dqn2").mkdir(parents=True)  # of no algorithm
    assert answer("dqn", PONG, 99) == (
        f"no run 99 of 'dqn' on '{PONG}' in '{tmp_path}'; there are runs 13, 12, 11, 10, 9, 8, 7, 6, 5, 4 and 3 more"
    )
    assert answer("dqn", "PongNoFrameskip-v5").endswith(f"; did you mean '{PONG}'?")
    assert answer("rainbow", PONG, -1).endswith("; choose one of dqn, or train it first")
    assert answer("dqm", PONG).endswith("; did you mean 'dqn'? Or train it first")


def test_a_folder_above_those_of_runs_is_answered_with_them(tmp_path: Path) -> None:
    for number in (2, 1):
        (tmp_path / "dqn" / f"{PONG}_{number}" / PONG).mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        RunFolder.at(tmp_path / "dqn")
    both = f"{tmp_path}/dqn/{PONG}_1, {tmp_path}/dqn/{PONG}_2"
    assert str(caught.value) == f"'{tmp_path}/dqn' is not the folder of a run; in it lie {both}"


def test_an_absent_agent_is_answered_with_the_agents_there(tmp_path: Path) -> None:
    run = RunFolder.claim(tmp_path, "dqn", "Pong")
    with pytest.raises(UserError, match=r"^no agent 'Pong\.zip' in .*Pong_1'; there is no agent in it$"):
        run.model_file()
    with pytest.raises(UserError, match=r"no agent 'rl_model_\*_steps\.zip'"):
        run.model_file(load_last_checkpoint=True)
    touch(run.checkpoint(500))
    with pytest.raises(UserError, match=r"; there is rl_model_500_steps\.zip \(--load-checkpoint 500\)$"):
        run.model_file()
    touch(run.final_model)
    touch(run.path / "other.zip")
    with pytest.raises(UserError) as caught:
        run.model_file(load_best=True)
    assert str(caught.value).endswith(
        "; there are Pong.zip (without an option), rl_model_500_steps.zip (--load-checkpoint 500), other.zip"
    )
    touch(run.best_model)
    run.final_model.unlink()
    with pytest.raises(UserError, match=r"no agent 'Pong\.zip' .*; there are best_model\.zip \(--load-best\), rl_mod"):
        run.model_file()


def test_a_file_in_the_way_of_the_log_folder_is_one_line(tmp_path: Path) -> None:
    touch(tmp_path / "logs")
    for log_folder in (tmp_path / "logs", tmp_path / "logs" / "deeper"):
        with pytest.raises(UserError, match=r"^cannot make a run folder in log folder .*logs' is not a folder$"):
            RunFolder.claim(log_folder, "dqn", PONG)
    assert [file.name for file in tmp_path.iterdir()] == ["logs"]


@pytest.mark.parametrize("algo", ["x" * 300, "zero\0byte"])
def test_folders_made_on_the_way_to_a_failure_are_removed_again(tmp_path: Path, algo: str) -> None:
    with pytest.raises(UserError, match="cannot make a run folder"):
        RunFolder.claim(tmp_path / "new" / "logs", algo, PONG)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"logs\xff")
    with pytest.raises(UserError, match=r"log folder '.*logs\\udcff': its name is not UTF-8 text$"):
        RunFolder.claim(folder, "dqn", PONG)
    assert list(tmp_path.iterdir()) == []


def test_a_system_folder_that_takes_no_files_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^cannot make a run folder in log folder '/proc/logs': \S[^\n]+$"):
        RunFolder.claim(Path("/proc/logs"), "dqn", PONG)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir(mode=0o500)
    with pytest.raises(UserError, match="Permission denied"):
        RunFolder.claim(tmp_path / "logs", "dqn", PONG)


def test_discard_removes_what_claim_made_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    first = RunFolder.claim(tmp_path / "kept" / "logs", "dqn", "CartPole-v1")
    second = RunFolder.claim(tmp_path / "kept" / "logs", "dqn", "CartPole-v1")
    (first.path / "file").write_text("something")
    first.discard()  # made logs and dqn too, but the second run lies there now
    assert second.path.is_dir()
    assert not first.path.exists()
    second.discard()
    third = RunFolder.claim(tmp_path / "kept" / "new" / "logs", "dqn", "CartPole-v1")
    third.discard()
    assert sorted(path.name for path in (tmp_path / "kept").rglob("*")) == ["dqn", "logs"]


def test_a_folder_that_was_begun_in_is_empty_again_but_for_its_lock(tmp_path: Path) -> None:
    run = RunFolder.claim(tmp_path, "dqn", PONG)
    fresh = sorted(run.path.rglob("*"))
    lock = touch(run.path / ".lock")
    for begun in (run.monitor, run.tensorboard / "events.1", run.config, run.checkpoint_folder / "replay" / "rows"):
        touch(begun)
    elsewhere = touch(tmp_path / "elsewhere" / "kept")
    (run.path / "link").symlink_to(elsewhere.parent)
    run.empty()
    assert sorted(run.path.rglob("*")) == sorted([*fresh, lock])
    assert elsewhere.is_file()
