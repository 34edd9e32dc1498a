"""The user's cache folder: what was measured once and need not be measured again."""

import os
import sys
from pathlib import Path

CACHE_VARIABLE = "DQN_ZOO_EXT_CACHE"


def user_cache(part: str) -> Path:
    """Where a kind of things is kept: in ``$DQN_ZOO_EXT_CACHE``, or the operating system's cache folder of the user."""
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given) / part
    usual = "~/Library/Caches" if sys.platform == "darwin" else os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(usual).expanduser() / "dqn_zoo_ext" / part
