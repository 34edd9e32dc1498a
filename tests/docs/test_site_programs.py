"""The programs in docs/site: docstrings as Markdown; a small guide that builds, and what makes it fail."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from guide_commands import DOCS, ROOT

SMALL_GUIDE = """\
site_name: small
use_directory_urls: false
exclude_docs: /site/*.py
nav: [index.md]
theme: {name: material, font: false}
hooks: [docs/site/source_pages.py]
validation: {nav: {omitted_files: warn}, links: {not_found: warn, anchors: warn}}
"""


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / "site" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def docstrings() -> ModuleType:
    return program("docstrings")


def test_equations_become_mathml() -> None:
    marked = (
        r'<p>If <span class="arithmatex">\(a &lt; \gamma\)</span>:</p><div class="arithmatex">\[\sqrt{v}\]</div>'
        r"<code>$HOME \(x\)</code>"
    )
    shown = program("equations").on_page_content(marked, page=None)
    assert shown.count("<math ") == shown.count("</math>") == 2
    assert 'display="inline"' in shown.partition("msqrt")[0]
    assert 'display="block"' in shown
    assert "arithmatex" not in shown
    assert shown.startswith("<p>If <math ")
    assert shown.endswith(r"<code>$HOME \(x\)</code>")


def test_a_docstring_keeps_its_lines_and_its_formulas(docstrings: ModuleType) -> None:
    given = (
        "TD error.\n\nq_tm1, q_t: (B, A); r_t,\nand (B, *shape).\nReturns r_t[0] * `a*b`.\nValueError if <none>.\n"
        "Source: a paper::\n\n    y = f(x)\n\n    z = y\n\nThe end."
    )
    assert docstrings.as_markdown(given) == (
        "TD error.\n\nq\\_tm1, q\\_t: (B, A); r\\_t,\nand (B, \\*shape).  \nReturns r\\_t\\[0] \\* `a*b`.  \n"
        "ValueError if \\<none>.  \nSource: a paper:\n\n```python\ny = f(x)\n\nz = y\n```\n\nThe end."
    )


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A guide of one page, which links to a file outside of docs/."""
    (tmp_path / "mkdocs.yml").write_text(SMALL_GUIDE)
    shutil.copytree(DOCS / "site", tmp_path / "docs" / "site")
    (tmp_path / "docs" / "index.md").write_text(
        "# Small\n\nSee [the file](../code/one.py) and [the folder](../code).\n"
    )
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "one.py").write_text("fence = '```'\n")
    return tmp_path


def build(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_what_a_page_links_to_becomes_a_page(small: Path) -> None:
    assert build(small).returncode == 0
    assert 'href="source/code/one.py.html"' in (small / "site" / "index.html").read_text()
    assert "```" in (small / "site" / "source" / "code" / "one.py.html").read_text()
    assert 'href="one.py.html"' in (small / "site" / "source" / "code" / "index.html").read_text()


@pytest.mark.parametrize(
    ("page", "text", "said"),
    [
        ("lost.md", "# In no menu", "lost.md"),
        ("index.md", "# Small\n\n[nowhere](../code/two.py)", "code/two.py"),
        ("index.md", "# Small\n\n[no such part](#part)", "#part"),
    ],
)
def test_what_leads_nowhere_fails(small: Path, page: str, text: str, said: str) -> None:
    (small / "docs" / page).write_text(f"{text}\n")
    done = build(small)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
