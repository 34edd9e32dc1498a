"""The quotes of the user guide: as their sources have them, and every fault of a marker in a line."""

import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = '''
import functools


class Ring:
    """A ring."""

    @functools.cache
    def draw(self, n: int) -> int:
        """Draw.

        n: how many.
        """
        here = n  # a reason
        return here + 1


def last() -> None:
    """Only a docstring is left out."""
    print("x")
'''


@pytest.fixture
def quote(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "docs")
    return importlib.import_module("quote")


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    """A folder docs/ beside a source."""
    (tmp_path / "ring.py").write_text(SOURCE)
    (tmp_path / "docs" / "tour").mkdir(parents=True)
    return tmp_path / "docs"


def page(marker: str, code: str = "old\n") -> str:
    return f"# Page\n\n<!-- code: {marker} -->\n\n```python\n{code}```\n\nAfter.\n"


def test_no_quote_of_the_guide_is_stale(quote: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert quote.main(["--check"]) == 0, capsys.readouterr()


def test_a_change_of_the_source_makes_a_quote_stale(quote: Any, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "dqn_zoo_ext" / "learning", tmp_path / "dqn_zoo_ext" / "learning")
    for folder in ("envs", "algorithms"):
        shutil.copytree(ROOT / "dqn_zoo_ext" / folder, tmp_path / "dqn_zoo_ext" / folder)
    assert quote.main(["--check", "--docs", str(tmp_path / "docs")]) == 0
    targets = tmp_path / "dqn_zoo_ext" / "learning" / "targets.py"
    targets.write_text(targets.read_text().replace("q_t.amax(dim=1)", "q_t.max(dim=1).values"))
    assert quote.main(["--check", "--docs", str(tmp_path / "docs")]) == 1
    assert quote.main(["--docs", str(tmp_path / "docs")]) == 0
    assert "q_t.max(dim=1).values" in (tmp_path / "docs" / "tour" / "q_learning.md").read_text()
    assert quote.main(["--check", "--docs", str(tmp_path / "docs")]) == 0


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        (
            "ring.py Ring.draw no-docstring",
            "@functools.cache\ndef draw(self, n: int) -> int:\n    here = n  # a reason\n    return here + 1\n",
        ),
        ('ring.py "here = n" to "return"', "here = n  # a reason\nreturn here + 1\n"),
        ("ring.py last", 'def last() -> None:\n    """Only a docstring is left out."""\n    print("x")\n'),
        ("ring.py last no-docstring", 'def last() -> None:\n    print("x")\n'),
    ],
)
def test_what_is_quoted(quote: Any, guide: Path, marker: str, expected: str) -> None:
    path = guide / "tour" / "page.md"
    path.write_text(page(marker))
    assert quote.main(["--docs", str(guide)]) == 0
    assert path.read_text() == page(marker, expected)
    assert quote.main(["--check", "--docs", str(guide)]) == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (page("ring.py Ring.drew"), "ring.py has no Ring.drew"),
        (page("wring.py draw"), "there is no file wring.py"),
        (page('ring.py "nowhere" to "return"'), "0 lines of ring.py hold what only one should: nowhere"),
        (page('ring.py "return" to "here = n"'), "no line of ring.py from 'return' on holds: here = n"),
        (page('ring.py "def " to "return"'), "2 lines of ring.py hold what only one should: def "),
        (page("ring.py"), "a quote is PATH NAME"),
        ("<!-- code: ring.py last -->\n\nno block\n", "needs a ```python block"),
    ],
)
def test_a_marker_that_cannot_be_followed_is_one_line(
    quote: Any, guide: Path, capsys: pytest.CaptureFixture[str], text: str, complaint: str
) -> None:
    path = guide / "page.md"
    path.write_text(text)
    for words in ([], ["--check"]):
        assert quote.main([*words, "--docs", str(guide)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("docs/page.md: ")
        assert complaint in line
    assert path.read_text() == text
