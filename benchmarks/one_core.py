"""The project's commands as some benchmarks run them: in processes of their own, on one thread, without a GPU."""

import os
import subprocess
import sys


def run(verb: str, words: list[str]) -> str:
    """What a command prints; CalledProcessError, with its complaint shown, if it fails."""
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    line = [sys.executable, "-m", f"dqn_zoo_ext.{verb}", *words]
    done = subprocess.run(line, env=one_thread, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        done.check_returncode()
    return done.stdout
