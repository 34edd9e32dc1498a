"""The programs of docs/recipes.md, with trainings of seconds; test_running_the_guide.py has its commands."""

import re
import sys
from pathlib import Path

import pytest
from guide_commands import DOCS, run, shortened
from slurm_jobs import stop

PAGE = DOCS / "recipes.md"
TEXT = PAGE.read_text(encoding="utf-8")


def section(heading: str) -> str:
    return TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.slow
def test_an_agent_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = "--algo dqn --env CartPole-v1 -n 600 --seed 1 --eval-freq 300 --eval-episodes 1"
    assert run("train", shortened(words.split(), "-params learning_starts:100")) == 0
    first, second = re.findall(r"```python\n(.*?)```", section("An agent from Python"), re.DOTALL)
    exec(first + second, {})  # what the page tells people to type


@pytest.mark.slow
def test_the_job_script_stops_with_a_checkpoint_and_is_queued_again(tmp_path: Path) -> None:
    (script,) = re.findall(r"```bash\n(.*?)```", section("Slurm, with requeue"), re.DOTALL)
    small = "--env CartPole-v1 -n 60000 --eval-freq -1"
    script = script.replace("--env SpaceInvadersNoFrameskip-v4", small).replace("python", sys.executable, 1)
    assert stop(script.replace("--algo rainbow", "--algo dqn"), tmp_path, {"SLURM_JOB_ID": "7"}) == (75, "requeue 7\n")
    said = (tmp_path / "said").read_text()
    assert "no run to go on with; a new one, CartPole-v1_1, begins" in said
    assert "dqn on CartPole-v1" in said
