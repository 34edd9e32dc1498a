"""`presets`: all of them and one of them, on a narrow terminal, as JSON; and the verbs that take a preset's name."""

import json
from pathlib import Path

import pytest

from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.config.__main__ import main as config
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.config.shipped_files import preset_files
from dqn_zoo_ext.config.yaml_source import Source, read_text
from dqn_zoo_ext.doctor import main as doctor
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.presets import main as presets
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.train import main as train
from dqn_zoo_ext.tune import _parse as parse_tune

BRIEFLY = "-n 200 --seed 1 --eval-freq -1 --verbose 0 -params learning_starts:100 buffer_size:1000 train_freq:16"
GAMES_OF_FOUR_SECONDS = [
    "preprocessing_kwargs.max_frames_per_game:240",
    "callback:[{video: {every: episode, max_agent_steps: 20}}, {episode_files: {keep: 50}}]",
]
QUICK = ("space-invaders-2016", "pong-2019", "nips-2013")
"""Those whose inputs, networks and schedules differ most from each other's."""


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_all_of_them_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert presets([]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    said = " ".join(out.replace("│", " ").split())
    for name in preset_files():
        head = find_preset(name).head
        assert f"│ {name} " in out
        assert f"{head.algo} on {head.env}" in said
    assert "DeepMind" not in said  # which is for one of them
    for word in ("source", "cost", "expected"):
        assert out.count(f"│ {word} ") == len(preset_files())


@pytest.mark.parametrize("name", preset_files())
def test_one_of_them_whole(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    preset = find_preset(name)
    assert presets([name]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    said = " ".join(out.split())
    head = preset.head
    for text in (head.source, head.cost, head.expected, *head.kept, *head.corrected, *head.games):
        assert text in said
    assert f"-m dqn_zoo_ext.train --preset {name}" in said
    assert f"hyperparams/presets/{preset.path.name}" in said
    assert ("--faithful" in said) == bool(preset.faithful)


def test_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert presets(["--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed] == list(preset_files())
    assert presets(["pong_2019", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert one in listed
    assert one["faithful"] == {"policy_kwargs.head": "softmax"}
    assert (one["algo"], one["env"], one["file"]) == ("dqn", "PongNoFrameskip-v4", "hyperparams/presets/pong_2019.yml")
    assert one["command"].endswith("-m dqn_zoo_ext.train --preset pong-2019")


@pytest.mark.parametrize("verb", [presets, lambda words: train(["--preset", *words])])
def test_an_unknown_one_is_a_line(verb: object, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run_verb(verb, ["pong-2018"])  # type: ignore[arg-type]
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.endswith("there is none called 'pong-2018'; did you mean 'pong-2019'?\n")


def test_the_verbs_that_take_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert config(["--preset", "pong-2019", "--faithful", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["policy_kwargs.head"]["value"] == "softmax"
    assert values["policy_kwargs.head"]["source"].startswith("hyperparams/presets/pong_2019.yml:")
    assert values["frame_stack"]["source"].startswith("hyperparams/families/atari.yml:")
    assert doctor(["--preset", "pong-2019", "--faithful", "--no-measure", "-params", "buffer_size:10000"]) == 0
    options = parse_tune(["--preset", "pong-2019"])
    assert (options.algo, options.env, options.conf_file.name) == ("dqn", ["PongNoFrameskip-v4"], "pong_2019.yml")


def _train(name: str, folder: Path, *words: str) -> RunFolder:
    head = find_preset(name).head
    given = [*BRIEFLY.split(), *words]
    assert train(["--preset", name, "-f", str(folder), *given]) == 0
    return RunFolder.find(folder, head.algo, head.env)


def _trains(name: str, folder: Path) -> None:
    run = _train(name, folder)
    results = read_results(run.results)
    assert results.preset == name
    assert 200 <= results.agent_steps <= 208  # a whole round of 16
    assert results.updates > 0


@pytest.mark.parametrize("name", QUICK)
def test_some_of_them_train(name: str, tmp_path: Path) -> None:
    _trains(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in preset_files() if name not in QUICK])
def test_the_others_train(name: str, tmp_path: Path) -> None:
    _trains(name, tmp_path)


def test_a_faithful_training_says_so_in_its_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = _train("pong-2019", tmp_path, *GAMES_OF_FOUR_SECONDS, "--faithful", "--log-interval", "1")
    config = read_text(run.config.read_text(), Source("config.yml")).plain()
    assert config["policy_kwargs"]["head"] == "softmax"
    assert "faithful" not in config
    assert "--preset pong-2019" in run.command.read_text()
    assert "--faithful" in run.command.read_text()
    # games of 60 agent steps, four seconds: each leaves its weights and a film
    assert run.checkpoints() == (60, 120, 180)
    assert len(list((run.path / "videos").glob("*.mp4"))) == 3
    words = f"--algo dqn --env PongNoFrameskip-v4 -f {tmp_path} --load-checkpoint 120 --episodes 1 --json"
    assert evaluate(words.split()) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["episodes"]
