"""Presets: found by name, whole, and what they say of themselves is so."""

from functools import partial
from pathlib import Path

import pytest
from conftest import COURSE as DQN_YML

from dqn_zoo_ext.cli.train_options import make_parser, parse_training
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.config.shipped_files import preset_files
from dqn_zoo_ext.config.yaml_source import Source, read_text
from dqn_zoo_ext.doctor import main as doctor
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.results import read_results
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.train import main as train

COURSE = "course-unit3"
INVADERS = "SpaceInvadersNoFrameskip-v4"
BRIEFLY = "-n 300 -params learning_starts:100 buffer_size:1000 policy_kwargs.torso:nips"


@pytest.mark.parametrize("name", preset_files())
def test_every_shipped_preset_is_whole(name: str) -> None:
    preset = find_preset(name)
    assert preset.name == name
    load(preset.head.algo, resolve(preset.head.env), conf_file=preset.path)
    assert preset.head.source
    assert preset.head.cost
    assert preset.head.expected
    if preset.faithful:
        load(preset.head.algo, resolve(preset.head.env), conf_file=preset.path, between=preset.faithful)


@pytest.mark.parametrize("written", ["course-unit3", "course_unit3"])
def test_both_ways_of_writing(written: str) -> None:
    assert find_preset(written).path.name == "course_unit3.yml"


@pytest.mark.parametrize("name", ["corse-unit3", "../atari/pong", "", "/etc/passwd", "course-unit3\n"])
def test_an_unknown_name(name: str) -> None:
    with pytest.raises(UserError, match="--preset: there is none called") as caught:
        find_preset(name)
    assert "\n" not in str(caught.value)
    assert "course-unit3" in str(caught.value)


HEAD = "preset: {algo: dqn, env: Pong, source: here, cost: 3 GB"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", "p.yml: no preset, as it has no block 'preset'"),
        ("preset: dqn\n", "p.yml:1: preset: must be a mapping"),
        ("preset: {algo: dqn, env: Pong, source: here}\n", "p.yml:1: preset: has no 'cost'"),
        ("preset: {algo: dqn, env: Pong, source: here, cost: 3}\n", "p.yml:1: preset.cost: must be a text, got 3"),
        ("preset: {algo: dqn, env: Pong, source: here, cost: ''}\n", "p.yml:1: preset.cost: must be a text"),
        ("preset:\n  algo: dqn\n  eny: Pong\n", "p.yml:3: preset: unknown key 'eny'; did you mean 'env'"),
        (f"{HEAD}, kept: [this, 3]}}\n", 'p.yml:1: preset.kept: must be a text, got ["this", 3]'),
        (f"{HEAD}, games: [Pong, Pongg]}}\n", "p.yml:1: preset.games: unknown environment 'Pongg'; did"),
        (f"{HEAD}, beneath: q}}\n", "preset.beneath: there is none called 'q'; choose one of p"),
        (f"{HEAD}, beneath: p}}\n", "preset.beneath: 'p' lies beneath itself"),
        (f"{HEAD}}}\nfaithful: softmax\n", "p.yml:2: faithful: must be a mapping"),
    ],
)
def test_a_head_that_is_none(head: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.yml").write_text(f"{head}batch_size: 32\n")
    monkeypatch.setattr("dqn_zoo_ext.config.shipped_files.shipped", lambda name: (tmp_path, name))
    with pytest.raises(UserError) as caught:
        find_preset("p")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mistakes_beneath_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is named in the file where it stands, though the preset over it has no such block."""
    (tmp_path / "p.yml").write_text(f"{HEAD}, beneath: q}}\nbatch_size: 32\n")
    (tmp_path / "q.yml").write_text(f"{HEAD}}}\n\nfaithful: softmax\n")
    monkeypatch.setattr("dqn_zoo_ext.config.shipped_files.shipped", lambda name: (tmp_path, name))
    with pytest.raises(UserError, match=r"q.yml:3: faithful: must be a mapping"):
        find_preset("p")


def test_one_text_or_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.yml").write_text(f"{HEAD}, kept: all, games: [Pong, Breakout], corrected: [this, that]}}\n")
    monkeypatch.setattr("dqn_zoo_ext.config.shipped_files.shipped", lambda name: (tmp_path, name))
    head = find_preset("p").head
    assert (head.kept, head.corrected, head.games) == (("all",), ("this", "that"), ("Pong", "Breakout"))
    assert (head.expected, head.beneath) == ("", None)


def test_one_over_another(tmp_path: Path) -> None:
    """Values and mistakes of the preset beneath, but for what the upper one says; with its file as -conf too."""
    lower, upper = find_preset("space-invaders-2016"), find_preset("space-invaders-2016-rmsprop")
    below, above = (load("dqn", resolve(INVADERS), conf_file=each.path) for each in (lower, upper))
    there, here = below.flat(), above.flat()
    assert {key: here.get(key) for key in {**there, **here} if here.get(key) != there.get(key)} == {
        "optimizer": "rmsprop",
        "optimizer_kwargs.alpha": 0.95,
        "optimizer_kwargs.eps": 1e-3 / 32,
        "optimizer_kwargs.decay": None,
        "learning_rate": 2e-4,
    }
    assert upper.faithful == lower.faithful
    assert str(above.sources["buffer_size"]).startswith("hyperparams/presets/space_invaders_2016.yml:")
    assert str(above.sources["learning_rate"]).startswith("hyperparams/presets/space_invaders_2016_rmsprop.yml:")
    copied = tmp_path / "mine.yml"
    copied.write_text(upper.path.read_text())
    assert load("dqn", resolve(INVADERS), conf_file=copied).flat() == here


def test_the_mistakes_lie_beneath_the_command_line() -> None:
    preset = find_preset("space-invaders-2016")
    load_it = partial(load, "dqn", resolve(INVADERS), conf_file=preset.path)
    assert "preprocessing_kwargs.colour" not in load_it().flat()
    faithful = load_it(between=preset.faithful)
    assert faithful.flat() == {**load_it().flat(), "preprocessing_kwargs.colour": "luminance_int8"}
    source = faithful.sources["preprocessing_kwargs.colour"]
    assert source.file == "hyperparams/presets/space_invaders_2016.yml"
    typed = load_it(between=preset.faithful, overrides={"preprocessing_kwargs.colour": "mean"})
    assert typed.flat()["preprocessing_kwargs.colour"] == "mean"


def test_a_mistake_in_the_mistakes_is_seen_without_asking_for_them(tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    file.write_text("batch_size: 16\nfaithful:\n  bach_size: 32\n")
    with pytest.raises(UserError, match=r"mine.yml:3: unknown key 'bach_size' for algorithm 'dqn'"):
        load("dqn", resolve("Pong"), conf_file=file)


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
    with pytest.raises(UserError, match=r"leave out one of the two, or begin yours .* says beneath: course-unit3"):
        parse_training(make_parser(), f"--preset {COURSE} -conf mine.yml".split())
    with pytest.raises(UserError, match="--faithful: puts the mistakes of a preset's document back; say with --preset"):
        parse_training(make_parser(), ["--faithful"])
    with pytest.raises(UserError, match=r"'nature-2015' leaves out no mistake .*; these do: .*pong-2019"):
        parse_training(make_parser(), ["--preset", "nature-2015", "--faithful"])


def test_a_training_by_its_preset_and_on_with_it(tmp_path: Path) -> None:
    words = f"--preset {COURSE} {BRIEFLY} -f {tmp_path} --seed 1 --eval-freq -1".split()
    assert train(words) == 0
    run = RunFolder.at(tmp_path / "dqn" / "SpaceInvadersNoFrameskip-v4_1")
    config = run.config.read_text()
    assert read_results(run.results).preset == COURSE
    assert "max_grad_norm: 10" in config
    assert "preset:" not in config
    with pytest.raises(UserError, match="--preset: says how a run begins"):
        train(["--resume", str(run.path), "--preset", COURSE])
    assert train(["--resume", str(run.path), "-n", "400", "--allow-change", "n_timesteps"]) == 0
    assert "max_grad_norm: 10" in run.config.read_text()
    assert read_results(run.results).preset == COURSE


def test_the_doctor_takes_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(["--preset", COURSE, "--no-measure"]) == 0
    assert "learning" in capsys.readouterr().out
