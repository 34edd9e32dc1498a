"""Checkpoints of real trainings, damaged in every way: seen every time, never loaded; the run goes on from an older."""

import json
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from short_runs import CART_POLE, SPACE_INVADERS, differences, the_run

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.storage.exact.checkpoints import CheckpointFolder
from dqn_zoo_ext.storage.exact.manifest import read_manifest
from dqn_zoo_ext.train import main as train

CUTS = 20
FLIPS = 200
OLDER, NEWER = "agent_steps_000000000450", "agent_steps_000000000600"


@pytest.fixture(scope="module")
def cart_pole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with two checkpoints."""
    folder = tmp_path_factory.mktemp("cart_pole")
    assert train([*CART_POLE, "-f", str(folder)]) == 0
    return the_run(folder)


@pytest.fixture(scope="module")
def space_invaders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with two checkpoints, whose state holds emulators and a ring of frames."""
    folder = tmp_path_factory.mktemp("space_invaders")
    assert train([*SPACE_INVADERS, "-f", str(folder)]) == 0
    return the_run(folder)


@pytest.fixture(params=["cart_pole", "space_invaders"])
def checkpoints(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a run's checkpoints, to be damaged."""
    run: Path = request.getfixturevalue(request.param)
    return Path(shutil.copytree(run / "checkpoints", tmp_path / "checkpoints"))


@pytest.fixture
def run(cart_pole: Path, tmp_path: Path) -> Path:
    """A copy of the whole run, to be damaged and resumed."""
    return Path(shutil.copytree(cart_pole, tmp_path / "double_dqn" / cart_pole.name))


def files_of_newest(checkpoints: Path) -> list[Path]:
    """All files that the newest checkpoint consists of."""
    newest = max(checkpoints.glob("agent_steps_*"))
    segments = read_manifest(newest / "manifest.json").segments
    files = sorted(newest.iterdir()) + [checkpoints / "replay" / segment.file for segment in segments]
    names = {"manifest.json", "state.json", "state.safetensors", "best_model.zip"}
    assert {file.name for file in files} > names
    assert len(segments) >= 2
    return files


@contextmanager
def damaged(file: Path, content: bytes) -> Iterator[None]:
    whole = file.read_bytes()
    assert content != whole
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(whole)


def assert_seen(checkpoints: Path, file: Path, what: str) -> None:
    """The newest checkpoint is not taken; what is wrong with it is one line that names the file."""
    newest = max(checkpoints.glob("agent_steps_*"))
    checkpoint, wrong = CheckpointFolder(checkpoints).newest()
    assert checkpoint is None or checkpoint.path != newest, what
    assert wrong[0].startswith(f"{newest.name}: {file.name} "), what
    assert "\n" not in wrong[0], what
    if file.parent == newest:  # the older one is whole
        assert checkpoint is not None, what
        assert len(wrong) == 1, what


def test_every_file_cut_at_twenty_places(checkpoints: Path) -> None:
    for file in files_of_newest(checkpoints):
        whole = file.read_bytes()
        for number in range(CUTS):
            place = number * len(whole) // CUTS if number < CUTS - 1 else len(whole) - 1
            with damaged(file, whole[:place]):
                assert_seen(checkpoints, file, f"{file.name} cut at byte {place} of {len(whole)}")
    assert CheckpointFolder(checkpoints).newest()[1] == []


def test_single_bits_flipped_at_two_hundred_places(checkpoints: Path) -> None:
    files, chance = files_of_newest(checkpoints), random.Random(0)
    for number in range(FLIPS):
        file = files[number % len(files)]
        content = bytearray(file.read_bytes())
        bit = chance.randrange(8 * len(content))
        content[bit // 8] ^= 1 << bit % 8
        with damaged(file, bytes(content)):
            assert_seen(checkpoints, file, f"{file.name}, bit {bit}")
    assert CheckpointFolder(checkpoints).newest()[1] == []


def test_bytes_added_behind(checkpoints: Path) -> None:
    for file in files_of_newest(checkpoints):
        for more in (b"\0", b"\n", b"\0" * 4096):
            with damaged(file, file.read_bytes() + more):
                assert_seen(checkpoints, file, f"{file.name} with {len(more)} bytes more")


def test_a_page_of_zeros(checkpoints: Path) -> None:
    """What some file systems leave after a power cut: the right size, the content never written."""
    for file in files_of_newest(checkpoints):
        content = file.read_bytes()
        with damaged(file, content[: len(content) // 2] + bytes(len(content) - len(content) // 2)):
            assert_seen(checkpoints, file, f"{file.name}, its second half zero")


def test_every_file_missing(checkpoints: Path) -> None:
    newest = max(checkpoints.glob("agent_steps_*"))
    for file in files_of_newest(checkpoints):
        aside = checkpoints / "aside"
        file.rename(aside)
        checkpoint, wrong = CheckpointFolder(checkpoints).newest()
        assert checkpoint is None or checkpoint.path != newest
        assert file.name in wrong[0]
        assert "\n" not in wrong[0]
        aside.rename(file)


def test_an_empty_folder(checkpoints: Path) -> None:
    newest = max(checkpoints.glob("agent_steps_*"))
    shutil.rmtree(newest)
    newest.mkdir()
    checkpoint, (line,) = CheckpointFolder(checkpoints).newest()
    assert checkpoint is not None
    assert line.startswith(f"{newest.name}: ")


def test_a_manifest_of_another_format(checkpoints: Path) -> None:
    newest = max(checkpoints.glob("agent_steps_*"))
    manifest = replace(read_manifest(newest / "manifest.json"), format_version=2)
    (newest / "manifest.json").write_text(manifest.text())
    checkpoint, wrong = CheckpointFolder(checkpoints).newest()
    assert checkpoint is not None
    assert wrong == [f"{newest.name}: manifest.json has format_version 2, and this program reads 1"]


@pytest.mark.parametrize("name", ["manifest.json", "state.json", "state.safetensors", "best_model.zip"])
def test_files_of_two_checkpoints_swapped(name: str, checkpoints: Path) -> None:
    older, newest = sorted(checkpoints.glob("agent_steps_*"))
    one, other = older / name, newest / name
    if alike := one.read_bytes() == other.read_bytes():
        assert name == "best_model.zip"  # no evaluation in between was better
    one.rename(checkpoints / "aside")
    other.rename(one)
    (checkpoints / "aside").rename(other)
    checkpoint, wrong = CheckpointFolder(checkpoints).newest()
    assert (checkpoint is None) == (not alike)
    assert [line.split(":")[0] for line in wrong] == ([] if alike else [newest.name, older.name])


def test_two_files_of_the_replay_swapped(checkpoints: Path) -> None:
    *_, one, other = files_of_newest(checkpoints)
    one.rename(checkpoints / "aside")
    other.rename(one)
    (checkpoints / "aside").rename(other)
    assert_seen(checkpoints, one, "swapped")


# -- and what a user sees ---------------------------------------------------------------------------------------------


def test_resuming_falls_back_to_the_older_one_says_so_and_ends_alike(
    run: Path, cart_pole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = run / "checkpoints" / NEWER / "state.safetensors"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 16
    state.write_bytes(content)
    (run / "checkpoints" / ".writing_agent_steps_000000000750_0a").mkdir()
    (run / "results.json").unlink()  # killed before its end: a finished run has nothing to go on with
    assert train(["--resume", str(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "left aside: .writing_agent_steps_000000000750_0a: half-written" in lines
    assert f"left aside: {NEWER}: state.safetensors is damaged: its checksum is wrong" in lines
    assert any(line.startswith("going on after 450 agent steps: double_dqn on CartPole-v1") for line in lines)
    assert differences(cart_pole, run) == []
    checkpoint, wrong = CheckpointFolder(run / "checkpoints").newest()
    assert checkpoint is not None
    assert (checkpoint.agent_steps, wrong) == (600, [])
    assert len(list((run / "checkpoints").glob(f"damaged_{NEWER}_*"))) == 1


@pytest.mark.parametrize("what", ["manifests", "a file of the replay", "no checkpoint"])
def test_where_none_is_left_it_is_one_line_and_nothing_is_changed(
    what: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = run / "checkpoints"
    if what == "manifests":
        for manifest in checkpoints.glob("*/manifest.json"):
            manifest.write_text("{")
    elif what == "a file of the replay":
        shared = set.intersection(
            *({each.file for each in read_manifest(path).segments} for path in checkpoints.glob("*/manifest.json"))
        )
        (checkpoints / "replay" / shared.pop()).write_bytes(b"")
    else:
        shutil.rmtree(checkpoints)
    before = _content(run)
    with pytest.raises(SystemExit) as ended:
        run_verb(train, ["--resume", str(run)])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    if what == "no checkpoint":
        assert line == f"error: no checkpoint in {str(run)!r}: a run makes them unless it is told --save-freq -1"
    else:
        assert line.startswith(f"error: no usable checkpoint in {str(run)!r}: {NEWER}: ")
        assert f"; {OLDER}: " in line
    assert _content(run) == before


def _content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_a_checkpoint_of_another_run_is_not_gone_on_with(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole, but of a run with other hyperparameters: a folder that was copied together by hand."""
    assert train([*CART_POLE, "gamma:0.5", "policy_kwargs.net_arch:[8]", "-f", str(tmp_path / "other")]) == 0
    shutil.rmtree(run / "checkpoints")
    shutil.copytree(the_run(tmp_path / "other") / "checkpoints", run / "checkpoints")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run_verb(train, ["--resume", str(run)])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    changes = "policy_kwargs.net_arch was [8] and is [256, 256], gamma was 0.5 and is 0.99"
    assert line.startswith(f"error: --resume: the run has changed: {changes}; to allow it: ")


@pytest.mark.parametrize("name", ["0.monitor.csv", "progress.csv"])
def test_a_log_that_has_lost_lines_is_not_continued_in_silence(
    name: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run / "checkpoints" / NEWER)
    (run / "results.json").unlink()
    whole = (run / name).read_text().splitlines(keepends=True)
    (run / name).write_text("".join(whole[:5]))
    with pytest.raises(SystemExit) as ended:
        run_verb(train, ["--resume", str(run)])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line
    assert (run / name).read_text() == "".join(whole[:5])


def test_the_arguments_of_the_run_are_checked_too(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = run / "CartPole-v1" / "args.yml"
    whole = arguments.read_bytes()
    for content, said in (
        (b"", "holds no arguments of a run"),
        (b"[", "is not YAML: "),
        (b"- a\n- b\n", "holds no arguments of a run"),
        (json.dumps({"seed": "x" * 3}).encode(), ": seed must be a whole number, not 'xxx'"),
        (b"algo: dqn\n", ": seed must be a whole number, not null"),
        (whole + b"hyperparams: 7\n", ": hyperparams must be a list of words, not 7"),
        (whole + b"eval_env_kwargs: {a: 1}\n", ": eval_env_kwargs must be a list of words, not something else"),
        (whole + b"num_threads: [1]\n", ": num_threads must be a whole number, not something else"),
        (whole + b"log_folder:\n", ": log_folder must be text, not null"),
        (b"\xff\xfe" + whole, "is not YAML: 'utf-8' codec can't decode byte 0xff"),
        (b"[" * 2_000, "is not YAML: nested too deeply"),
        (b"seed: !!int ''\n", "is not YAML: "),
        (b"seed: 2024-13-45\n", "is not YAML: "),
    ):
        arguments.write_bytes(content)
        with pytest.raises(SystemExit) as ended:
            run_verb(train, ["--resume", str(run)])
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {arguments}")
        assert said in line
