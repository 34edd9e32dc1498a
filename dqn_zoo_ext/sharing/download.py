"""An agent's files from the Hub: only those that an agent has, none above its limit, each held against its checksum."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import RepoSibling

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.sharing.patience import Patience, Say, persist
from dqn_zoo_ext.sharing.upload import same_content

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Wanted:
    """A file of an agent's repository. needed: without it there is no agent."""

    most_bytes: int
    needed: bool = False


@dataclass(frozen=True)
class Downloaded:
    """repo_id at a commit, its files by name."""

    repo_id: str
    commit: str
    files: Mapping[str, Path]


def download(
    repo_id: str, wanted: Mapping[str, Wanted], into: Path, api: HfApi, patience: Patience, say: Say
) -> Downloaded:
    """Fetch the files called `wanted` that the repository has, all of one commit, into the empty folder `into`.

    UserError if there is no such repository, if a needed file is missing (naming what is there), or if one is larger
    than its limit; TryAgain if the Hub could not be reached in time, or only sent what it says itself is wrong.
    """

    def look() -> tuple[str, list[RepoSibling]]:
        try:
            info = api.model_info(repo_id, files_metadata=True)
        except RepositoryNotFoundError:
            raise UserError(
                f"no repository {api.endpoint}/{repo_id}, or a private one that your token cannot read; its name is "
                "-orga, a slash, and --repo-name, by default ALGO-ENV"
            ) from None
        return str(info.sha), list(info.siblings or ())

    commit, siblings = persist(f"looking at {repo_id}", look, patience, say)
    there = {each.rfilename: each for each in siblings}
    for name, limits in wanted.items():
        _check_before(repo_id, name, limits, there)
    files = {}
    for name in (name for name in wanted if name in there):
        files[name] = _fetch(repo_id, there[name], commit, into, api, patience, say)
    return Downloaded(repo_id, commit, files)


def _check_before(repo_id: str, name: str, limits: Wanted, there: Mapping[str, RepoSibling]) -> None:
    if name not in there:
        if limits.needed:
            alike = [each for each in there if Path(each).suffix == Path(name).suffix]
            raise UserError(f"{repo_id} has no file '{name}'{nearest(name, alike) if alike else ''}")
        return
    size = there[name].size
    if size is None or size > limits.most_bytes:
        what = "of unknown size" if size is None else f"of {size / MEGABYTE:,.1f} MB"
        raise UserError(f"{repo_id}: '{name}' is {what}; at most {limits.most_bytes / MEGABYTE:g} MB are taken")


def _fetch(
    repo_id: str, described: RepoSibling, commit: str, into: Path, api: HfApi, patience: Patience, say: Say
) -> Path:
    name = described.rfilename
    sha256 = described.lfs.sha256 if described.lfs else None

    def attempt() -> Path:
        path = Path(api.hf_hub_download(repo_id, name, revision=commit, local_dir=into))
        if not same_content(path, described.size, described.blob_id, sha256):
            path.unlink()
            # no UserError: the next try may bring it whole
            raise OSError(f"{repo_id}: '{name}' is not what the Hub says it is: its checksum is wrong")
        return path

    return persist(f"downloading {name} of {repo_id}", attempt, patience, say)
