"""What the local Hub holds: accounts, repositories with their commits, and large files. No HTTP here."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from typing import Any

import yaml

LARGE = ("*.zip", "*.safetensors", "*.mp4", "*.npz", "*.pkl", "*.pth")
"""Files that the Hub's first ``.gitattributes`` puts into LFS, whatever their size."""
LARGE_FROM_BYTES = 10_000_000
_FIRST_FILES = {".gitattributes": "".join(f"{each} filter=lfs diff=lfs merge=lfs -text\n" for each in LARGE).encode()}


@dataclass(frozen=True)
class Account:
    """role: ``write``, ``read`` or ``fineGrained``. orgs: the organizations that the user may write to."""

    name: str
    orgs: tuple[str, ...] = ()
    role: str = "write"


@dataclass(frozen=True)
class Blob:
    content: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def git_id(self) -> str:
        """As git counts it: of the content, or of the pointer that stands for a large file."""
        content = self.content
        if self.large:
            content = f"version https://git-lfs\noid sha256:{self.sha256}\nsize {len(self.content)}\n".encode()
        return hashlib.sha1(b"blob %d\x00" % len(content) + content).hexdigest()

    @property
    def oid(self) -> str:
        """What ``preupload`` answers for it, by which the client leaves out what has not changed."""
        return self.sha256 if self.large else self.git_id


@dataclass(frozen=True)
class Commit:
    oid: str
    summary: str
    files: dict[str, Blob]


@dataclass
class Repo:
    private: bool
    commits: list[Commit] = field(default_factory=list)
    modified: str = "2026-01-02T03:04:05.000Z"

    def __post_init__(self) -> None:
        self.commit("initial commit", {name: Blob(content, False) for name, content in _FIRST_FILES.items()})

    @property
    def head(self) -> Commit:
        return self.commits[-1]

    @property
    def metadata(self) -> dict[str, Any]:
        """Of the card, as the Hub reads it; a card that is none has none."""
        card = self.head.files.get("README.md")
        return {} if card is None else _metadata(card.content)

    def commit(self, summary: str, files: Mapping[str, Blob | None]) -> Commit:
        """On top of what was there; None: the file is deleted."""
        after = {**(self.commits[-1].files if self.commits else {}), **files}
        kept = {name: blob for name, blob in after.items() if blob is not None}
        self.commits.append(Commit(secrets.token_hex(20), summary, kept))
        return self.head

    def at(self, revision: str) -> Commit | None:
        if revision == "main":
            return self.head
        return next((commit for commit in self.commits if commit.oid == revision), None)


@dataclass
class Store:
    """accounts: by token. repos: by ``namespace/name``. objects: large files by SHA-256, committed or not yet.

    sent_instead: large files, by SHA-256, in whose place other bytes are sent. listed_instead: bytes in place of a page
    of the list. largest_page: models on one.
    """

    accounts: dict[str, Account] = field(default_factory=dict)
    repos: dict[str, Repo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    sent_instead: dict[str, bytes] = field(default_factory=dict)
    listed_instead: bytes | None = None
    largest_page: int = 1000

    def put(self, repo_id: str, files: dict[str, bytes], private: bool = False) -> Repo:
        """A repository with these files, as if somebody else had pushed them."""
        repo = self.repos.setdefault(repo_id, Repo(private))
        repo.commit("from elsewhere", {name: Blob(content, is_large(name, content)) for name, content in files.items()})
        return repo

    def may_write(self, token: str | None, namespace: str) -> bool:
        account = self.accounts.get(token or "")
        return account is not None and account.role != "read" and namespace in (account.name, *account.orgs)


@cache
def _metadata(card: bytes) -> dict[str, Any]:
    parts = card.split(b"---\n", 2)
    try:
        data = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
    except yaml.YAMLError:
        return {}
    return data if isinstance(data, dict) else {}


def is_large(path: str, content: bytes) -> bool:
    return len(content) >= LARGE_FROM_BYTES or any(fnmatch(path, pattern) for pattern in LARGE)
