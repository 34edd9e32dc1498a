"""The tutorial, from its first command to its last, with trainings of seconds and the Hub on this machine."""

from pathlib import Path

import pytest
from guide_commands import DOCS, files_of, run, script_of, shortened
from hub_server import Hub

PAGE = DOCS / "tutorial.md"
SHORT = {
    "train": "-n 600 --eval-freq 300 --eval-episodes 1 -params learning_starts:100 train_freq:16 gradient_steps:4",
    "evaluate": "--episodes 2",
    "record_video": "-n 20",
    "report": "--film-steps 20",
    "campaign": "-n 300 --n-jobs 2 -params learning_starts:100 train_freq:16 eval_freq:300 eval_episodes:1",
    "tune": "-n 300 --n-trials 2 --n-startup-trials 1 --confirm-seeds 1 --eval-episodes 1 --n-jobs 2",
    "push_to_hub": "--episodes 1 -n 20",
    "enjoy": "-n 60",
    "doctor": "--no-measure",
}
"""Words that are put after a command's own, so that it takes seconds."""
ON_ATARI = " buffer_size:1000 policy_kwargs.torso:nips"


@pytest.mark.slow
def test_every_command_of_the_tutorial_works(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files_of(PAGE).items():
        (tmp_path / name).write_text(text)
    printed: dict[str, list[str]] = {}
    for words in script_of(PAGE):
        assert words[:2] == ["python", "-m"]
        verb = words[2].removeprefix("dqn_zoo_ext.")
        given = ["ann" if word == "USER" else word for word in words[3:]]
        extra = "" if "--resume" in given else SHORT.get(verb, "") + (ON_ATARI if _trains_on_atari(verb, given) else "")
        assert run(verb, shortened(given, extra)) == 0, words
        printed.setdefault(verb, []).append(capsys.readouterr().out)
    assert len(printed["train"]) == 5
    assert "gamma" in printed["config"][1]
    assert "-params" in printed["config"][1]
    assert "mine.yml:1" in printed["config"][1]
    assert "the run was finished" in printed["train"][2]
    assert "course-unit3" in printed["evaluate"][0]
    assert "greedy" in printed["evaluate"][1]
    assert (tmp_path / "logs" / "studies" / "cart" / "winner.yml").is_file()
    assert (tmp_path / "logs" / "dqn" / "SpaceInvadersNoFrameskip-v4_1").is_dir()
    assert len(hub.requests("POST", "/commit/")) == 1  # the dry run pushed nothing
    assert "ann/dqn-CartPole-v1" in hub.store.repos
    assert (tmp_path / "elsewhere" / "dqn" / "CartPole-v1_1").is_dir()
    assert "SpaceInvaders" in printed["enjoy"][0]
    assert "ended" in printed["enjoy"][1]


def test_the_tutorial_uses_the_main_commands_and_shows_its_file() -> None:
    verbs = {words[2].removeprefix("dqn_zoo_ext.") for words in script_of(PAGE)}
    assert verbs == {
        *("train", "evaluate", "record_video", "report", "config", "campaign", "tune"),
        *("push_to_hub", "load_from_hub", "enjoy", "doctor"),
    }
    assert set(files_of(PAGE)) == {"mine.yml"}


def _trains_on_atari(verb: str, words: list[str]) -> bool:
    return verb == "train" and "--preset" in words
