"""``--pretrained``: a shipped agent watched, measured and filmed, and what does not go with it."""

import json
from pathlib import Path

import imageio_ffmpeg
import pytest

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.record_video import main as record_video
from dqn_zoo_ext.sharing.shipped import find_shipped, folder
from dqn_zoo_ext.storage.user_cache import CACHE_VARIABLE

AGENT = ["--pretrained", "SpaceInvaders"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


def frames_of(video: Path) -> int:
    reader = imageio_ffmpeg.read_frames(str(video))
    next(reader)
    return len(list(reader))


def test_without_a_display_it_is_filmed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for variable in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    assert enjoy([*AGENT, "-n", "10"]) == 0
    assert frames_of(Path("SpaceInvaders.mp4")) == 1 + 10 * 4
    told, filming, filmed = capsys.readouterr().out.splitlines()
    assert told == find_shipped("SpaceInvaders").told
    assert filming == "there is no display: filming 10 agent steps of it to SpaceInvaders.mp4"
    assert filmed == "the video is in SpaceInvaders.mp4; the game at its end is cut off"


def test_with_a_display_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert enjoy([*AGENT, "-n", "3"]) == 0
    assert not Path("SpaceInvaders.mp4").exists()


def test_evaluate_says_what_it_is_worth_and_writes_nothing_into_the_package(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(folder().rglob("*"))
    assert evaluate([*AGENT, "--episodes", "1", "--json", "--algo", "c51", "--env", "SpaceInvaders"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == find_shipped("SpaceInvaders").told
    found = json.loads(lines[-1])
    assert (found["algo"], found["env"], found["protocol"]) == ("c51", "SpaceInvadersNoFrameskip-v4", "course-unit3")
    assert sorted(folder().rglob("*")) == before


def test_record_video_leaves_its_film_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert record_video([*AGENT, "-n", "5"]) == 0
    assert frames_of(Path("SpaceInvaders.mp4")) == 1 + 5 * 4
    assert "video in SpaceInvaders.mp4" in capsys.readouterr().out
    assert record_video([*AGENT, "-n", "5", "-o", "films"]) == 0
    assert Path("films", "c51-SpaceInvadersNoFrameskip-v4.mp4").is_file()


ITS_OWN = "--pretrained SpaceInvaders is an agent by itself: {} is for one of yours"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-f", "logs"], ITS_OWN.format("-f/--folder")),  # the default's value too: it was typed
        (["--exp-id", "0"], ITS_OWN.format("--exp-id")),
        (["--load-best", "--exp-id", "0", "-f", "logs"], ITS_OWN.format("-f/--folder")),  # the first in --help
        (["--load-best"], ITS_OWN.format("--load-best")),
        (["--load-checkpoint", "5"], ITS_OWN.format("--load-checkpoint")),
        (["--load-last-checkpoint"], ITS_OWN.format("--load-last-checkpoint")),
        (["--algo", "rainbow"], "--pretrained SpaceInvaders is of algorithm 'c51', not of 'rainbow'; omit --algo"),
        (
            ["--env", "ALE/SpaceInvaders-v5"],
            "--pretrained SpaceInvaders plays 'SpaceInvadersNoFrameskip-v4', not 'ALE/SpaceInvaders-v5'; omit --env",
        ),
    ],
)
@pytest.mark.parametrize("verb", [enjoy, evaluate, record_video])
def test_what_chooses_another_agent_is_refused(verb: object, words: list[str], expected: str) -> None:
    assert callable(verb)
    with pytest.raises(UserError) as caught:
        verb([*AGENT, *words])
    assert str(caught.value) == expected


def test_baselines_need_no_agent() -> None:
    with pytest.raises(UserError, match=r"of algorithm 'c51', not of 'baselines'"):
        evaluate([*AGENT, "--algo", "baselines"])


@pytest.mark.parametrize("verb", [enjoy, evaluate, record_video])
def test_an_unknown_one_is_one_line_and_exit_code_2(verb: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run_verb(verb, ["--pretrained", "Qbert"])  # type: ignore[arg-type]  # a verb's main
    assert left.value.code == 2
    told = "error: no agent for 'Qbert' ships with this program; there are: Pong, SpaceInvaders\n"
    assert capsys.readouterr().err == told


def test_a_mistaken_protocol_is_said_before_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="nosuch"):
        evaluate([*AGENT, "--protocol", "nosuch"])
    assert capsys.readouterr().out == ""
