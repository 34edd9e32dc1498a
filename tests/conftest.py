"""For all tests: two short runs to look at, and as many threads as there are cores, over all processes together."""

import atexit
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # some tests run beside others, in processes of their own
if shutil.which("nvidia-smi") is None:  # kernels for a GPU are interpreted; Triton looks when it is first imported
    os.environ.setdefault("TRITON_INTERPRET", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Before any import of huggingface_hub, which reads them then: no test sees the token or the cache of who runs it, and
# uploads go through LFS, which the tests' own Hub speaks (tests/hub_server), and not through Xet
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="dqn_zoo_ext_hf_home_")
os.environ["SB3_LOGDIR"] = tempfile.mkdtemp(prefix="dqn_zoo_ext_sb3_logs_")  # else one folder for every model
for _variable in ("HF_HOME", "SB3_LOGDIR"):
    atexit.register(shutil.rmtree, os.environ[_variable], ignore_errors=True)
os.environ["HF_HUB_DISABLE_XET"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
for _variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
    os.environ.pop(_variable, None)

import dqn_zoo_ext  # noqa: E402, F401  # before any test imports PyTorch, as in the commands

# kernels are compiled where there is a GPU, else interpreted; both take Triton
collect_ignore = [] if importlib.util.find_spec("triton") is not None else ["learning/kernels"]

pytest_plugins = ["hub_fixtures", "postgres_fixtures", "tracker_fixtures"]

# a small network and ring, so that a run takes seconds
SMALL_ATARI = ["learning_starts:200", "buffer_size:2000", "policy_kwargs.torso:nips", "train_freq:16", "n_envs:4"]

# the file of the Hugging Face course's Unit 3, in RL-Zoo's format
COURSE = """\
SpaceInvadersNoFrameskip-v4:
  env_wrapper:
    - stable_baselines3.common.atari_wrappers.AtariWrapper
  frame_stack: 4
  policy: 'CnnPolicy'
  n_timesteps: !!float 1e6
  buffer_size: 100000
  learning_rate: !!float 1e-4
  batch_size: 32
  learning_starts: 100000
  target_update_interval: 1000
  train_freq: 4
  gradient_steps: 1
  exploration_fraction: 0.1
  exploration_final_eps: 0.01
  optimize_memory_usage: True
  replay_buffer_kwargs: "dict(handle_timeout_termination=False)"
"""


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    """A command that was told --num-threads leaves PyTorch with as many, and others' sums would round otherwise."""
    import torch

    before = torch.get_num_threads()
    yield
    if torch.get_num_threads() != before:
        torch.set_num_threads(before)


@pytest.fixture
def a_good_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the doctor this machine has memory and disk enough, whatever else runs on it."""
    from dqn_zoo_ext.experiment.doctor import diagnosis  # not for tests that ask no doctor
    from dqn_zoo_ext.experiment.doctor.resources import Memory

    monkeypatch.setattr(diagnosis, "main_memory", lambda: Memory(16 * 10**9, 14 * 10**9))
    monkeypatch.setattr(diagnosis, "free_disk", lambda _: 10**11)
    monkeypatch.setattr(diagnosis, "can_be_allocated", lambda _: True)
    monkeypatch.setattr(diagnosis, "gpu_left_unused", lambda: False)


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log folder with a run of dqn on Pong and one of double_dqn on CartPole."""
    from dqn_zoo_ext.train import main as train  # not for tests that need no run

    folder = tmp_path_factory.mktemp("logs")
    pong = f"--algo dqn --env PongNoFrameskip-v4 -n 600 --seed 1 -f {folder} --eval-episodes 1 --save-freq 400"
    assert train([*pong.split(), "-params", *SMALL_ATARI, "preprocessing_kwargs.max_frames_per_game:1200"]) == 0
    assert train(f"--algo double_dqn --env CartPole-v1 -n 2500 --seed 1 -f {folder} --save-replay-buffer".split()) == 0
    return folder
