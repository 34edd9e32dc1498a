"""What must be there after a command of the guide, for each verb."""

import csv
import json
import re
from collections.abc import Callable

from guide_commands import Command
from guide_shell import Outcome
from guide_shortened import AGENT_STEPS, env_of, option

from dqn_zoo_ext.storage.results import read_results


def _trained(command: Command, outcome: Outcome) -> None:
    (run,) = re.findall(r"^everything lies in (.+)$", outcome.printed, re.MULTILINE)
    results = read_results(outcome.folder / run / "results.json")
    asked = int(option(command, "-n") or AGENT_STEPS)
    assert asked <= results.agent_steps < asked + (2000 if "-i" in command.words else 64)  # an agent's own count too
    assert results.updates > 0
    assert list((outcome.folder / run).glob("*-v*.zip"))
    if "--resume" in command.words and "auto" not in command.words:
        assert "going on after" in outcome.printed


def _evaluated(command: Command, outcome: Outcome) -> None:
    if "--json" in command.words:
        assert len(json.loads(outcome.printed.splitlines()[-1])["episodes"]) == 1
    assert f"by protocol {option(command, '--protocol') or ''}" in outcome.printed


def _enjoyed(command: Command, outcome: Outcome) -> None:
    if "--pretrained" in command.words:  # without a display it is filmed
        assert [path.stat().st_size > 0 for path in outcome.folder.glob("*.mp4")] == [True]
    else:
        assert re.search(r"^\d+ games? ended, ", outcome.printed, re.MULTILINE)


def _filmed(command: Command, outcome: Outcome) -> None:
    (video,) = outcome.folder.rglob("replay.mp4")
    assert env_of(command).folder_name in video.parent.name
    assert video.stat().st_size > 0
    assert str(video.relative_to(outcome.folder)) in outcome.printed


def _reported(command: Command, outcome: Outcome) -> None:
    page = outcome.folder / (option(command, "-o") or f"{command.words[0]}/report.html")
    assert "</html>" in page.read_text(encoding="utf-8")


def _plotted(command: Command, outcome: Outcome) -> None:
    assert (outcome.folder / str(option(command, "-o"))).stat().st_size > 0


def _aggregated(command: Command, outcome: Outcome) -> None:
    for word in ("IQM", *(word.split("/")[1] for word in command.words if word.startswith("logs/"))):
        assert word in outcome.printed


def _pushed(command: Command, outcome: Outcome) -> None:
    assert "pushed: " in outcome.printed
    (card,) = outcome.folder.glob("logs/*/*/hub/*/*/README.md")
    assert env_of(command).gym_id in card.read_text(encoding="utf-8")


def _loaded(command: Command, outcome: Outcome) -> None:
    folder = outcome.folder / str(option(command, "-f")) / str(option(command, "--algo"))
    assert list(folder.glob(f"{env_of(command).folder_name}_*/*.zip"))


def _ranked(command: Command, outcome: Outcome) -> None:
    assert f"ann/dqn-{env_of(command).gym_id}" in outcome.printed
    if page := option(command, "--page"):
        assert "</html>" in (outcome.folder / page).read_text(encoding="utf-8")


def _compared(command: Command, outcome: Outcome) -> None:
    (folder,) = outcome.folder.glob("*/campaigns/*")
    with (folder / "runs.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) > 1
    assert {row["state"] for row in rows} == {"finished"}
    assert {row["agent_steps"] for row in rows} <= {"300", "304"}  # eight environments make eight at a time
    table_shown = (folder / "table.md").read_text(encoding="utf-8")
    assert all(row["variant"] in table_shown for row in rows)
    assert "</html>" in (folder / "report.html").read_text(encoding="utf-8")
    if "--report" in command.words:
        assert all(row["variant"] in outcome.printed for row in rows)


def _searched(command: Command, outcome: Outcome) -> None:
    (winner,) = outcome.folder.rglob("winner.yml")
    assert winner.parent.name == option(command, "--study-name")
    assert re.search(r"^learning_rate: ", winner.read_text(encoding="utf-8"), re.MULTILINE)
    assert (winner.parent / "trials.csv").read_text().count("\n") == 3  # a head and two trials


def _listed(command: Command, outcome: Outcome) -> None:
    named = [word for word in command.words if not word.startswith("-")]
    for name in named or ["nature-2015", "pong-2019"]:
        assert name in outcome.printed


def _diagnosed(command: Command, outcome: Outcome) -> None:
    if "--json" in command.words:
        assert json.loads(outcome.printed.splitlines()[-1])["updates"] > 0
    else:
        assert env_of(command).gym_id in outcome.printed
        assert "epsilon" in outcome.printed


def _shown(command: Command, outcome: Outcome) -> None:
    assert f"on {env_of(command).gym_id}" in outcome.printed
    assert re.search(r"^gamma +0\.\d+ +\S+\.yml:\d+", outcome.printed, re.MULTILINE)


COMES_OF: dict[str, Callable[[Command, Outcome], None]] = {
    "train": _trained,
    "evaluate": _evaluated,
    "enjoy": _enjoyed,
    "record_video": _filmed,
    "report": _reported,
    "plot": _plotted,
    "aggregate": _aggregated,
    "push_to_hub": _pushed,
    "load_from_hub": _loaded,
    "leaderboard": _ranked,
    "campaign": _compared,
    "tune": _searched,
    "presets": _listed,
    "doctor": _diagnosed,
    "config": _shown,
}
"""Given the command as it was run; each fails if something is missing."""
