"""What a program that trusts an agent's files would run from them, found without running any of it."""

import base64
import contextlib
import json
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from dqn_zoo_ext.config.of_run import plain_run_file
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import one_line
from dqn_zoo_ext.sharing import package as names
from dqn_zoo_ext.storage.archive import read_member

_PICKLED = ":serialized:"
_TAG = re.compile(rb"!!python/[\w/:.]+|!<tag:yaml.org,2002:python/[^>]*>")
_PLAIN_TAGS = {b"!!python/object/apply:collections.OrderedDict", b"!!python/tuple"}
_EVALUATED = ("normalize", "policy_kwargs", "replay_buffer_kwargs")
_IMPORTED = ("env_wrapper", "vec_env_wrapper", "callback")
_USUAL = {"cloudpickle", "collections", "dqn_zoo_ext", "gymnasium", "numpy", "stable_baselines3", "torch"}
_MOST_BYTES = 100_000_000


def what_would_run(files: Mapping[str, Path], zip_name: str) -> list[str]:
    """In a few words each, what RL-Zoo's and Stable-Baselines3's own loading would unpickle, evaluate, import or call.

    files: an agent's, by the names that they have in a repository; damaged ones add nothing.
    """
    found = [*_in_zip(files[zip_name])] if zip_name in files else []
    for name in (names.CONFIG, names.ARGS, names.ENV_KWARGS):
        if name in files:
            tags = dict.fromkeys(tag for tag in _TAG.findall(files[name].read_bytes()) if tag not in _PLAIN_TAGS)
            found += [f"{name} makes {one_line(tag.decode(errors='replace'))}" for tag in tags]
    if names.CONFIG in files:
        found += _in_config(files[names.CONFIG])
    if names.NORMALIZATION in files:
        found.append(f"{names.NORMALIZATION} is a pickle")
    return found


def _in_zip(path: Path) -> Iterator[str]:
    modules: set[str] = set()
    keys: list[str] = []
    with contextlib.suppress(Exception):  # whatever is wrong with it, it has been said
        with zipfile.ZipFile(path) as archive:
            data = json.loads(read_member(archive, "data", path, _MOST_BYTES))
        for key, value in data.items():
            if isinstance(value, dict) and _PICKLED in value:
                keys.append(key)
                modules |= set(_modules(base64.b64decode(value[_PICKLED])))
    if keys:
        named = one_line(", ".join(sorted(modules - _USUAL)))
        yield f"{path.name} has {len(keys)} pickles, which import {named or 'what those of every agent do'}"


def _modules(pickled: bytes) -> Iterator[str]:
    """The top-level modules that a pickle names, as far as they stand in it as text."""
    memo: dict[int, str] = {}
    texts: list[str] = []
    for code, argument, _ in pickletools.genops(pickled):
        if code.name == "GLOBAL":
            yield str(argument).split(" ")[0].split(".")[0]
        elif code.name == "STACK_GLOBAL":
            yield texts[-2].split(".")[0] if len(texts) > 1 else "unknown"
        elif code.name in ("BINGET", "LONG_BINGET"):
            texts.append(memo.get(int(argument or 0), "unknown"))
        elif code.name == "MEMOIZE":
            memo[len(memo)] = texts[-1] if texts else "unknown"
        elif isinstance(argument, str):
            texts.append(argument)


def _in_config(path: Path) -> list[str]:
    try:
        config = plain_run_file(path)
    except UserError:
        return []
    found = [
        f"{names.CONFIG} has {key} evaluated: {one_line(config[key])}"
        for key in _EVALUATED
        if isinstance(config.get(key), str)
    ]
    called = {key: config[key] for key in _IMPORTED if config.get(key)}
    return found + [
        f"{names.CONFIG} has {key} imported and called: {one_line(json.dumps(each))}" for key, each in called.items()
    ]
