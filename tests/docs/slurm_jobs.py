"""A job script for Slurm, as bash runs it, with a scontrol that only notes that it was called."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from guide_commands import ROOT


def stop(script: str, folder: Path, variables: dict[str, str]) -> tuple[int, str]:
    """The exit code of the job, which gets SIGTERM as soon as a training is under way; and scontrol's words.

    folder: where it runs, with its log folder `logs`.
    """
    (folder / "job.sh").write_text(script)
    (folder / "bin").mkdir()
    (folder / "bin" / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {folder}/called\n')
    (folder / "bin" / "scontrol").chmod(0o755)
    bash = shutil.which("bash")
    assert bash is not None
    environment = {"HOME": str(folder), "PATH": f"{folder}/bin:/usr/bin:/bin", **variables}
    environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (folder / "said").open("wb") as said:
        job = subprocess.Popen(
            [bash, str(folder / "job.sh")],
            env=environment,
            cwd=folder,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        while not _is_under_way(folder) and job.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        job.send_signal(signal.SIGTERM)
        code = job.wait(timeout=120)
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
    assert _is_under_way(folder), (folder / "said").read_text()
    return code, (folder / "called").read_text() if (folder / "called").exists() else ""


def _is_under_way(folder: Path) -> bool:
    """Whether a checkpoint is there, of the beginning at least."""
    return any((folder / "logs").rglob("checkpoints/agent_steps_*/manifest.json"))
