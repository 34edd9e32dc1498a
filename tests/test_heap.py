"""Memory that an update has freed is there for the next one."""

import subprocess
import sys

import pytest

_UPDATES = """
import resource
{before}
import torch
def update():  # what an update of DQN takes and frees again: batches, maps, gradients
    return [torch.ones(size) for size in (900_000, 900_000, 410_000, 1_600_000)]
for _ in range(3):
    update()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    update()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults) / 20)
"""


def faults_in_an_update(before: str) -> float:
    done = subprocess.run([sys.executable, "-c", _UPDATES.format(before=before)], capture_output=True, check=True)
    return float(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_pages_are_not_fetched_anew_for_each_update() -> None:
    assert faults_in_an_update("import dqn_zoo_ext") < 50
    assert faults_in_an_update("") > 500  # what it is for
