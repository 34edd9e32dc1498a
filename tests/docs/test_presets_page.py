"""The page of presets: its generated part is what the files say, and the names in it exist."""

import re
from pathlib import Path

import pytest

from dqn_zoo_ext.config.__main__ import main as config
from dqn_zoo_ext.config.shipped_files import preset_files
from dqn_zoo_ext.presets import main as presets

DOCS = Path(__file__).parents[2] / "docs"


def test_what_the_presets_say_stands_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert presets(["--markdown"]) == 0
    generated = capsys.readouterr().out
    assert (DOCS / "presets.md").read_text().endswith(f"\n\n{generated}"), "python -m dqn_zoo_ext.presets --markdown"


def test_every_preset_that_a_page_names_is_there() -> None:
    pages = [*DOCS.glob("*.md"), DOCS.parent / "README.md"]
    named = {name for page in pages for name in re.findall(r"--preset (?!NAME)([a-z0-9-]+)", page.read_text())}
    assert {"nature-2015", "course-unit3", "pong-2019"} <= named
    assert named <= preset_files().keys()


def test_every_link_to_a_file_is_one() -> None:
    targets = re.findall(r"\]\((\.\./hyperparams/[^)]+)\)", (DOCS / "presets.md").read_text())
    presets_there = {path.name for path in (DOCS.parent / "hyperparams" / "presets").glob("*.yml")}
    assert {Path(target).name for target in targets} == {*presets_there, "atari.yml"}
    assert len(targets) == len(presets_there) + 1
    for target in targets:
        assert (DOCS / target).is_file()


def test_the_file_of_ones_own_lies_over_the_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's file and its command, with `config` in place of `train`."""
    page = (DOCS / "presets.md").read_text()
    (example,) = re.findall(r"```yaml\n# mine.yml\n(.*?)```", page, re.DOTALL)
    (words,) = re.findall(r"^python -m dqn_zoo_ext.train (.* -conf mine.yml)$", page, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    Path("mine.yml").write_text(example)
    assert config(words.split()) in (0, None)
    told = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert told["preprocessing_kwargs.colour"] == ["rgb", "mine.yml:8"]
    for key, value in (("preprocessing_kwargs.resize", "bilinear"), ("n_timesteps", "50000000")):
        assert told[key][0] == value
        assert told[key][1].startswith("hyperparams/presets/nature_2015.yml:")


def test_a_preset_on_another_kind_of_game_keeps_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert config(["--preset", "cartpole-keras", "--env", "Breakout"]) in (0, None)
    (torso,) = [line.split() for line in capsys.readouterr().out.splitlines() if "policy_kwargs.torso " in line]
    assert torso[1] == "mlp"
    assert torso[2].startswith("hyperparams/presets/cartpole_keras.yml:")
