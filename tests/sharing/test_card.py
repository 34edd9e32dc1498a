"""A card for an id with a slash, and for an agent of which nobody knows how it was trained."""

from dataclasses import replace
from pathlib import Path

import yaml

from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.sharing.card import Card
from dqn_zoo_ext.sharing.package import zip_name
from dqn_zoo_ext.sharing.scores import Score, read_scores, write_scores


def card(*scores: Score) -> Card:
    return Card(
        algo="double_dqn",
        env="ALE/Pong-v5",
        family="atari",
        namespace="ann",
        repo_name="pong",
        zip_name=zip_name("double_dqn", "ALE-Pong-v5"),
        agent_steps=1_000_000,
        scores=scores,
        protocol=protocols.get(scores[0].protocol),
        config="gamma: 0.99\n",
        video=None,
        curve=None,
        run=None,
    )


def test_an_id_with_a_slash() -> None:
    text = card(Score("course-unit3", 74.0, 45.81, (74.0,), "for this package", 0)).text()
    metadata = yaml.safe_load(text.split("---\n")[1])
    assert metadata["tags"][0] == "ALE/Pong-v5"
    (entry,) = metadata["model-index"]
    assert entry["name"].lower() == "double_dqn"
    assert entry["results"][0]["dataset"] == {"name": "ALE/Pong-v5", "type": "ALE/Pong-v5"}
    assert entry["results"][0]["metrics"][0]["value"] == "74.00 +/- 45.81"
    assert "`double_dqn-ALE-Pong-v5.zip`" in text
    assert "--algo double_dqn --env ALE/Pong-v5 -f logs -orga ann --repo-name pong" in text
    assert "mean - std is 28.19" in text
    assert "is not known" in text
    assert "actions repeat with probability 0, at most 108,000 frames" in text


def test_how_often_actions_stuck_stands_beside_a_protocol_that_leaves_it_open(tmp_path: Path) -> None:
    course = Score("course-unit3", 74.0, 45.81, (74.0,), "for this package", 0, sticky=0.0)
    as_trained = Score("rl-zoo", 74.0, 45.81, (74.0,), "for this package", 0, sticky=0.25)
    text = card(course, as_trained).text()
    assert "| course-unit3 | 74.00" in text
    assert "| rl-zoo, sticky actions 0.25 | 74.00" in text
    assert "actions repeat with probability 0.25 (as in training), at most 108,000 frames" in card(as_trained).text()
    older = replace(as_trained, sticky=None)
    assert "sticky actions as in training, at most" in card(older).text()
    write_scores(tmp_path / "results.json", 1_000_000, [course, as_trained, older], None)
    assert read_scores(tmp_path / "results.json") == (course, as_trained, older)
