"""Calls to the Hub that go on trying: with backoff, for a bounded time, and a failure in one line.

``huggingface_hub`` retries some requests and others not (neither ``whoami`` nor ``create_repo``, and a commit only
through Xet), and leaves most of them without a time limit. Whatever is called through `persist` has both.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx2
from huggingface_hub import HfApi, constants, get_session, get_token, set_client_factory
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # documented there

from dqn_zoo_ext.errors import TryAgain, UserError
from dqn_zoo_ext.words import counted

T = TypeVar("T")
Say = Callable[[str], None]

_PASSING_STATUS = (408, 409, 412, 425, 429)
"""Answers that another try may change: 412 is a commit upon a state of the repository that has gone."""
_SECONDS_WITHOUT_A_BYTE = 60.0
_LONGEST_REASON = 200


@dataclass(frozen=True)
class Patience:
    """How long to go on trying. seconds: from the first try of a step; no try begins later.

    first_wait, longest_wait: seconds between two tries; it doubles from one to the other.
    """

    seconds: float = 300.0
    first_wait: float = 1.0
    longest_wait: float = 30.0


def client() -> HfApi:
    """The Hub's client, for the Hub that HF_ENDPOINT names now. The token is found by the client itself."""
    if not sys.stderr.isatty():
        disable_progress_bars()
    hooks = get_session().event_hooks
    # the client's own waits without end; a factory, as it makes a new one when a connection fails
    set_client_factory(lambda: httpx2.Client(event_hooks=hooks, follow_redirects=True, timeout=_SECONDS_WITHOUT_A_BYTE))
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="dqn_zoo_ext")


def persist(what: str, call: Callable[[], T], patience: Patience, say: Say) -> T:
    """Call until it succeeds, waiting longer each time. what: says in a message what is tried, as in ``uploading``.

    TryAgain when the time is over; UserError at once for what no other try can change (a token, a right, a name).
    """
    begun, wait, tries = time.monotonic(), patience.first_wait, 0
    while True:
        try:
            return call()
        except UserError:
            raise
        except Exception as error:
            if not may_pass(error):
                raise UserError(f"{what}: {reason_of(error)}") from None  # its cause may show what a request held
            failure, asked = reason_of(error), _seconds_asked_for(error)
        tries += 1
        pause, passed = max(wait, asked), time.monotonic() - begun
        if passed + pause > patience.seconds:
            raise TryAgain(f"{what}: {failure}; tried {counted(tries, 'time')} in {passed:.0f} seconds")
        say(f"{what}: {failure}; trying again in {pause:g} seconds")
        time.sleep(pause)
        wait = min(2 * wait, patience.longest_wait)


def may_pass(error: BaseException) -> bool:
    """Whether another try may succeed."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code >= 500 or error.response.status_code in _PASSING_STATUS
    if isinstance(error, OfflineModeIsEnabled | httpx2.UnsupportedProtocol):
        return False
    if isinstance(error, RuntimeError | LocalEntryNotFoundError):  # the client's, around what really happened
        return error.__cause__ is None or may_pass(error.__cause__)
    if isinstance(error, EntryNotFoundError):
        return False
    if isinstance(error, httpx2.HTTPError | ConnectionError | TimeoutError | json.JSONDecodeError):
        return True  # a proxy's page of HTML is no JSON
    return isinstance(error, OSError) and error.errno is None  # the client's word for a file that came incomplete


def reason_of(error: BaseException) -> str:
    """Why a call failed: one line, without the token whatever the server says."""
    if isinstance(error, HfHubHTTPError):
        text = f"the Hub answered {error.response.status_code}{_words_of(error)}"
        if error.response.status_code in (401, 403):
            text += "; the token must be valid and have write access there: https://huggingface.co/settings/tokens"
    elif isinstance(error, RuntimeError | LocalEntryNotFoundError) and error.__cause__ is not None:
        return reason_of(error.__cause__)
    elif isinstance(error, json.JSONDecodeError):
        text = "the answer was not the Hub's"
    elif isinstance(error, httpx2.HTTPError | ConnectionError | TimeoutError):
        text = f"no connection to {_endpoint()} ({type(error).__name__}: {error})"
    else:
        text = str(error) or type(error).__name__
    return redacted(" ".join(text.split()))[:_LONGEST_REASON]


def redacted(text: str) -> str:
    """Text without the token that this process sends."""
    token = get_token()
    return text.replace(token, "(token)") if token else text


def _words_of(error: HfHubHTTPError) -> str:
    words = error.server_message or error.response.headers.get("X-Error-Message")
    return f" ({words.splitlines()[0]})" if words else ""


def _seconds_asked_for(error: BaseException) -> float:
    """What the server's ``Retry-After`` says."""
    given = error.response.headers.get("Retry-After", "") if isinstance(error, HfHubHTTPError) else ""
    return float(given) if given.isdigit() else 0.0


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", constants.ENDPOINT)
