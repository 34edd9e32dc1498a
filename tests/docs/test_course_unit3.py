"""The course in one page and as a notebook: every command in them is run, small, with the Hub on this machine."""

import re
import shlex
from pathlib import Path
from typing import Any

import nbformat
import pytest
from guide_commands import DOCS, run, script_of, shortened
from hub_server import Hub
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from dqn_zoo_ext.storage.run_folder import RunFolder

PAGE, NOTEBOOK = DOCS / "course-unit3.md", DOCS / "course-unit3.ipynb"
SMALL = {
    "train": "-n 400 --eval-freq -1 -params learning_starts:100 buffer_size:1000 policy_kwargs.torso:nips",
    "enjoy": "-n 60",
    "push_to_hub": "--episodes 1 -n 30",
    "doctor": "--no-measure",
}
"""Words that are put after a command's own, so that it takes seconds."""
BEAM_RIDER = ("--algo", "dqn", "--env", "BeamRiderNoFrameskip-v4")


@pytest.fixture(scope="module")
def agent_of_sb3(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of sb3/dqn-BeamRiderNoFrameskip-v4, as somebody has pushed them."""
    logs = tmp_path_factory.mktemp("sb3")
    assert run("train", [*BEAM_RIDER, "-f", str(logs), *SMALL["train"].split()]) == 0
    made = RunFolder.at(logs / "dqn" / "BeamRiderNoFrameskip-v4_1")
    return {f"dqn-{made.env}.zip": made.final_model.read_bytes(), "config.yml": made.config.read_bytes()}


@pytest.fixture
def course_hub(hub: Hub, agent_of_sb3: dict[str, bytes]) -> Hub:
    hub.store.put("sb3/dqn-BeamRiderNoFrameskip-v4", agent_of_sb3)
    return hub


def notebook_as_shipped() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


@pytest.fixture
def _jupyter_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the kernel is written into the home of who runs the tests."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))


def commands_of_the_notebook() -> list[list[str]]:
    """The words of each command in its cells, with the page's word for the user and without those of a trial."""
    cells = [cell.source for cell in notebook_as_shipped().cells if cell.source.startswith("%%bash\n")]
    lines = [line for cell in cells for line in cell.splitlines()[1:]]
    return [shlex.split(re.sub(r" \$(TRAIN|ENJOY|PUSH)$", "", line).replace("$HF_USER", "USER")) for line in lines]


def test_every_command_of_the_page_works(
    course_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = {}
    for words in script_of(PAGE):
        assert words[:2] == ["python", "-m"]
        package, verb = words[2].split(".")
        assert package == "dqn_zoo_ext"
        given = ["ann" if word == "USER" else word for word in words[3:]]
        assert run(verb, shortened(given, SMALL.get(verb, ""))) == 0, words
        printed[verb] = capsys.readouterr().out
    assert set(printed) == {"doctor", "train", "enjoy", "push_to_hub", "leaderboard", "load_from_hub"}
    assert "the course asks for mean - std of at least 200 over 10 games" in printed["push_to_hub"]
    assert "* yours: 1; the best, ann/dqn-SpaceInvadersNoFrameskip-v4, is number 1 of 1" in printed["leaderboard"]
    assert "the run was finished" in printed["train"]  # --resume, typed second, found the first one's run
    pushed = course_hub.store.repos["ann/dqn-SpaceInvadersNoFrameskip-v4"].head.files
    assert {"README.md", "replay.mp4", "dqn-SpaceInvadersNoFrameskip-v4.zip"} <= set(pushed)
    assert "</html>" in (tmp_path / "leaderboard.html").read_text()
    assert not list(tmp_path.rglob("dqn.yml"))


def test_the_notebook_has_the_commands_of_the_page() -> None:
    page = [words for words in script_of(PAGE) if words[2] != "dqn_zoo_ext.doctor" and "--resume" not in words]
    assert commands_of_the_notebook() == page


@pytest.mark.slow  # each cell is a process; the quick test of the page makes the same commands
@pytest.mark.usefixtures("_jupyter_apart")
def test_the_notebook_runs(course_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_USER", "ann")
    notebook = notebook_as_shipped()
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output
    )
    assert "everything lies in logs/dqn/SpaceInvadersNoFrameskip-v4_1" in printed
    assert "the course asks for mean - std of at least 200 over 10 games" in printed
    assert "pushed: " in printed
    assert "games ended" in printed
    assert "is number 1 of 1" in printed
    shown = [output.data for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    assert any("<video" in str(each.get("text/html")) for each in shown)
    assert "ann/dqn-SpaceInvadersNoFrameskip-v4" in course_hub.store.repos
    assert (tmp_path / "rl-trained" / "dqn" / "BeamRiderNoFrameskip-v4_1").is_dir()


@pytest.mark.usefixtures("_jupyter_apart")
def test_a_command_that_fails_fails_the_notebook(hub: Hub, tmp_path: Path) -> None:
    assert hub.store.repos == {}
    notebook = notebook_as_shipped()
    notebook.cells = [each for each in notebook.cells if "load_from_hub" in each.source or "import sys" in each.source]
    with pytest.raises(CellExecutionError, match="no repository"):
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
