"""What a stranger's config.yml and args.yml would have a training here do besides learning: it is left out."""

import sys
from pathlib import Path

import pytest
import yaml
from hub_server import Hub
from pushing import CARTPOLE, load, package_of, q_values

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.train import main as train

MODULE = "of_mallorys"


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Is there when mallory's module has been imported, which lies where Python finds it."""
    modules, mark = tmp_path / "modules", tmp_path / "it_ran"
    modules.mkdir()
    (modules / f"{MODULE}.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n")
    monkeypatch.syspath_prepend(str(modules))
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    return mark


@pytest.fixture
def loaded(packed: Path, hub: Hub, tmp_path: Path, mark: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Log folder with an agent whose callbacks would write into `mark`, and whose arguments name the module.

    Beside it lies what was said when it was loaded.
    """
    files = {path.name: path.read_bytes() for path in package_of(packed).iterdir()}
    del files["manifest.json"]
    config = yaml.safe_load(files["config.yml"])
    config["callback"] = [{"episode_files": {"folder": str(mark), "keep": 1}}]
    arguments = {**yaml.safe_load(files["args.yml"]), "gym_packages": [MODULE], "track": True}
    written = {"config.yml": yaml.safe_dump(config).encode(), "args.yml": yaml.safe_dump(arguments).encode()}
    hub.store.put("mallory/dqn-CartPole-v1", {**files, **written})
    logs = tmp_path / "elsewhere"
    assert load(logs, "-orga", "mallory") == 0
    (tmp_path / "said").write_text(capsys.readouterr().out)
    return logs


def test_callbacks_are_left_out_and_that_is_said(loaded: Path, packed: Path, mark: Path, tmp_path: Path) -> None:
    assert "the callbacks of its training are left out" in (tmp_path / "said").read_text()
    assert (q_values(loaded) == q_values(packed)).all()
    run = loaded / "dqn" / "CartPole-v1_1"
    go_on = ["-conf", str(run / "CartPole-v1" / "config.yml"), "-i", str(run / "CartPole-v1.zip")]
    assert train([*CARTPOLE, "-f", str(loaded), *go_on, "-n", "60", "--eval-freq", "-1", "--verbose", "0"]) == 0
    assert not mark.exists()


def test_there_is_nothing_to_resume_and_no_module_is_imported(loaded: Path, mark: Path) -> None:
    run = loaded / "dqn" / "CartPole-v1_1"
    arguments = run / "CartPole-v1" / "args.yml"
    assert not {"gym_packages", "track"} & yaml.safe_load(arguments.read_text()).keys()
    arguments.write_text(f"{arguments.read_text()}gym_packages: [{MODULE}]\n")  # as a folder from elsewhere may have it
    with pytest.raises(UserError, match=r"^no checkpoint in '"):
        train(["--resume", str(run)])
    assert not mark.exists()


def test_what_only_looks_like_a_checkpoint_imports_no_module(loaded: Path, mark: Path) -> None:
    run = loaded / "dqn" / "CartPole-v1_1"
    arguments = run / "CartPole-v1" / "args.yml"
    arguments.write_text(f"{arguments.read_text()}gym_packages: [{MODULE}]\n")
    (run / "checkpoints" / "agent_steps_000000000060").mkdir(parents=True)
    with pytest.raises(UserError, match=f"^--resume: the run was begun with --gym-packages {MODULE}, and code is run"):
        train(["--resume", str(run)])
    assert not mark.exists()


def test_the_module_is_there_to_be_imported(mark: Path) -> None:
    with pytest.raises(UserError, match="unknown algorithm"):
        train(["--gym-packages", MODULE, "--algo", "nobodys"])
    assert mark.exists()


def test_the_mode_in_which_rl_zoo_films_is_no_order(packed: Path, hub: Hub, tmp_path: Path) -> None:
    """RL-Zoo's push writes it beside the complete configuration of one of our runs, too."""
    files = {path.name: path.read_bytes() for path in package_of(packed).iterdir() if path.name != "manifest.json"}
    hub.store.put("mallory/dqn-CartPole-v1", {**files, "env_kwargs.yml": b"render_mode: rgb_array\n"})
    assert load(tmp_path / "elsewhere", "-orga", "mallory") == 0
