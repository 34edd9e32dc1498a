"""Two hundred cards of a game: good ones of ours and of other tools, broken ones, and some that mean harm."""

import json
import random
from dataclasses import dataclass, field

from hub_server.store import Store

from dqn_zoo_ext.config.yaml_source import to_yaml

GAME = "SpaceInvadersNoFrameskip-v4"
SCRIPT = "<script>window.harmed = 1</script>"
IMAGE = '"><img src="x" onerror="window.harmed = 2">'
TEMPLATE = "{{ ''.__class__ }}</td></tr></table>"
FORMULA = "=HYPERLINK(0)"
HOSTILE = (SCRIPT, IMAGE, TEMPLATE, FORMULA, "[red]\x1b[31m\u202e", "a" * 5000)


@dataclass
class Cards:
    """good: (repo_id, mean, std, evaluated) of those that have a score. broken: how many have none, by reason."""

    good: list[tuple[str, float, float, str]] = field(default_factory=list)
    broken: dict[str, int] = field(default_factory=dict)


def card(
    value: object, name: object = "DQN", args: object = None, game: str = GAME, **more: object
) -> dict[str, object]:
    """The metadata of a card with one result."""
    metric: dict[str, object] = {"type": "mean_reward", "value": value, "name": "mean_reward", "verified": False}
    if args is not None:
        metric["args"] = args
    task = {"type": "reinforcement-learning", "name": "reinforcement-learning"}
    result = {"task": task, "dataset": {"name": game, "type": game}, "metrics": [metric]}
    index = [{"name": name, "results": [result]}]
    return {"tags": [GAME, "reinforcement-learning"], "model-index": index, **more}


def readme(data: object) -> bytes:
    return f"---\n{to_yaml(data)}---\n# An agent\n".encode()


def fill(store: Store, video: bytes = b"") -> Cards:
    """190 agents with a score, six of them with hostile texts, and 20 cards that have none; always the same."""
    cards, chance = Cards(), random.Random(7)
    for number in range(184):
        mean, std = round(chance.lognormvariate(6.2, 0.5), 2), round(chance.uniform(20, 250), 2)
        owner = "ann" if number in (40, 90) else f"user{number % 61:02d}"
        algo = chance.choice(["dqn", "dqn", "double_dqn", "rainbow", "qrdqn"])
        ours = number % 3 == 0
        args = {"protocol": "course-unit3", "games": 10} if ours else None
        repo_id = f"{owner}/{algo}-{GAME}-{number}"
        _put(store, repo_id, card(f"{mean:.2f} +/- {std:.2f}", algo.upper(), args), video if number % 4 else b"")
        cards.good.append((repo_id, mean, std, "course-unit3, 10 games" if ours else "not stated"))
    for number, text in enumerate(HOSTILE):
        data = card("100.00 +/- 10.00", text, {"protocol": text, "games": text}, description=text, license=text)
        _put(store, f"mallory/agent-{number}", data, video)
        cards.good.append((f"mallory/agent-{number}", 100.0, 10.0, "not stated"))
    for number, (reason, told) in enumerate(_broken()):
        _put(store, f"mallory/broken-{number}", told)
        cards.broken[reason] = cards.broken.get(reason, 0) + 1
    return cards


def _put(store: Store, repo_id: str, data: object, video: bytes = b"") -> None:
    files = {"README.md": data if isinstance(data, bytes) else readme(data)}
    store.put(repo_id, {**files, "replay.mp4": video} if video else files)


def _broken() -> list[tuple[str, object]]:
    tags: dict[str, object] = {"tags": [GAME, "reinforcement-learning"]}
    no_metric = json.loads(json.dumps(card("1.00 +/- 1.00")).replace("mean_reward", "accuracy"))
    return [
        ("no results in the card", tags),
        ("no results in the card", {**tags, "model-index": None}),
        ("no result on this game", {**tags, "model-index": "DQN"}),
        ("no result on this game", {**tags, "model-index": [None, 3, {"results": {"a": 1}}, {"results": [7]}]}),
        ("no result on this game", card("300.00 +/- 1.00", game="PongNoFrameskip-v4")),
        ("no mean reward", no_metric),
        ("no standard deviation", card(512.5)),
        ("no standard deviation", card("512.50")),
        ("a score that is no number", card("the best +/- ever")),
        ("a score that is no number", card("nan +/- nan")),
        ("a score that is no number", card("inf +/- 0.00")),
        ("a score that is no number", card(None)),
        ("a score that is no number", card(True)),
        ("a score that is no number", card(["600.00 +/- 1.00"])),
        ("a score that is no number", card(SCRIPT)),
        ("a score that is no number", card("9" * 5000 + " +/- 1")),
        ("a score that is no number", card("1_000 +/- 1")),
        ("a score that cannot be", card("600.00 +/- -500.00")),
        ("a score that cannot be", card("1e300 +/- 1.00")),
        ("a score that cannot be", card("1e12 +/- 0")),
    ]
