"""A campaign's folder: what is written is read back, and what is broken is named by file and line."""

import re
from pathlib import Path

import pytest

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.campaign_folder import CampaignFolder, Manifest, Row, nothing_begun
from dqn_zoo_ext.storage.results import Versions

BEGUN = Row(variant="whole", algo="dqn", env="CartPole-v1", seed=1, run_folder="logs/dqn/CartPole-v1_1")
FINISHED = Row(
    variant="no_net",
    algo="double_dqn",
    env="CartPole-v1",
    seed=2,
    changed='algo:double_dqn policy_kwargs.net_arch:[8,8] policy_kwargs.activation:"tanh"',
    run_folder="logs/double_dqn/CartPole-v1_1",
    state="finished",
    protocol="greedy",
    agent_steps=600,
    final_mean=-0.1,
    final_std=0.5,
    best_mean=1 / 3,
    human_normalised=-0.25,
    agent_steps_per_second=123.4,
    seconds=5.0,
)
FAILED = Row(variant="less", algo="dqn", env="CartPole-v1", seed=1, state="failed", reason='a, "b"\nc; d')


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    folder = CampaignFolder(tmp_path)
    assert folder.read_rows() == []
    folder.write_rows([BEGUN, FINISHED, FAILED])
    assert folder.read_rows() == [BEGUN, FINISHED, FAILED]
    folder.write_rows([])
    assert folder.read_rows() == []


def test_of_two_rows_of_a_run_the_last_counts(tmp_path: Path) -> None:
    folder = CampaignFolder(tmp_path)
    folder.write_rows([BEGUN, FINISHED])
    with folder.rows.open("a") as file:
        file.write("whole,dqn,CartPole-v1,1,,x,stopped,,,10,,,,,,2.5\n")
    whole, _ = folder.read_rows()
    assert (whole.state, whole.agent_steps, whole.final_mean) == ("stopped", 10, None)


@pytest.mark.parametrize(
    ("was", "becomes", "expected"),
    [
        ("variant,algo", "variant,alog", "runs.csv:1: the columns must be variant,algo,"),
        (",2,", ",two,", "runs.csv:3: seed: "),
        ("finished", "ended", "runs.csv:3: state: "),
        (",600,", ",-600,", "runs.csv:3: agent_steps: "),
        (",-0.1,", ",nan,", "runs.csv:3: final_mean: "),
        ("5.0\n", "5.0,6\n", "runs.csv:3: "),
        ("whole,dqn,CartPole-v1,1,", "whole", "runs.csv:2: "),
        ("whole", "\xff", "runs.csv: no table of runs"),
    ],
)
def test_a_broken_row_is_named(was: str, becomes: str, expected: str, tmp_path: Path) -> None:
    folder = CampaignFolder(tmp_path)
    folder.write_rows([BEGUN, FINISHED])
    text = folder.rows.read_text()
    assert was in text
    folder.rows.write_bytes(text.replace(was, becomes, 1).encode("latin-1"))
    with pytest.raises(UserError, match=re.escape(expected)) as raised:
        folder.read_rows()
    assert len(str(raised.value).splitlines()) == 1


def test_folders_have_the_next_number_and_leave_nothing(tmp_path: Path) -> None:
    logs = tmp_path / "deep" / "logs"
    first = CampaignFolder.claim(logs, "ablate-dqn-X")
    second = CampaignFolder.claim(logs, "ablate-dqn-X")
    assert [first.path, second.path] == [logs / "campaigns" / f"ablate-dqn-X_{n}" for n in (1, 2)]
    second.discard()
    assert first.path.is_dir()
    first.discard()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot make a campaign's folder in"):
        CampaignFolder.claim(tmp_path / "file", "x")


def test_a_folder_without_a_number_is_taken_as_it_is(tmp_path: Path) -> None:
    first = CampaignFolder.claim(tmp_path, "mine", numbered=False)
    assert first.path == tmp_path / "campaigns" / "mine"
    assert nothing_begun(first.path)
    first.write_variant("dqn", "ALE-Pong-v5", "{}")
    (first.path / ".lock").touch()
    assert nothing_begun(first.path)  # killed before it wrote its campaign.json
    again = CampaignFolder.claim(tmp_path, "mine", numbered=False)
    assert again == first
    assert first.variant("dqn", "ALE-Pong-v5").read_text() == "{}"
    (first.path / "thesis.tex").touch()
    assert not nothing_begun(first.path)
    assert not nothing_begun(first.path / "thesis.tex")


def test_a_manifest_comes_back_and_a_broken_one_is_named(tmp_path: Path) -> None:
    manifest = Manifest(
        kind="ablation",
        of="dqn",
        envs=("CartPole-v1", "Acrobot-v1"),
        seeds=(1, 2),
        variants={"whole": {}, "less": {"policy_kwargs.net_arch": [8]}},
        command="python -m dqn_zoo_ext.campaign",
        versions=Versions.here(),
    )
    with pytest.raises(UserError, match=r"is not the folder of a campaign: there is no campaign\.json"):
        CampaignFolder.at(tmp_path)
    folder = CampaignFolder(tmp_path)
    folder.write_manifest(manifest)
    assert CampaignFolder.at(tmp_path).read_manifest() == manifest
    folder.manifest.write_text(folder.manifest.read_text()[:50])
    with pytest.raises(UserError, match=r"campaign\.json: the file: ") as raised:
        folder.read_manifest()
    assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(UserError, match=r"no campaign folder '.*ablate-dqn-X_9'"):
        CampaignFolder.at(tmp_path / "ablate-dqn-X_9")
