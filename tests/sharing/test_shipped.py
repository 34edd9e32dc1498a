"""The agents that ship with the package: what lies there, what its manifest says, how they are named."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.sharing import shipped
from dqn_zoo_ext.sharing.scores import Score
from dqn_zoo_ext.sharing.shipped import MOST_BYTES, find_shipped, name_of, shipped_names, stated
from dqn_zoo_ext.storage.results import read_json

SPACE_INVADERS = shipped.folder() / "SpaceInvaders"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped agent, where the program looks for it."""
    shutil.copytree(SPACE_INVADERS, tmp_path / "SpaceInvaders")
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    return tmp_path / "SpaceInvaders"


@pytest.mark.parametrize("name", shipped_names())
def test_each_is_small_without_code_and_as_its_manifest_says(name: str) -> None:
    path = shipped.folder() / name
    files = {each.name: each.read_bytes() for each in path.iterdir()}
    assert files.keys() == {"README.md", "config.yml", "manifest.json", "model.safetensors", "results.json"}
    assert sum(map(len, files.values())) <= MOST_BYTES == 10_000_000
    listed = json.loads(files["manifest.json"])["files"]
    assert listed.keys() == files.keys() - {"README.md", "manifest.json"}
    for each, said in listed.items():
        assert said == {"bytes": len(files[each]), "sha256": hashlib.sha256(files[each]).hexdigest()}


@pytest.mark.parametrize("name", shipped_names())
def test_each_says_how_it_was_made_and_what_it_is_worth(name: str) -> None:
    found = find_shipped(name)
    assert found.name == name == name_of(found.env)
    assert found.score.protocol == "course-unit3"
    assert len(found.score.episodes) == 100
    _, results = read_json(found.package.path / "results.json")
    low, high = results["scores"][0]["interval"]
    assert low < found.score.mean < high
    run = results["run"]
    assert run["command"].startswith("python -m dqn_zoo_ext.train ")
    assert run["machine"]["cpu"]
    assert 0 < found.agent_steps <= run["agent_steps"]
    card = (found.package.path / "README.md").read_text()
    assert run["command"] in card
    assert stated(found.score) in card
    assert stated(found.score) in found.told


@pytest.mark.parametrize(
    "name", ["SpaceInvaders", "space_invaders", "SpaceInvadersNoFrameskip-v4", "ALE/SpaceInvaders-v5"]
)
def test_a_game_may_be_written_in_any_way(name: str) -> None:
    assert find_shipped(name).name == "SpaceInvaders"


@pytest.mark.parametrize("name", ["Qbert", "SpaceInvadors", "SpaceInvaders-v4", "../evaluation", "", "joust"])
def test_a_game_without_an_agent(name: str) -> None:
    with pytest.raises(UserError) as caught:
        find_shipped(name)
    assert (
        str(caught.value) == f"no agent for '{name}' ships with this program; there are: {', '.join(shipped_names())}"
    )


@pytest.mark.parametrize("file", ["model.safetensors", "config.yml", "results.json"])
def test_a_flipped_bit_is_found(file: str, copied: Path) -> None:
    find_shipped("SpaceInvaders")
    content = bytearray((copied / file).read_bytes())
    content[-1] ^= 1
    (copied / file).write_bytes(content)
    with pytest.raises(UserError, match=f"{file}.*manifest.json says otherwise"):
        find_shipped("SpaceInvaders")


def test_names() -> None:
    assert name_of(resolve("MsPacman")) == "MsPacman"
    assert name_of(resolve("ALE/SpaceInvaders-v5")) == "SpaceInvaders"
    assert name_of(resolve("CartPole-v1")) == "CartPole-v1"


def test_a_score_and_its_interval_by_hand() -> None:
    """Four games of 1, 1, 3, 3: mean 2, std 1, standard error 1 / 2, and 1.96 of those to both sides."""
    score = Score("greedy", 2.0, 1.0, (1.0, 1.0, 3.0, 3.0), "for this package")
    assert score.interval == pytest.approx((2 - 0.98, 2 + 0.98))
    words = "4 games by protocol greedy: mean 2.00, std 1.00, 95 % interval of the mean 1.02 to 2.98"
    assert stated(score) == words
