"""Presets: found by name, whole, and what they say of themselves is so."""

from pathlib import Path

import pytest
from conftest import COURSE as DQN_YML

from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.config.shipped_files import preset_files
from dqn_zoo_ext.config.yaml_source import Source, read_text
from dqn_zoo_ext.doctor import main as doctor
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.train import main as train
from dqn_zoo_ext.train_options import make_parser, parse_training

COURSE = "course-unit3"
BRIEFLY = "-n 300 -params learning_starts:100 buffer_size:1000 policy_kwargs.torso:nips"


@pytest.mark.parametrize("name", preset_files())
def test_every_shipped_preset_is_whole(name: str) -> None:
    preset = find_preset(name)
    assert preset.name == name
    load(preset.head.algo, resolve(preset.head.env), conf_file=preset.path)
    assert preset.head.source
    assert preset.head.cost


@pytest.mark.parametrize("written", ["course-unit3", "course_unit3"])
def test_both_ways_of_writing(written: str) -> None:
    assert find_preset(written).path.name == "course_unit3.yml"


@pytest.mark.parametrize("name", ["corse-unit3", "../atari/pong", "", "/etc/passwd", "course-unit3\n"])
def test_an_unknown_name(name: str) -> None:
    with pytest.raises(UserError, match="--preset: there is none called") as caught:
        find_preset(name)
    assert "\n" not in str(caught.value)
    assert "course-unit3" in str(caught.value)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", "p.yml: no preset, as it has no block 'preset'"),
        ("preset: dqn\n", "p.yml:1: preset: must be a mapping"),
        ("preset: {algo: dqn, env: Pong, source: here}\n", "p.yml:1: preset: has no 'cost'"),
        ("preset: {algo: dqn, env: Pong, source: here, cost: 3}\n", "p.yml:1: preset.cost: must be a text, got 3"),
        ("preset: {algo: dqn, env: Pong, source: here, cost: ''}\n", "p.yml:1: preset.cost: must be a text"),
        ("preset:\n  algo: dqn\n  eny: Pong\n", "p.yml:3: preset: unknown key 'eny'; did you mean 'env'"),
    ],
)
def test_a_head_that_is_none(head: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.yml").write_text(f"{head}batch_size: 32\n")
    monkeypatch.setattr("dqn_zoo_ext.config.presets.shipped", lambda name: (tmp_path, name))
    with pytest.raises(UserError) as caught:
        find_preset("p")
    assert expected in str(caught.value)


def test_a_misspelt_head_is_seen_with_conf_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    file.write_text(find_preset(COURSE).path.read_text().replace("  env:", "  enf:"))
    with pytest.raises(UserError, match=r"mine.yml:\d+: preset: unknown key 'enf'; did you mean 'env'"):
        load("dqn", resolve("Pong"), conf_file=file)


def test_the_course_is_what_the_course_says() -> None:
    """Against the course's own file, as RL-Zoo would read it."""
    theirs = read_text(DQN_YML, Source("dqn.yml")).plain()["SpaceInvadersNoFrameskip-v4"]
    preset = find_preset(COURSE)
    ours = load(preset.head.algo, resolve(preset.head.env), conf_file=preset.path).flat()
    same = [key for key in theirs if key in ours and key not in ("policy", "replay_buffer_kwargs")]
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
    assert {"n_timesteps", "buffer_size", "learning_rate", "batch_size", "learning_starts", "train_freq"} <= set(same)
    assert ours["exploration.end"] == theirs["exploration_final_eps"]
    assert ours["exploration.fraction"] == theirs["exploration_fraction"]
    assert (ours["target_update_unit"], ours["policy_kwargs.torso"]) == ("agent_steps", "nature")


def test_what_is_typed_lies_over_it() -> None:
    options = parse_training(make_parser(), ["--preset", COURSE])
    assert (options.algo, options.env) == ("dqn", "SpaceInvadersNoFrameskip-v4")
    assert options.conf_file.name == "course_unit3.yml"
    options = parse_training(make_parser(), f"--preset {COURSE} --algo double_dqn --env Pong".split())
    assert (options.algo, options.env) == ("double_dqn", "Pong")
    with pytest.raises(UserError, match="leave out one of the two"):
        parse_training(make_parser(), f"--preset {COURSE} -conf mine.yml".split())


def test_a_training_by_its_preset_and_on_with_it(tmp_path: Path) -> None:
    words = f"--preset {COURSE} {BRIEFLY} -f {tmp_path} --seed 1 --eval-freq -1".split()
    assert train(words) == 0
    run = RunFolder.at(tmp_path / "dqn" / "SpaceInvadersNoFrameskip-v4_1")
    config = run.config.read_text()
    assert "max_grad_norm: 10" in config
    assert "preset:" not in config
    with pytest.raises(UserError, match="--preset: says how a run begins"):
        train(["--resume", str(run.path), "--preset", COURSE])
    assert train(["--resume", str(run.path), "-n", "400", "--allow-change", "n_timesteps"]) == 0
    assert "max_grad_norm: 10" in run.config.read_text()


def test_the_doctor_takes_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(["--preset", COURSE, "--no-measure"]) == 0
    assert "learning" in capsys.readouterr().out
