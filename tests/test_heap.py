"""Memory that an update has freed is there for the next one."""

import subprocess
import sys

import pytest

_UPDATES = """
import resource
{before}
import torch
from torch import nn
net = nn.Sequential(nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Flatten(),
                    nn.Linear(64 * 81, 512))
screens = torch.zeros(32, 4, 84, 84)
def update():
    net.zero_grad()
    net(screens + 1).sum().backward()
for _ in range(10):
    update()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    update()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults) / 10)
"""


def page_faults_in_an_update(before: str) -> float:
    done = subprocess.run([sys.executable, "-c", _UPDATES.format(before=before)], capture_output=True, check=True)
    return float(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_pages_are_not_fetched_anew_for_each_update() -> None:
    assert page_faults_in_an_update("import dqn_zoo_ext") < 350  # above 500 without it
