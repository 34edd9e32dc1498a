"""Memory that an update has freed is there for the next one; threads wait as suits whoever else is there; Ctrl-C."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from dqn_zoo_ext import process
from dqn_zoo_ext.process import most_memory, others_are_busy

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


_SLOW_NUMPY = """
import sys, time
class Slow:
    @staticmethod
    def find_spec(name, path, target=None):
        if name == "numpy":
            print("loading", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow)
"""


def page_faults_in_an_update(before: str) -> float:
    done = subprocess.run([sys.executable, "-c", _UPDATES.format(before=before)], capture_output=True, check=True)
    return float(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_pages_are_not_fetched_anew_for_each_update() -> None:
    assert page_faults_in_an_update("import dqn_zoo_ext") < 350  # above 500 without it


def waits_passively(**environment: str) -> str:
    """OMP_WAIT_POLICY once the package is imported."""
    given = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    said = "import dqn_zoo_ext, os; print(os.environ.get('OMP_WAIT_POLICY', 'not said'))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, check=True, env={**given, **environment})
    return done.stdout.decode().strip()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")
def test_beside_a_busy_program_threads_sleep_while_they_wait() -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.2)
        assert waits_passively() == "passive"
        assert waits_passively(OMP_WAIT_POLICY="active") == "active"
        assert waits_passively(GOMP_SPINCOUNT="1000") == "not said"
    finally:
        busy.kill()
        busy.wait()


@pytest.mark.parametrize(("content", "expected"), [("0.1 0.1 0.1 1/99 7", False), ("2 1 1 3/99 7", True), ("?", False)])
def test_what_the_system_says_of_its_load(content: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: content)
    assert others_are_busy(seconds_between=0.0) is expected


def test_where_the_system_does_not_tell_the_memory_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert most_memory() > 50 * 2**20
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert most_memory() == 0


@pytest.mark.parametrize("command", [["-m", "dqn_zoo_ext.plot"], ["-m", "dqn_zoo_ext", "plot"]])
def test_ctrl_c_while_a_command_is_loaded_is_not_a_traceback(command: list[str]) -> None:
    """Its first large module is being imported when somebody thinks better of it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(_SLOW_NUMPY)
        paths = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
        loading = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert loading.stdout is not None
        assert loading.stdout.readline() == "loading\n"
        loading.send_signal(signal.SIGINT)
        _, complaint = loading.communicate(timeout=30)
    assert loading.returncode == -signal.SIGINT
    assert complaint == ""


@pytest.mark.parametrize(
    ("argv", "typed", "expected"),
    [
        (["-m", "x"], ["python", "-X", "dev", "-m", "dqn_zoo_ext.train", "x"], True),
        (["-m", "x"], ["python", "-mdqn_zoo_ext", "x"], True),
        (["-m", "x"], ["python", "-m", "mine.study", "-m", "dqn_zoo_ext.train"], False),  # its package imports us
        (["-m"], ["python", "-m", "dqn_zoo_extra"], False),
        (["/bin/dqn-zoo-ext"], ["python", "/bin/dqn-zoo-ext"], True),
        (["mine.py"], ["python", "mine.py", "-m", "dqn_zoo_ext.train"], False),
        ([], [], False),
    ],
)
def test_what_is_a_command_of_ours(argv: list[str], typed: list[str], expected: bool) -> None:
    assert process._is_command_of_ours(argv, typed) == expected


def test_a_program_that_imports_us_keeps_its_ctrl_c() -> None:
    program = "import signal, dqn_zoo_ext; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_a_command_at_work_is_interrupted_as_ever() -> None:
    """By an exception, which tidies up on its way."""
    program = (
        "import signal, sys; sys.argv, sys.orig_argv = ['-m'], ['', '-m', 'dqn_zoo_ext.plot']; import dqn_zoo_ext\n"
    )
    program += "before = signal.getsignal(signal.SIGINT)\n"
    program += "from dqn_zoo_ext.cli.verb import run_verb\n"
    program += "run_verb(lambda _: print(before is signal.SIG_DFL) or signal.raise_signal(signal.SIGINT))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "True\n", "stopped\n")
