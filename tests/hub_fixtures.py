"""A Hub on this machine and agents to push to it, as fixtures for all tests (a plug-in of tests/conftest.py)."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # most tests need no server
    from collections.abc import Iterator

    from hub_server import Hub


@pytest.fixture(scope="session")
def running_hub() -> "Iterator[Hub]":
    from hub_server import running

    with running() as hub:
        yield hub


@pytest.fixture
def hub(running_hub: "Hub", monkeypatch: pytest.MonkeyPatch) -> "Hub":
    """An empty Hub that this process speaks to as the user ann."""
    from hub_server import TOKEN

    running_hub.clear()
    monkeypatch.setenv("HF_ENDPOINT", running_hub.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return running_hub


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log folder with a run of dqn on CartPole, and its package for ann."""
    from pushing import push

    from dqn_zoo_ext.train import main as train

    folder = tmp_path_factory.mktemp("trained")
    assert train(f"--algo dqn --env CartPole-v1 -n 2000 --seed 1 -f {folder} --eval-freq 1000".split()) == 0
    assert push(folder, "--dry-run") == 0
    return folder


@pytest.fixture
def packed(trained: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(trained, tmp_path / "logs"))
