"""The page of presets: its generated part is what the files say, and the names in it exist."""

import re
from pathlib import Path

import pytest

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
    for target in re.findall(r"\]\((\.\./hyperparams/[^)]+)\)", (DOCS / "presets.md").read_text()):
        assert (DOCS / target).is_file()
