"""The built wheel, used from another directory as a user would: nothing of the checkout may be needed."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(arguments: list[str], cwd: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks: a build folder that setuptools has left would add its old files."""
    copy = tmp_path_factory.mktemp("source")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = listed.stdout.split("\n")
    for name in filter(None, tracked):
        if not name.startswith("tests/") and (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    python(["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), str(source)], source)
    return next(out.glob("*.whl"))


def test_it_holds_callbacks_and_yaml_files_but_no_links(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        sources = {str(path.relative_to(ROOT)) for path in (ROOT / "hyperparams").rglob("*.yml")}
        assert {f"dqn_zoo_ext/{name}" for name in sources} <= names
        published = ("final_scores.csv", "curves.csv", "sources.yml")
        assert {f"dqn_zoo_ext/evaluation/published/{name}" for name in published} <= names
        templates = (
            *(f"report/templates/{name}.html" for name in ("page", "study", "style")),
            *(f"sharing/templates/leaderboard.{kind}" for kind in ("html", "js")),
        )
        assert {f"dqn_zoo_ext/{name}" for name in templates} <= names
        shipped = {str(path.relative_to(ROOT)) for path in (ROOT / "dqn_zoo_ext" / "pretrained").glob("*/*")}
        assert shipped
        assert shipped <= names
        assert {"dqn_zoo_ext/callbacks/evaluation.py", "dqn_zoo_ext/py.typed", "dqn_zoo_ext/algorithms/dqn.py"} <= names
        assert not any(name.split("/")[0] in ("callbacks", "hyperparams", "tests") for name in names)
        assert all((info.external_attr >> 28) != 0o12 for info in archive.infolist())  # 0o12: a symbolic link


def test_the_sdist_holds_the_shipped_agents(source: Path, tmp_path: Path) -> None:
    build = f"from setuptools.build_meta import build_sdist; build_sdist({str(tmp_path)!r})"
    python(["-c", build], source)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    shipped = {str(path.relative_to(ROOT)) for path in (ROOT / "dqn_zoo_ext" / "pretrained").glob("*/*")}
    assert shipped
    assert shipped <= names


def test_it_trains_and_evaluates_from_another_directory(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    python(["-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(wheel)], tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    where = python(["-c", "import dqn_zoo_ext.callbacks; print(dqn_zoo_ext.callbacks.__file__)"], tmp_path, environment)
    assert where.startswith(str(site))
    python(["-m", "dqn_zoo_ext", "record_video", "--pretrained", "SpaceInvaders", "-n", "5"], tmp_path, environment)
    assert (tmp_path / "SpaceInvaders.mp4").is_file()
    words = ["--algo", "double_dqn", "--env", "CartPole-v1"]
    python(["-m", "dqn_zoo_ext", "train", *words, "-n", "300", "--seed", "1", "-f", "runs"], tmp_path, environment)
    words += ["-f", "runs", "--episodes", "2", "--json"]
    out = python(["-m", "dqn_zoo_ext.evaluate", *words], tmp_path, environment)
    assert len(json.loads(out.splitlines()[-1])["episodes"]) == 2


def test_the_folder_of_callbacks_refuses_a_second_identity() -> None:
    command = [sys.executable, "-c", "import callbacks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "import dqn_zoo_ext.callbacks, not the folder" in done.stderr
