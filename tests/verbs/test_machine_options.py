"""Devices, threads and names of folders that cannot be: each one line, in every verb, before anything is made."""

import os
from pathlib import Path

import pytest
import torch
from complaints import Verb, complaint

from dqn_zoo_ext.campaign import main as campaign
from dqn_zoo_ext.cli.values import check_device
from dqn_zoo_ext.config.__main__ import main as config
from dqn_zoo_ext.doctor import main as doctor
from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.plot import main as plot
from dqn_zoo_ext.record_video import main as record_video
from dqn_zoo_ext.train import main as train
from dqn_zoo_ext.tune import main as tune

CART_POLE = ["--env", "CartPole-v1"]
NO_TEXT = os.fsdecode(b"logs\xff")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("meta", "Tensor.item() cannot be called on meta tensors"),
        ("hpu", "PyTorch has none here"),
        ("privateuseone", "PyTorch has none here"),
        ("mkldnn", "PyTorch has none here"),
        ("vulkan", "PyTorch has none here"),
        ("CPU", "no such device"),
        ("", "no such device"),
        ("cuda:-1", "no such device"),
    ],
)
def test_a_device_that_is_not_here(name: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 0)
    with pytest.raises(UserError) as refused:
        check_device(name)
    rest = "there is cpu (leave --device out to take what is there)"
    assert str(refused.value) == f"--device: cannot use '{name}': {why}; {rest}"


def test_the_devices_that_are_here_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    with pytest.raises(UserError, match="there is cpu, cuda:0, cuda:1 "):
        check_device("meta")


def test_a_device_that_is_here() -> None:
    assert [check_device(name) for name in ("auto", "cpu", "cpu:0")] == ["auto", "cpu", "cpu:0"]


@pytest.mark.parametrize("device", ["meta", "hpu"])
@pytest.mark.parametrize(("verb", "also"), [(evaluate, []), (enjoy, ["--no-render"]), (record_video, ["-o", "."])])
def test_an_agent_does_not_play_there(
    verb: Verb,
    also: list[str],
    device: str,
    logs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--algo", "double_dqn", *CART_POLE, "-f", str(logs), "--device", device, *also]
    assert complaint(verb, words, capsys).startswith(f"--device: cannot use '{device}': ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("device", ["meta", "privateuseone"])
@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (train, CART_POLE),
        (doctor, CART_POLE),
        (tune, CART_POLE),
        (campaign, ["--algos", "dqn", *CART_POLE]),
    ],
)
def test_nothing_is_trained_there(
    verb: Verb, words: list[str], device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = complaint(verb, [*words, "-f", str(tmp_path / "logs"), "--device", device], capsys)
    assert line.startswith(f"--device: cannot use '{device}': ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--ray-cpus", "--ray-gpus"])
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("-1", "must be at least 0 and finite, not -1"),
        ("inf", "must be at least 0 and finite, not inf"),
        ("nan", "must be at least 0 and finite, not nan"),
        ("half", "must be a number, not 'half'"),
    ],
)
def test_a_share_of_a_cluster_that_cannot_be(
    option: str, typed: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb, words in ((tune, CART_POLE), (campaign, ["--algos", "dqn", *CART_POLE]), (train, CART_POLE)):
        line = complaint(verb, [*words, "-f", str(tmp_path / "logs"), "--ray", "local", option, typed], capsys)
        assert line == f"argument {option}: {said}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", [train, doctor, evaluate, enjoy, record_video, config])
@pytest.mark.parametrize("threads", [1025, 100_000, 2**31, 10**30])
def test_more_threads_than_there_can_be(verb: Verb, threads: int, capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(verb, [*CART_POLE, "--num-threads", str(threads)], capsys)
    assert line == f"--num-threads must be at most 1024, not {threads}"


@pytest.mark.parametrize("threads", ["0", "-1", "-7"])
def test_below_one_pytorch_has_its_own_threads_as_in_rl_zoo(
    threads: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "set_num_threads", lambda _: pytest.fail("it was told how many"))
    assert config([*CART_POLE, "--num-threads", threads]) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("verb", "words", "option"),
    [
        (train, [*CART_POLE, "-f", NO_TEXT], "-f/--log-folder"),
        (train, [*CART_POLE, "-tb", NO_TEXT], "-tb/--tensorboard-log"),
        (train, ["--resume", NO_TEXT], "--resume"),
        (doctor, [*CART_POLE, "-f", NO_TEXT], "-f/--log-folder"),
        (campaign, ["--algos", "dqn", *CART_POLE, "-f", NO_TEXT], "-f/--log-folder"),
        (campaign, [NO_TEXT], "FILE.yml"),
        (tune, [*CART_POLE, "-f", NO_TEXT], "-f/--log-folder"),
        (evaluate, [*CART_POLE, "-f", NO_TEXT], "-f/--folder"),
        (record_video, [*CART_POLE, "-o", NO_TEXT], "-o/--output-folder"),
        (plot, [NO_TEXT, "-o", "curves.png"], "RUN"),
    ],
)
def test_a_name_that_is_no_text(
    verb: Verb,
    words: list[str],
    option: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    line = complaint(verb, words, capsys)
    assert line == rf"{option}: 'logs\udcff' is not UTF-8 text; choose a name that is"
    assert list(tmp_path.iterdir()) == []
