"""mkdocs hook: what a page links to outside of docs/ becomes part of the site, so that each link works there too.

A Markdown file (the README) becomes a page, a folder a list, data a file to open, and any other file a page that shows
it. On GitHub the same links lead to the files themselves.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from posixpath import dirname, normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
_DOCS, _SOURCE = "docs/", "source/"
_DATA = {".json", ".csv", ".png"}
_LANGUAGES = {".py": "python", ".yml": "yaml", ".sh": "bash", ".toml": "toml"}
_LINK = re.compile(r"(\]\(|(?:href|src)=\")([^)\s\"#]+)(#[^)\s\"]*)?(?=[)\"])")
_CODE = re.compile(r"(^```.*?^```[^\S\n]*$|``[^`]+``|`[^`\n]+`)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is linked, and what that links to."""
    pages = [file for file in files.documentation_pages() if file.abs_src_path is not None]
    wanted = [path for file in pages for path in _linked(file.content_string, _DOCS + file.src_uri)]
    seen: set[str] = set()
    while wanted:
        path = wanted.pop()
        if path in seen or path.startswith(_DOCS) or not (ROOT / path).exists():
            continue
        seen.add(path)
        if (ROOT / path).suffix in _DATA:
            files.append(File.generated(config, _SOURCE + path, abs_src_path=str(ROOT / path)))
            continue
        text = _page_of(path)
        wanted += _linked(text, path)
        shown = f"---\nsearch: {{exclude: true}}\n---\n\n{text}"
        files.append(File.generated(config, _uri(path), content=shown, inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  # mkdocs'
    """The page with its links turned to the site's own pages."""
    here = page.file.src_uri
    of_repository = here.removeprefix(_SOURCE) if here.startswith(_SOURCE) else _DOCS + here
    if here.startswith(_SOURCE) and (ROOT / of_repository.removesuffix("/index.md")).is_dir():
        of_repository = of_repository.removesuffix("index.md") + "."

    def turned(start: str, target: str, anchor: str) -> str:
        path = _path(target, of_repository)
        if path is None or not (ROOT / path).exists():
            return start + target + anchor
        to = path.removeprefix(_DOCS) if path.startswith(_DOCS) else _uri(path)
        # an attribute is the browser's to read, a link is mkdocs' (which also knows the page's own name)
        to = to.removesuffix(".md") + ".html" if start.endswith('"') and to.endswith(".md") else to
        return start + relpath(to, dirname(here) or ".") + anchor

    return _in_links(markdown, turned)


def _page_of(path: str) -> str:
    place = ROOT / path
    if place.is_dir():
        names = sorted(f"{each.name}/" if each.is_dir() else each.name for each in place.iterdir())
        listed = [name for name in names if not name.startswith((".", "_")) and not name.endswith(".egg-info/")]
        return f"# {path}\n\n" + "\n".join(f"- [{name}]({name})" for name in listed)
    text = place.read_text(encoding="utf-8")
    if place.suffix == ".md":
        return text
    fence = "`" * max(3, *(len(ticks) + 1 for ticks in ["", *re.findall(r"`{3,}", text)]))
    return f"# {path}\n\n{fence}{_LANGUAGES.get(place.suffix, 'text')}\n{text}\n{fence}\n"


def _uri(path: str) -> str:
    """Where the site has a file or folder of the repository."""
    place = ROOT / path
    if place.is_dir():
        return f"{_SOURCE}{path}/index.md"
    return _SOURCE + (path if place.suffix in {*_DATA, ".md"} else f"{path}.md")


def _linked(markdown: str, of_repository: str) -> Iterator[str]:
    found: list[str] = []

    def note(start: str, target: str, anchor: str) -> str:
        path = _path(target, of_repository if not (ROOT / of_repository).is_dir() else f"{of_repository}/.")
        found.extend([] if path is None else [path])
        return start + target + anchor

    _in_links(markdown, note)
    return iter(found)


def _path(target: str, of_repository: str) -> str | None:
    """The linked file from the repository's root; None if it is elsewhere."""
    if "://" in target or target.startswith(("mailto:", "/")):
        return None
    path = normpath(f"{dirname(of_repository)}/{target}").lstrip("/")
    return None if path.startswith("..") else path


def _in_links(markdown: str, changed: Callable[[str, str, str], str]) -> str:
    """`markdown` with each link's three parts replaced; what is code stays."""
    parts = _CODE.split(markdown)
    for at in range(0, len(parts), 2):
        parts[at] = _LINK.sub(lambda found: changed(found[1], found[2], found[3] or ""), parts[at])
    return "".join(parts)
