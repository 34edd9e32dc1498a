"""mkdocs hook: below each command's heading in reference/commands.md stands what its ``--help`` prints now."""

import contextlib
import io
import os
import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_PAGE = "reference/commands.md"
_HEADING = re.compile(r"^## `(\w+)`$", re.MULTILINE)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  # mkdocs'
    """The page with the helps put in."""
    if page.file.src_uri != _PAGE:
        return markdown
    return _HEADING.sub(lambda found: f"{found[0]}\n\n```text\n{help_of(found[1])}```\n", markdown)


def help_of(verb: str) -> str:
    """What ``python -m dqn_zoo_ext.VERB --help`` prints, from the verb's own parser."""
    from dqn_zoo_ext.__main__ import main

    printed = io.StringIO()
    os.environ["COLUMNS"] = "88"  # as many as a page is wide
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([verb, "--help"])
    if not printed.getvalue():
        raise ValueError(f"{_PAGE}: there is no command '{verb}'")
    return printed.getvalue()
