"""A package to the Hub: one commit, made exactly once however often it has to be tried."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelInfo

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.sharing.manifest import NAME as MANIFEST
from dqn_zoo_ext.sharing.manifest import NOT_LISTED, read_manifest
from dqn_zoo_ext.sharing.patience import Patience, Say, persist


@dataclass(frozen=True)
class Pushed:
    """url: where people see it. commit: its id. was_there: the Hub had every file already."""

    url: str
    commit: str
    was_there: bool


def push(
    folder: Path,
    names: Collection[str],
    repo_id: str,
    message: str,
    api: HfApi,
    patience: Patience,
    say: Say,
    private: bool = False,
) -> Pushed:
    """Make the repository if it is not there, and commit the package in `folder` to it.

    Only what its manifest lists, the manifest and the card go up, whatever else lies there. names: all that a package
    may have; those of them which this one lacks are another agent's, and are removed from the repository.

    Each try first asks for the repository's head and whether its files are these; a commit is made upon that head only
    (``parent_commit``), so one whose answer was lost is not made a second time, by us or by the client. TryAgain if the
    Hub could not be reached in time; UserError if it refuses, or if a private push would go to a public repository.
    """
    url = f"{api.endpoint}/{repo_id}"
    create = f"making the repository {repo_id}"
    persist(create, lambda: api.create_repo(repo_id, private=private, exist_ok=True), patience, say)
    listed = {*read_manifest(folder / MANIFEST).files, *NOT_LISTED}
    files = {path.name: path for path in sorted(folder.iterdir()) if path.name in listed}
    tried = False

    def attempt() -> Pushed:
        nonlocal tried
        info = api.model_info(repo_id, files_metadata=True)
        if private and not info.private:
            raise UserError(f"--private: {url} is there already, and it is public; make it private on the Hub first")
        stale = sorted({each.rfilename for each in info.siblings or ()} & (set(names) - files.keys()))
        if not stale and holds(info, files):
            return Pushed(url, str(info.sha), was_there=not tried)
        tried = True
        changes: list[CommitOperationAdd | CommitOperationDelete] = [CommitOperationDelete(name) for name in stale]
        changes += [CommitOperationAdd(name, path) for name, path in files.items()]
        commit = api.create_commit(repo_id, changes, commit_message=message, parent_commit=info.sha)
        return Pushed(url, commit.oid, was_there=False)

    return persist(f"uploading to {url}", attempt, patience, say)


def holds(info: ModelInfo, files: Mapping[str, Path]) -> bool:
    """Whether the repository's files, as the Hub describes them, are all of these."""
    there = {each.rfilename: each for each in info.siblings or ()}
    for name, path in files.items():
        each = there.get(name)
        if each is None or not same_content(path, each.size, each.blob_id, each.lfs.sha256 if each.lfs else None):
            return False
    return True


def same_content(path: Path, size: int | None, git_id: str | None, sha256: str | None) -> bool:
    """Whether a file is the one that the Hub describes: by its SHA-256 if it lies in LFS, else by git's id."""
    if size is not None and path.stat().st_size != size:
        return False
    with path.open("rb") as file:
        if sha256 is not None:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        blob = hashlib.sha1(b"blob %d\x00" % path.stat().st_size, usedforsecurity=False)
        while chunk := file.read(1 << 20):
            blob.update(chunk)
    return git_id is not None and blob.hexdigest() == git_id
