"""The programs of docs/recipes.md, and its commands that need no cluster, with trainings of seconds."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from guide_commands import DOCS, commands_in, run, shortened

PAGE = DOCS / "recipes.md"
TEXT = PAGE.read_text(encoding="utf-8")
SHORT = {
    "train": "-n 400 --eval-episodes 1 -params learning_starts:100",
    "campaign": "-n 300 --n-jobs 2 -params learning_starts:100 eval_episodes:1",
    "evaluate": "--episodes 2",
}


def section(heading: str) -> str:
    return TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.slow
@pytest.mark.parametrize("heading", ["Go on with RL-Zoo's runs", "In continuous integration", "Beside"])
def test_commands_without_a_cluster_work(heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if "RL-Zoo" in heading:
        words = [*("--algo", "dqn", "--env", "CartPole-v1"), *("-f", "rl_zoo_logs", "-n", "1200", "--seed", "1")]
        subprocess.run([sys.executable, "-m", "rl_zoo3.train", *words], check=True, capture_output=True, timeout=300)
    (tmp_path / "page.md").write_text(next(part for part in TEXT.split("\n## ") if part.startswith(heading)))
    commands = list(commands_in(tmp_path / "page.md"))
    assert commands
    for each in commands:
        if each.words:
            assert run(each.verb, shortened(each.words, SHORT.get(each.verb, ""))) == 0, each


@pytest.mark.slow
def test_an_agent_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = "--algo dqn --env CartPole-v1 -n 600 --seed 1 --eval-freq 300 --eval-episodes 1"
    assert run("train", shortened(words.split(), "-params learning_starts:100")) == 0
    first, second = re.findall(r"```python\n(.*?)```", section("An agent from Python"), re.DOTALL)
    exec(first + second, {})  # what the page tells people to type


@pytest.mark.slow
def test_the_job_script_stops_with_a_checkpoint_and_is_queued_again(tmp_path: Path) -> None:
    """As bash runs it, with a scontrol that only notes that it was called."""
    (script,) = re.findall(r"```bash\n(.*?)```", section("Slurm, with requeue"), re.DOTALL)
    small = "--env CartPole-v1 -n 60000 --eval-freq -1"
    script = script.replace("--env SpaceInvadersNoFrameskip-v4", small).replace("python", sys.executable, 1)
    script = script.replace("--algo rainbow", "--algo dqn")
    (tmp_path / "job.sh").write_text(script)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\n')
    (tmp_path / "bin" / "scontrol").chmod(0o755)
    bash = shutil.which("bash")
    assert bash is not None
    environment = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin", "SLURM_JOB_ID": "7"}
    environment |= {"PYTHONPATH": str(DOCS.parent), "OMP_NUM_THREADS": "1"}
    job = subprocess.Popen([bash, str(tmp_path / "job.sh")], env=environment, cwd=tmp_path, stdout=subprocess.PIPE)
    assert job.stdout is not None
    assert b"a new one begins" in job.stdout.readline()
    assert b"dqn on CartPole-v1" in job.stdout.readline()
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=120) == 75
    job.stdout.close()
    assert (tmp_path / "called").read_text() == "requeue 7\n"
    assert list((tmp_path / "logs" / "dqn" / "CartPole-v1_1" / "checkpoints").iterdir())
