"""The guide as a website: it builds without a warning, asks nothing of the network, and no link in it leads nowhere."""

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from guide_commands import DOCS, PAGES, ROOT

from dqn_zoo_ext.__main__ import VERBS

_OF_ATTRIBUTE = re.compile(r"\b(href|src)=\"?([^\"\s>]+)\"?")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` builds it, in another folder."""
    folder = tmp_path_factory.mktemp("guide") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def html_of(site: Path) -> list[Path]:
    """Its pages; there are at least those of the guide."""
    found = sorted(site.rglob("*.html"))
    assert len(found) >= len(PAGES) - 1
    return found


def test_every_page_is_in_it(site: Path) -> None:
    of_the_guide = [page for page in PAGES if page.is_relative_to(DOCS)]
    assert len(of_the_guide) == len(list(DOCS.rglob("*.md"))) == len(PAGES) - 1  # the README is no page of it
    for page in of_the_guide:
        assert (site / page.relative_to(DOCS)).with_suffix(".html").is_file(), page
    assert not list(site.rglob("*.py"))


def test_nothing_is_fetched_to_show_a_page(site: Path) -> None:
    """A link that one clicks may lead anywhere; what a browser fetches by itself may not."""
    for page in html_of(site):
        text = page.read_text(encoding="utf-8")
        tags = re.findall(r"<(?:script|link|img|iframe|source|video)\b[^>]*>", text)
        targets = [(tag, target) for tag in tags for _, target in _OF_ATTRIBUTE.findall(tag)]
        assert targets, f"{page.name}: a page of this site has a style and a script at least"
        for tag, target in targets:
            assert not target.startswith(("http:", "https:", "//")), f"{page.name}: {tag}"
    sheets = list(site.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        assert not re.search(r"(?:url\(|@import )['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_no_link_leads_nowhere(site: Path) -> None:
    broken, followed = set(), 0
    for page in html_of(site):
        text = page.read_text(encoding="utf-8")
        for _, target in _OF_ATTRIBUTE.findall(
            re.sub(r"<(?:pre|code|script)\b.*?</(?:pre|code|script)>", "", text, flags=re.DOTALL)
        ):
            path = unquote(unescape(target)).partition("#")[0].partition("?")[0]
            if path and not re.match(r"[a-z]+:|/", path):
                followed += 1
                if not (page.parent / path).exists():
                    broken.add(f"{page.relative_to(site)}: {target}")
    assert not broken
    assert followed > len(html_of(site))


def test_the_help_of_every_command_is_in_it(site: Path) -> None:
    told = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    assert re.findall(r"^## `(\w+)`$", told, re.MULTILINE) == list(VERBS)
    shown = unescape(re.sub(r"<[^>]+>", "", (site / "reference" / "commands.html").read_text(encoding="utf-8")))
    for verb in VERBS:
        assert f"usage: python -m dqn_zoo_ext.{verb}" in shown
    assert "--allow-change KEY" in shown


def test_docstrings_are_in_the_reference(site: Path) -> None:
    shown = (site / "reference" / "learning.html").read_text(encoding="utf-8")
    assert 'id="dqn_zoo_ext.learning.targets.double_q_learning"' in shown
    assert "Source: van Hasselt, Guez &amp; Silver 2016, equation 4." in shown
    assert "- [" not in re.sub(r"<[^>]+>", "", shown)  # every item has become a module


def test_every_public_module_of_a_floor_is_found_by_its_page() -> None:
    """An algorithm or a callback that is added must be added to the reference too."""
    for page, folder in (("algorithms", "dqn_zoo_ext/algorithms"), ("callbacks", "callbacks")):
        told = (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8")
        registering = [path for path in (ROOT / folder).rglob("*.py") if "@register_" in path.read_text()]
        assert registering
        for path in registering:
            assert f"{path.relative_to(ROOT)})" in told, path
