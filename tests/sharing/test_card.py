"""A card for an id with a slash, and for an agent of which nobody knows how it was trained."""

import yaml

from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.sharing.card import Card
from dqn_zoo_ext.sharing.package import zip_name
from dqn_zoo_ext.sharing.scores import Score


def test_an_id_with_a_slash() -> None:
    card = Card(
        algo="double_dqn",
        env="ALE/Pong-v5",
        family="atari",
        namespace="ann",
        repo_name="pong",
        zip_name=zip_name("double_dqn", "ALE-Pong-v5"),
        agent_steps=1_000_000,
        scores=[Score("course-unit3", 74.0, 45.81, (74.0,), "for this package", 0)],
        protocol=protocols.get("course-unit3"),
        config="gamma: 0.99\n",
        video=None,
        curve=None,
        run=None,
    )
    text = card.text()
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
