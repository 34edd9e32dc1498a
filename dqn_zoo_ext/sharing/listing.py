"""What the Hub lists: the public models that have certain tags, page by page, as JSON that nobody has checked yet."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from huggingface_hub import HfApi, get_session
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented there
    build_hf_headers,
    hf_raise_for_status,
)

from dqn_zoo_ext.errors import TryAgain, UserError
from dqn_zoo_ext.sharing.patience import Patience, Say, persist

_A_PAGE = 500
MOST_PAGES = 50
MOST_BYTES, MOST_SECONDS = 50_000_000, 120.0
"""Of one page."""
_FACTS = ("cardData", "model-index", "siblings", "lastModified", "downloads", "likes", "library_name")
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[][{},]', re.DOTALL)
"""A string of JSON, or a mark between values; a string that never ends goes to the end, or it would be looked for again
and again."""
_LONGEST_WHOLE_NUMBER = 18  # digits


@dataclass(frozen=True)
class Listing:
    """models: each as the Hub describes it. unreadable: how many were no JSON that can be read.

    complete: false if the Hub has more than are taken.
    """

    models: Sequence[Any]
    unreadable: int
    complete: bool


def list_models(tags: Sequence[str], api: HfApi, patience: Patience, say: Say) -> Listing:
    """Every public model that has all the tags, with its card's metadata and its files' names.

    No token is sent, so nothing private can be in it. The client's own listing is not used: a single card that it
    cannot read ends it. UserError or TryAgain if a page cannot be had, or is too large.
    """
    models: list[Any] = []
    unreadable = 0
    query: str | None = urlencode({"filter": tags, "expand": _FACTS, "limit": _A_PAGE}, doseq=True)
    for _ in range(MOST_PAGES):
        if query is None:
            break
        url = f"{api.endpoint}/api/models?{query}"
        items, query = persist(f"listing the agents tagged {tags[0]}", partial(_page, url), patience, say)
        models += [item for item in items if item is not None]
        unreadable += items.count(None)
    return Listing(models, unreadable, query is None)


def _page(url: str) -> tuple[list[Any], str | None]:
    """The items of one page, None for each that cannot be read, and the next one's query: never another address."""
    with get_session().stream("GET", url, headers=build_hf_headers(token=False), follow_redirects=False) as response:
        content = _read(response)
        told = {name: value for name, value in response.headers.items() if name.startswith(("x-error", "retry-"))}
        hf_raise_for_status(httpx2.Response(response.status_code, headers=told, request=response.request))
        following = response.links.get("next", {}).get("url")
    return _items(content), None if following is None else urlsplit(following).query


def _read(response: httpx2.Response) -> bytes:
    begun, content = time.monotonic(), bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MOST_BYTES:
            raise UserError(f"a page of the Hub's list has more than {MOST_BYTES // 10**6} MB; refused")
        if time.monotonic() - begun > MOST_SECONDS:
            raise TryAgain(f"a page of the Hub's list took more than {MOST_SECONDS:g} seconds")
    return bytes(content)


def _items(content: bytes) -> list[Any]:
    """The items of a JSON list, None for each that cannot be read: one card must not take the others with it."""
    text = content.decode(errors="replace")
    try:
        whole = _json(text)
    except (ValueError, RecursionError):
        if not text.lstrip().startswith("["):
            raise json.JSONDecodeError("no list", "", 0) from None  # as `persist` knows what is not the Hub's answer
        return [_json_or_none(each) for each in _split(text)]
    if not isinstance(whole, list):
        raise json.JSONDecodeError("no list", "", 0)
    return whole


def _json_or_none(text: str) -> Any:
    try:
        return _json(text)
    except (ValueError, RecursionError):
        return None


def _json(text: str) -> Any:
    return json.loads(text, parse_int=_whole_number)


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_WHOLE_NUMBER else float(digits)  # int() of thousands raises


def _split(text: str) -> Iterator[str]:
    """The texts between the outermost commas of a JSON list, whatever stands in them."""
    depth, begun = 0, 0
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in "[{":
            depth += 1
            begun = token.end() if depth == 1 else begun
        elif mark in "]}":
            depth -= 1
        if (mark == "," and depth == 1) or (mark in "]}" and depth == 0):
            yield text[begun : token.start()]
            begun = token.end()
