"""Where the kernels run. What they do is tested in tests/learning/kernels."""

import importlib.util
from collections.abc import Iterator

import pytest
import torch

from dqn_zoo_ext.learning import kernels

GPU = torch.device("cuda:0")


@pytest.fixture(autouse=True)
def _an_ampere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if there were one here, with Triton."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    kernels.run_on.cache_clear()
    yield
    kernels.run_on.cache_clear()


def test_kernels_run_on_amperes_and_later_gpus_and_on_no_cpu() -> None:
    assert kernels.run_on(GPU)
    assert not kernels.run_on(torch.device("cpu"))


def test_not_on_a_free_notebooks_t4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    assert not kernels.run_on(GPU)


def test_not_on_amds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert not kernels.run_on(GPU)


def test_not_without_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert not kernels.run_on(GPU)
