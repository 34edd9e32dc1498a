"""Whatever goes wrong between us and the Hub: pushed exactly once, or failed in a line with the package kept."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_server import READ_ONLY, TOKEN, Fault, Hub
from pushing import CARTPOLE, load, package_of, push, q_values

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.errors import TryAgain, UserError
from dqn_zoo_ext.sharing import patience as sharing_patience

REPO = "ann/dqn-CartPole-v1"

PASSING = {
    "whoami 503": Fault("GET", "whoami", "status"),
    "whoami reset": Fault("GET", "whoami", "reset"),
    "create 503": Fault("POST", "repos/create", "status"),
    "create answer lost": Fault("POST", "repos/create", "lost_answer"),
    "info 502": Fault("GET", "/api/models/", "status", status=502),
    "validate 503": Fault("POST", "validate-yaml", "status"),
    "preupload 429": Fault("POST", "preupload", "status", status=429, headers={"Retry-After": "1"}),
    "batch 503": Fault("POST", "objects/batch", "status"),
    "upload 503": Fault("PUT", "/lfs/", "status"),
    "upload reset in the middle": Fault("PUT", "/lfs/", "reset", after_bytes=30_000),
    "upload reset seven times": Fault("PUT", "/lfs/", "reset", times=7),
    "commit 503": Fault("POST", "/commit/", "status"),
    "commit reset": Fault("POST", "/commit/", "reset", after_bytes=1_000),
    "commit answer lost": Fault("POST", "/commit/", "lost_answer"),
    "commit sent twice": Fault("POST", "/commit/", "twice"),
    "commit slow": Fault("POST", "/commit/", "slow", seconds=1.0),
}

LASTING = {
    "whoami": Fault("GET", "whoami", "status", times=99),
    "create": Fault("POST", "repos/create", "status", times=99),
    "uploads": Fault("PUT", "/lfs/", "reset", times=999, after_bytes=30_000),
    "commits": Fault("POST", "/commit/", "reset", times=99),
}

DOWNLOADS = {
    "info 503": Fault("GET", "/api/models/", "status"),
    "file 503": Fault("HEAD", "/resolve/", "status"),
    "file reset": Fault("GET", "/resolve/", "reset"),
    "large file 503": Fault("GET", "/cdn/", "status"),
    "large file cut": Fault("GET", "/cdn/", "cut", after_bytes=40_000),
    "small file cut": Fault("GET", "/resolve/", "cut", after_bytes=10),
}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of all waits between tries, the client's own too."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(seconds / 10))


def commits(hub: Hub) -> int:
    """Commits to the repository after the one that the Hub makes itself; 0 without a repository."""
    return len(hub.store.repos[REPO].commits) - 1 if REPO in hub.store.repos else 0


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_ends_in_one_commit(fault: Fault, packed: Path, hub: Hub, tmp_path: Path) -> None:
    hub.fail(fault)
    assert push(packed) == 0
    assert fault.times == 0  # it did happen
    assert commits(hub) == 1
    assert load(tmp_path / "elsewhere") == 0
    assert torch.equal(q_values(packed), q_values(tmp_path / "elsewhere"))


@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
def test_a_fault_that_lasts_keeps_the_package(
    fault: Fault, packed: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.fail(fault)
    before = {path.name: path.stat().st_mtime_ns for path in package_of(packed).iterdir()}
    begun = time.monotonic()
    with pytest.raises(TryAgain) as caught:
        push(packed, seconds=1)
    assert time.monotonic() - begun < 15
    assert "\n" not in str(caught.value)
    assert commits(hub) == 0
    hub.faulty.faults.clear()
    capsys.readouterr()
    assert push(packed) == 0
    assert "playing" not in (said := capsys.readouterr().out)
    assert "filming" not in said
    assert {path.name: path.stat().st_mtime_ns for path in package_of(packed).iterdir()} == before
    assert commits(hub) == 1


def test_a_hub_that_is_down_is_one_line_and_exit_code_75(
    packed: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = Fault("POST", "/commit/", "status", times=99)
    hub.fail(fault)
    with pytest.raises(SystemExit) as ended:
        run_verb(lambda _: push(packed, seconds=1))
    assert ended.value.code == 75
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: uploading to {hub.url}/{REPO}: the Hub answered 503; tried ")
    assert line.endswith(f"the package is kept in {package_of(packed)}: the same command goes on from there")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(TryAgain, match=r"^asking the Hub who you are: no connection to http://127\.0\.0\.1:9 \("):
        push(packed, seconds=1)


def test_a_hub_that_says_nothing_is_not_waited_for_without_end(
    packed: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing_patience, "_SECONDS_WITHOUT_A_BYTE", 0.3)
    hub.fail(Fault("POST", "repos/create", "slow", seconds=60.0))
    assert push(packed) == 0
    assert len(hub.requests("POST", "repos/create")) == 2


def test_pushing_again_makes_no_commit(packed: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(packed) == 0
    assert push(packed) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"the Hub has all of it already: {hub.url}/{REPO}"
    assert commits(hub) == 1


def test_killed_while_it_uploads(packed: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.fail(Fault("PUT", "/lfs/", "slow", times=9, seconds=30.0))
    words = ["--episodes", "2", "-n", "30", "-orga", "ann", "-f", str(packed), *CARTPOLE]  # as `push` has them
    command = [sys.executable, "-m", "dqn_zoo_ext.push_to_hub", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not hub.requests("PUT", "/lfs/"):
            assert process.poll() is None
            time.sleep(1.0)
        process.kill()
    assert commits(hub) == 0
    hub.faulty.faults.clear()
    assert push(packed) == 0
    assert "playing" not in capsys.readouterr().out
    assert commits(hub) == 1


def test_a_commit_of_somebody_else_in_between(packed: Path, hub: Hub) -> None:
    """Ours is refused, as it is made upon what was there before; the next try is made upon theirs."""
    hub.store.put(REPO, {"notes.md": b"mine"})
    hub.fail(Fault("POST", "/commit/", "status", status=412))
    assert push(packed) == 0
    assert len(hub.requests("POST", "/commit/")) == 2
    assert "notes.md" in hub.store.repos[REPO].head.files


@pytest.mark.parametrize(
    ("token", "organization", "message"),
    [
        (None, "ann", r"no token for the Hub: log in with `hf auth login`, or set HF_TOKEN, .*"),
        ("hf_" + "wrong" * 7, "ann", r"asking the Hub who you are: the Hub answered 401.*"),
        (READ_ONLY, "ann", r"the token of 'ann' can only read: .*"),
        (TOKEN, "Ann", r"-orga: you are 'ann' on the Hub and cannot push to 'Ann'; did you mean 'ann'\?"),
        (TOKEN, "sb3", r"-orga: you are 'ann' on the Hub and cannot push to 'sb3'; choose one of ann, lab"),
        (TOKEN, "a/b", r"-orga: no name on the Hub can be 'a/b': .*"),
        (TOKEN, "..", r"-orga: no name on the Hub can be '\.\.': .*"),
    ],
)
def test_what_is_wrong_with_the_account_is_said_before_a_game_is_played(
    token: str | None,
    organization: str,
    message: str,
    packed: Path,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("HF_TOKEN") if token is None else monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(UserError, match=rf"^{message}$") as caught:
        push(packed, "-orga", organization)
    assert not isinstance(caught.value, TryAgain)
    assert capsys.readouterr().out == ""
    assert hub.requests("POST", "") == []


def test_a_right_that_only_the_hub_knows_of(packed: Path, hub: Hub) -> None:
    """A fine-grained token says nothing of what it may do."""
    hub.fail(Fault("POST", "repos/create", "status", status=403))
    with pytest.raises(UserError, match=r"^making the repository .* answered 403; the token must .*; the package is"):
        push(packed)
    assert package_of(packed).is_dir()


def test_a_card_that_the_hub_refuses_is_not_tried_again(packed: Path, hub: Hub) -> None:
    card = package_of(packed) / "README.md"
    card.write_text(card.read_text().replace("model-index", "model_index"))
    with pytest.raises(UserError, match=r'Invalid metadata in README\.md\. - "model-index" is missing; the package is'):
        push(packed)
    assert len(hub.requests("POST", "validate-yaml")) == 1


def test_a_private_agent_does_not_go_to_a_public_repository(packed: Path, hub: Hub) -> None:
    assert push(packed) == 0
    with pytest.raises(UserError, match=r"^--private: .* is there already, and it is public"):
        push(packed, "--private")
    assert push(packed, "--private", "--repo-name", "secret") == 0
    assert hub.store.repos["ann/secret"].private


def test_the_token_is_nowhere(
    packed: Path, hub: Hub, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in what is printed, even if the server repeats it, or logged, or written."""
    caplog.set_level("DEBUG")
    assert push(packed) == 0
    assert "POST" in caplog.text
    assert TOKEN not in caplog.text
    hub.fail(Fault("GET", "whoami", "status", status=400, headers={"X-Error-Message": f"bad token {TOKEN}"}))
    with pytest.raises(UserError, match=r"the Hub answered 400 \(bad token \(token\)\)$"):
        push(packed)
    shown = capsys.readouterr()
    assert TOKEN not in shown.out + shown.err
    written = [path for path in packed.rglob("*") if path.is_file()]
    assert len(written) > 10
    assert not [path for path in written if TOKEN.encode() in path.read_bytes()]


@pytest.mark.parametrize("fault", DOWNLOADS.values(), ids=DOWNLOADS)
def test_a_download_goes_on(fault: Fault, packed: Path, hub: Hub, tmp_path: Path) -> None:
    assert push(packed) == 0
    hub.fail(fault)
    assert load(tmp_path / "elsewhere") == 0
    assert fault.times == 0
    assert torch.equal(q_values(packed), q_values(tmp_path / "elsewhere"))


def test_a_download_that_fails_leaves_nothing(packed: Path, hub: Hub, tmp_path: Path) -> None:
    assert push(packed) == 0
    hub.fail(Fault("GET", "/cdn/", "cut", times=99, after_bytes=1_000))
    with pytest.raises(TryAgain, match=r"^downloading dqn-CartPole-v1\.zip of ann/dqn-CartPole-v1: no connection to "):
        load(tmp_path / "elsewhere", seconds=1)
    assert not (tmp_path / "elsewhere").exists()


class Once(dict[str, bytes]):
    """What is got from it is gone."""

    def get(self, key: str, default: Any = None) -> Any:
        return self.pop(key, default)


def test_a_file_that_came_wrong_once_is_fetched_again(
    packed: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(packed) == 0
    sent = hub.store.repos[REPO].head.files["dqn-CartPole-v1.zip"]
    wrong = bytes([*sent.content[:-1], sent.content[-1] ^ 1])
    monkeypatch.setattr(hub.store, "sent_instead", Once({sent.sha256: wrong}))
    assert load(tmp_path / "elsewhere") == 0
    assert "its checksum is wrong; trying again" in capsys.readouterr().out
    assert hub.store.sent_instead == {}
    assert torch.equal(q_values(packed), q_values(tmp_path / "elsewhere"))


def test_nothing_but_the_package_goes_up(packed: Path, hub: Hub) -> None:
    (package_of(packed) / ".env").write_text("SECRET=1")
    (package_of(packed) / "vec_normalize.pkl").write_text("left here by another program")
    (package_of(packed) / "folder").mkdir()
    assert push(packed) == 0
    listed = json.loads((package_of(packed) / "manifest.json").read_text())["files"]
    assert hub.store.repos[REPO].head.files.keys() == {*listed, "manifest.json", "README.md", ".gitattributes"}


def test_what_another_agent_left_is_removed(packed: Path, hub: Hub) -> None:
    """Of the names that a package may have; anything else in the repository is somebody's own."""
    hub.store.put(REPO, {"vec_normalize.pkl": b"a pickle", "notes.md": b"mine", "replay.mp4": b"another game"})
    assert push(packed, "-n", "0", "--repo-name", REPO.split("/")[1]) == 0
    there = hub.store.repos[REPO].head.files
    assert "notes.md" in there
    assert not {"vec_normalize.pkl", "replay.mp4"} & there.keys()
    assert push(packed, "-n", "0") == 0
    assert commits(hub) == 2  # theirs and ours: the second push had nothing to do
