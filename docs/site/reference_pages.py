"""mkdocs hook: in docs/reference each item that links to a module becomes what the module's docstrings say.

On GitHub the items are what they are written as: links to the files, with a word on each.
"""

import re
from pathlib import PurePosixPath
from posixpath import dirname, normpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_ITEM = re.compile(r"^- \[[^]]+\]\((\S+\.py)\).*\n(?:  .*\n)*", re.MULTILINE)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  # mkdocs'
    """The page with its items turned into the reference."""
    here = page.file.src_uri
    if not here.startswith("reference/"):
        return markdown
    return _ITEM.sub(lambda found: f"\n::: {_module(found[1], f'docs/{here}')}\n\n", markdown)


def _module(link: str, page: str) -> str:
    """The dotted name of the linked file; what lies in callbacks/ ships inside the package."""
    path = PurePosixPath(normpath(f"{dirname(page)}/{link}")).with_suffix("")
    parts = path.parts if path.parts[0] == "dqn_zoo_ext" else ("dqn_zoo_ext", *path.parts)
    return ".".join(part for part in parts if part != "__init__")
