"""A Hub on this machine for the tests: what the real ``huggingface_hub`` client speaks to, by HF_ENDPOINT."""

import contextlib
import threading
import time
from collections.abc import Iterator

import uvicorn

from .app import make_app
from .faults import Fault, Faulty
from .store import Account, Repo, Store

__all__ = ["Account", "Fault", "Hub", "Repo", "running"]

TOKEN = "hf_" + "test" * 8  # as long as a real one
READ_ONLY = "hf_" + "read" * 8


class Hub:
    """store: what it holds. faulty: its faults and the requests it got. url: where it listens."""

    def __init__(self, url: str, store: Store, faulty: Faulty) -> None:
        self.url = url
        self.store = store
        self.faulty = faulty

    def clear(self) -> None:
        """Without repositories, faults or requests; accounts of ``ann`` (of the organization ``lab``) remain."""
        self.store.repos.clear()
        self.store.objects.clear()
        self.store.sent_instead.clear()
        self.store.listed_instead, self.store.largest_page = None, 1000
        self.faulty.faults.clear()
        self.faulty.requests.clear()
        self.store.accounts.clear()
        self.store.accounts |= {TOKEN: Account("ann", ("lab",)), READ_ONLY: Account("ann", ("lab",), "read")}

    def fail(self, *faults: Fault) -> None:
        """From now on these go wrong."""
        self.faulty.faults.extend(faults)

    def requests(self, method: str, part: str) -> list[str]:
        """The requests so far of this method whose path has this part."""
        return [each for each in self.faulty.requests if each.startswith(f"{method} ") and part in each]


@contextlib.contextmanager
def running() -> Iterator[Hub]:
    """A Hub on a free port of this machine, in a thread of this process, until the block ends."""
    store = Store()
    faulty = Faulty(make_app(store))
    config = uvicorn.Config(faulty, port=0, log_level="critical", lifespan="off", http="h11", timeout_keep_alive=60)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the Hub did not start")
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    hub = Hub(f"http://127.0.0.1:{port}", store, faulty)
    hub.clear()
    try:
        yield hub
    finally:
        server.should_exit = server.force_exit = True  # without waiting for slow answers
        thread.join()
