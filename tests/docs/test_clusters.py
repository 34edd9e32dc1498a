"""The job script in docs/clusters; test_running_the_guide.py runs the commands in its files."""

import sys
from pathlib import Path

import pytest
from guide_commands import DOCS
from slurm_jobs import stop

SCRIPT = DOCS / "clusters" / "slurm_array.sh"


@pytest.mark.slow
def test_a_task_of_the_array_stops_with_a_checkpoint_and_is_queued_again(tmp_path: Path) -> None:
    script = SCRIPT.read_text(encoding="utf-8").replace("python", sys.executable, 1)
    script = script.replace("--env SpaceInvadersNoFrameskip-v4 -n 1000000", "--env CartPole-v1 -n 200000")
    variables = {"LOGS": "logs", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"}
    assert stop(script, tmp_path, variables) == (75, "requeue 7_2\n")
    assert (tmp_path / "logs" / "studies.log").is_file()
