"""Who pushes, and where to: the token and the namespace, looked at before anything else is done."""

import re
from typing import Any

from huggingface_hub import HfApi, get_token

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.keywords import shown
from dqn_zoo_ext.sharing.patience import Patience, Say, persist

_LONGEST_NAME = 96
NAME = re.compile(rf"(?=.{{1,{_LONGEST_NAME}}}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
"""Of a user, an organization or a repository; the Hub has some rules more."""
_HOW_TO_LOG_IN = (
    "log in with `hf auth login`, or set HF_TOKEN, with a token that has write access: "
    "https://huggingface.co/settings/tokens"
)


def repo_id_of(namespace: str, name: str) -> str:
    """``namespace/name``; UserError if the Hub could not have a repository of that name."""
    for option, given in (("-orga", namespace), ("--repo-name", name)):
        if NAME.fullmatch(given) is None or "--" in given or ".." in given or given.endswith(".git"):
            raise UserError(
                f"{option}: no name on the Hub can be {shown(given)}: letters, digits, '-', '_' and '.', at most "
                f"{_LONGEST_NAME}, no '--' or '..', and no '-' or '.' at either end"
            )
    return f"{namespace}/{name}"


def check_account(namespace: str, api: HfApi, patience: Patience, say: Say) -> str:
    """The user's name on the Hub.

    UserError if there is no token, if the Hub does not know it, if it can only read, or if the namespace is neither the
    user nor one of the user's organizations. What a fine-grained token may do is seen only when it is done.
    """
    if get_token() is None:
        raise UserError(f"no token for the Hub: {_HOW_TO_LOG_IN}")
    who: dict[str, Any] = persist("asking the Hub who you are", api.whoami, patience, say)
    user = str(who.get("name", ""))
    organizations = [str(each.get("name", "")) for each in who.get("orgs") or ()]
    if namespace not in (user, *organizations):
        near = nearest(namespace, [user, *organizations])
        raise UserError(f"-orga: you are '{user}' on the Hub and cannot push to '{namespace}'{near}")
    role = ((who.get("auth") or {}).get("accessToken") or {}).get("role")
    if role == "read":
        raise UserError(f"the token of '{user}' can only read: {_HOW_TO_LOG_IN}")
    return user
