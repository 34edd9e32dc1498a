"""Memory that is full, wherever a run notices it: one line that says what may help, and how to go on."""

import errno
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.doctor import main as doctor
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.breakdowns import plain_memory_errors
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.train import main as train

MORE_THAN_THERE_IS = 2**45
FULL = "the memory is full: a smaller buffer_size or batch_size, or fewer n_envs, may help"
WORDS = ["--algo", "dqn", "--env", "CartPole-v1", "--seed", "1", "--eval-episodes", "1", "--verbose", "0"]
SMALL = ["n_timesteps:80", "learning_starts:20", "buffer_size:100", "batch_size:8", "train_freq:4", "gradient_steps:1"]


def test_memory_of_numpy_and_of_pytorch() -> None:
    with pytest.raises(UserError) as refused, plain_memory_errors():
        np.ones(MORE_THAN_THERE_IS)
    assert str(refused.value) == FULL
    with pytest.raises(UserError) as refused, plain_memory_errors():
        torch.ones(MORE_THAN_THERE_IS)
    assert str(refused.value) == FULL
    with pytest.raises(UserError, match="the GPU's memory is full"), plain_memory_errors():
        raise torch.OutOfMemoryError("CUDA out of memory.")


def test_other_errors_pass_on() -> None:
    with pytest.raises(RuntimeError, match="shapes do not fit"), plain_memory_errors():
        raise RuntimeError("shapes do not fit")


def a_large_batch(_: DeepQ, __: int, batch_size: int = 0) -> None:
    torch.ones(MORE_THAN_THERE_IS + batch_size)


def test_a_batch_that_the_memory_does_not_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeepQ, "train", a_large_batch)
    with pytest.raises(SystemExit) as ended:
        run_verb(train, [*WORDS, "-f", str(tmp_path), "-params", *SMALL])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    run = tmp_path / "dqn" / "CartPole-v1_1"
    go_on = f"python -m dqn_zoo_ext.train --resume {run}"
    assert line == f"error: {FULL}; the last checkpoint is of 0 agent steps: {go_on}"


def test_a_replay_that_the_disk_has_no_space_for_leaves_the_one_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train([*WORDS, "-f", str(tmp_path), "--save-replay-buffer", "-params", *SMALL]) == 0
    run = tmp_path / "dqn" / "CartPole-v1_1"
    before = (run / "replay_buffer.pkl").read_bytes()
    assert pickle.loads(before).pos == 80

    def full(_: object, file: io.BufferedWriter, **__: object) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pickle, "dump", full)
    with pytest.raises(SystemExit) as ended:
        run_verb(train, ["--resume", str(run), "-n", "90", "--allow-change", "n_timesteps"])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: cannot write {run / 'replay_buffer.pkl'}: No space left on device; ")
    assert (run / "replay_buffer.pkl").read_bytes() == before
    assert list(run.glob(".replay_buffer*")) == []


def test_the_doctor_notices_it_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeepQ, "train", a_large_batch)
    with pytest.raises(SystemExit) as ended:
        run_verb(doctor, [*WORDS, "-params", *SMALL])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {FULL}\n"
