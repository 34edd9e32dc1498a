"""What a program that trusts an agent's files would run from them, found without running any of it.

People decide by this whether to trust a file, so nothing is left out for looking usual: a pickle that names only
harmless things may still hold the bytecode of any function.
"""

import base64
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml

from dqn_zoo_ext.config.of_run import plain_run_file
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.sharing import package as names
from dqn_zoo_ext.sharing.pickle_names import UNREADABLE, imported_by
from dqn_zoo_ext.storage.archive import read_member

_PICKLED = ":serialized:"
_YAML = "tag:yaml.org,2002:"
_PYTHON = f"{_YAML}python/"
_PLAIN_TAGS = {f"{_PYTHON}object/apply:collections.OrderedDict", f"{_PYTHON}tuple"}
_EVALUATED = ("normalize", "policy_kwargs", "replay_buffer_kwargs")
_IMPORTED = ("env_wrapper", "vec_env_wrapper", "callback")
_MOST_BYTES = 100_000_000
_MOST_NAMES = 100


def what_would_run(files: Mapping[str, Path], zip_name: str) -> list[str]:
    """In a few words each, what RL-Zoo's and Stable-Baselines3's own loading would unpickle, evaluate, import or call.

    files: an agent's, by the names that they have in a repository. It is what was found, and no proof of anything: the
    last words say that it may be any code.
    """
    found = [*_in_zip(files[zip_name])] if zip_name in files else []
    for name in (names.CONFIG, names.ARGS, names.ENV_KWARGS):
        if name in files:
            found += [f"{name} makes {one_line(tag)}" for tag in dict.fromkeys(_tags(files[name]))]
    if names.CONFIG in files:
        found += _in_config(files[names.CONFIG])
    if names.NORMALIZATION in files:
        found.append(f"{names.NORMALIZATION} is a pickle")
    return [*(found or ["nothing that was found"]), "and whatever it says here, it may run any code"]


def _in_zip(path: Path) -> Iterator[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            data = json.loads(read_member(archive, "data", path, _MOST_BYTES))
        pickles = [each[_PICKLED] for each in data.values() if isinstance(each, dict) and _PICKLED in each]
    except Exception:  # damaged input makes zipfile raise nearly anything
        yield f"{path.name} has {UNREADABLE}"
        return
    if pickles:
        imported = {name for pickled in pickles for name in _imported(pickled)}
        yield f"{path.name} has {len(pickles)} pickles, which import {_listed(imported)}"


def _imported(pickled: object) -> Iterator[str]:
    try:
        content = base64.b64decode(pickled)  # type: ignore[arg-type]  # whatever JSON holds there
    except (ValueError, TypeError):
        yield UNREADABLE
        return
    yield from imported_by(content)


def _listed(imported: Iterable[str]) -> str:
    ordered = sorted(imported, key=lambda name: (name != UNREADABLE, name))
    more = f" and {len(ordered) - _MOST_NAMES} more" if len(ordered) > _MOST_NAMES else ""
    return (", ".join(one_line(name) for name in ordered[:_MOST_NAMES]) or "nothing by name") + more


def _tags(path: Path) -> Iterator[str]:
    """The tags that make Python objects, as PyYAML reads them: handles and escapes have become the tag they mean."""
    try:
        for event in yaml.parse(path.read_bytes(), Loader=yaml.SafeLoader):
            tag = getattr(event, "tag", None)
            if isinstance(tag, str) and tag.startswith(_PYTHON) and tag not in _PLAIN_TAGS:
                yield f"!!{tag.removeprefix(_YAML)}"
    except Exception:  # PyYAML lets a few of Python's own errors through
        yield UNREADABLE


def _in_config(path: Path) -> list[str]:
    try:
        config = plain_run_file(path)
    except UserError:
        return [f"{names.CONFIG} cannot be read as plain data: what it has evaluated, imported or called is unknown"]
    found = [
        f"{names.CONFIG} has {key} evaluated: {one_line(config[key])}"
        for key in _EVALUATED
        if isinstance(config.get(key), str)
    ]
    called = {key: config[key] for key in _IMPORTED if config.get(key)}
    return found + [
        f"{names.CONFIG} has {key} imported and called: {one_line(json.dumps(each))}" for key, each in called.items()
    ]
