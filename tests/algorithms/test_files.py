"""What a reader finds: short files, one for each equation, and nothing written twice among the algorithms."""

from itertools import combinations
from pathlib import Path

import pytest

import dqn_zoo_ext
from dqn_zoo_ext import registry
from dqn_zoo_ext.learning.deep_q import DeepQ

ROOT = Path(dqn_zoo_ext.__file__).parent
LADDER = [name for name in registry.algorithms.names() if issubclass(registry.algorithms.get(name), DeepQ)]
EQUATIONS = (
    *("learning/targets.py", "learning/munchausen.py", "learning/losses.py", "learning/replay/priorities/law.py"),
    "learning/replay/priorities/rank.py",
    *("learning/networks/heads.py", "learning/networks/layers.py", "learning/networks/impala.py"),
    *(f"learning/distributions/{name}.py" for name in ("expectation", "categorical", "quantile", "implicit_quantile")),
)
_TOGETHER = 6  # lines of code in a row; an equation called by its paper's names takes up to five


@pytest.mark.parametrize("path", [*(f"algorithms/{name}.py" for name in LADDER), *EQUATIONS])
def test_an_equation_stands_in_one_file_of_under_120_lines(path: str) -> None:
    assert len((ROOT / path).read_text().splitlines()) < 120


@pytest.mark.parametrize("name", LADDER)
def test_an_algorithms_file_names_its_paper(name: str) -> None:
    algorithm = registry.algorithms.get(name)
    assert algorithm.__module__ == f"dqn_zoo_ext.algorithms.{name}"
    assert algorithm.__doc__ is not None
    assert any(f"{year}" in algorithm.__doc__ for year in range(1988, 2027))


def runs(path: Path) -> set[tuple[str, ...]]:
    """Every few lines of code in a row, imports and texts left out."""
    code = path.read_text().split('"""')[::2]  # the odd pieces are texts
    lines = [line.strip() for piece in code for line in piece.splitlines()]
    kept = [line for line in lines if len(line) > 3 and not line.startswith(("import ", "from ", "@", "#"))]
    return {tuple(kept[first : first + _TOGETHER]) for first in range(len(kept) - _TOGETHER + 1)}


def test_nothing_is_copied_between_algorithm_files() -> None:
    files = {name: runs(ROOT / "algorithms" / f"{name}.py") for name in LADDER}
    both = {(one, other): files[one] & files[other] for one, other in combinations(files, 2)}
    assert {pair: found for pair, found in both.items() if found} == {}


def test_the_test_for_copies_finds_one(tmp_path: Path) -> None:
    text = (ROOT / "algorithms" / "dqn.py").read_text()
    (tmp_path / "copy.py").write_text(text.replace("DQN", "Other"))
    assert runs(tmp_path / "copy.py") & runs(ROOT / "algorithms" / "dqn.py")
