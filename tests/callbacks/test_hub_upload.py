"""An agent shared while it trains, with the real client and a Hub on this machine."""

import json
import re
import tempfile
import threading
import time
from pathlib import Path

import pytest
import torch
from hub_server import Fault, Hub
from stable_baselines3.common.monitor import load_results

from dqn_zoo_ext.callbacks import hub_upload
from dqn_zoo_ext.load_from_hub import main as load
from dqn_zoo_ext.push_to_hub import main as push_to_hub
from dqn_zoo_ext.sharing.patience import Patience
from dqn_zoo_ext.storage.agent_file import read_counters, read_policy_weights
from dqn_zoo_ext.train import main as train

REPO = "ann/dqn-CartPole-v1"


def trained(logs: Path, callback: str = "[{hub_upload: {organization: ann, every: 300}}]") -> Path:
    words = f"--algo dqn --env CartPole-v1 -n 700 --seed 1 -f {logs} --eval-freq -1 --verbose 0 -params"
    assert train([*words.split(), "learning_starts:100", f"callback:{callback}"]) == 0
    return logs / "dqn" / "CartPole-v1_1"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run without the callback."""
    return trained(tmp_path_factory.mktemp("alone"), "[]")


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return read_policy_weights(run / "CartPole-v1.zip")


def test_an_agent_is_there_to_load(tmp_path: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(tmp_path / "logs")
    assert capsys.readouterr().err == ""
    summaries = [commit.summary for commit in hub.store.repos[REPO].commits[1:]]
    assert all(re.fullmatch(r"In training, after [367]00 agent steps", summary) for summary in summaries)
    assert summaries[-1] == "In training, after 700 agent steps"
    assert load(f"--algo dqn --env CartPole-v1 -orga ann -f {tmp_path / 'elsewhere'} --verbose 0".split()) == 0
    there = tmp_path / "elsewhere" / "dqn" / "CartPole-v1_1"
    assert read_counters(there / "CartPole-v1.zip").num_timesteps == 700
    assert all(torch.equal(weight, weights_of(run)[name]) for name, weight in weights_of(there).items())


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (Fault("POST", "/commit/", "reset", times=99), r"uploading to .*: no connection to "),
        (Fault("GET", "whoami", "status", times=99, status=401), r"asking the Hub who you are: the Hub answered 401"),
        (Fault("POST", "repos/create", "slow", times=99, seconds=30.0), r"the last upload is still under way"),
    ],
    ids=["down", "token", "hanging"],
)
def test_the_training_goes_on_whatever_the_hub_does(
    fault: Fault,
    line: str,
    alone: Path,
    tmp_path: Path,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(hub_upload, "_patience", lambda: Patience(seconds=0.0))
    folders = tmp_path / "temporary"
    folders.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folders))
    hub.fail(fault)
    with_faults = trained(tmp_path / "logs", "[{hub_upload: {organization: ann, every: 300, seconds_at_the_end: 1}}]")
    assert re.search(rf"^hub_upload: {line}.*; the training goes on$", capsys.readouterr().err, re.M)
    assert all(torch.equal(weight, weights_of(alone)[name]) for name, weight in weights_of(with_faults).items())
    assert load_results(str(with_faults))["r"].tolist() == load_results(str(alone))["r"].tolist()
    assert not list(folders.iterdir())


def test_a_full_disk_does_not_stop_it_either(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(tmp_path / "no such folder"))
    run = trained(tmp_path)
    assert read_counters(run / "CartPole-v1.zip").num_timesteps == 700
    assert re.search(r"^hub_upload: UserError: cannot write .*; the training goes on$", capsys.readouterr().err, re.M)
    assert hub.requests("POST", "") == []


def test_both_uploads_of_the_end_have_one_deadline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    callback, never = hub_upload.HubUpload("ann", every=1, seconds_at_the_end=1.5), threading.Event()
    callback._uploading = threading.Thread(target=time.sleep, args=(1.0,), daemon=True)

    def begin() -> None:
        callback._uploading = threading.Thread(target=never.wait, daemon=True)
        callback._uploading.start()

    monkeypatch.setattr(callback, "_begin", begin)
    callback._uploading.start()
    begun = time.monotonic()
    callback._on_training_end()
    assert 1.4 < time.monotonic() - begun < 2.3
    never.set()
    assert "the upload of the end is given up after 1.5 seconds" in capsys.readouterr().err


def test_what_an_older_agent_left_is_not_the_new_ones(hub: Hub, tmp_path: Path) -> None:
    """Its scores would be read as those of the weights beside them."""
    trained(tmp_path / "old", "[]")
    words = f"--algo dqn --env CartPole-v1 -f {tmp_path / 'old'} -orga ann --episodes 1 -n 10 --verbose 0"
    assert push_to_hub(words.split()) == 0
    old = hub.store.repos[REPO].head.files.keys()
    assert {"results.json", "README.md", "replay.mp4", "env_kwargs.yml"} < old
    trained(tmp_path / "logs")
    new = hub.store.repos[REPO].head.files
    assert new.keys() - {".gitattributes", "manifest.json"} == json.loads(new["manifest.json"].content)["files"].keys()
    assert load(f"--algo dqn --env CartPole-v1 -orga ann -f {tmp_path / 'elsewhere'} --verbose 0".split()) == 0
    there = tmp_path / "elsewhere" / "dqn" / "CartPole-v1_1"
    assert read_counters(there / "CartPole-v1.zip").num_timesteps == 700
    assert not (there / "results.json").exists()
