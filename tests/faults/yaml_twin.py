"""What YAML files say, read the slow and obvious way: the twin that the loader's results are held against.

A file is its leaves: dotted key to the text that stands there and the line of its key. Files lie over each other; of
each value that comes out, the uppermost file that names it must be the source, and of each thing that a file says,
either it comes out or a file above speaks of the same thing.
"""

import ast
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.config.merge import KEYWORDS_OF
from dqn_zoo_ext.config.rl_zoo_format import SPELLINGS
from dqn_zoo_ext.config.schema import HYPERPARAMETERS, Hyperparameters
from dqn_zoo_ext.envs.ids import FAMILIES, EnvId

Leaf = tuple[Any, int]
"""A YAML node, or a value that no node holds; and its line, counted from 1."""

BLOCKS = ("search", "ablations", "game", "complete", "preset", "faithful")
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_EPSILONS = {"exploration_fraction": "fraction", "exploration_initial_eps": "start", "exploration_final_eps": "end"}
_SAY_NO_VALUE = ("optimize_memory_usage", "normalize", "vec_env_wrapper")
_TRUTH = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False}


@dataclass(frozen=True)
class Layer:
    """One mapping of hyperparameters, and the file that holds it."""

    file: str
    leaves: Mapping[str, Leaf]


def compose(text: str) -> dict[str, tuple[yaml.Node, int]]:
    """The mapping in `text`: nodes by key, with the key's line."""
    loader = yaml.BaseLoader(text.removeprefix("\ufeff"))
    return entries(loader.get_single_node())


def entries(node: Any) -> dict[str, tuple[Any, int]]:
    """The entries of a mapping node, those merged with ``<<`` beneath its own."""
    own: dict[str, tuple[Any, int]] = {}
    merged: dict[str, tuple[Any, int]] = {}
    for key, value in node.value:
        if key.value == "<<" and key.style is None:
            parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for part in reversed(parts):
                merged |= entries(part)
        else:
            assert key.value not in own, f"'{key.value}' stands twice, and the file was taken"
            own[key.value] = (value, key.start_mark.line + 1)
    return merged | own


def layers_beneath(algo: str, env: EnvId, conf: Path | None, root: Path) -> list[Layer]:
    """All layers of a configuration, lowest first, in the order that ``config.load`` states."""

    def ours(name: str, section: str = algo, not_for: Collection[str] = ()) -> list[Layer]:
        path = root / "hyperparams" / name
        return _flat_and_section(f"hyperparams/{name}", text_of(path) if path.exists() else "{}", section, not_for)

    beneath = [
        *ours(f"families/{env.family}.yml"),
        *ours(f"algorithms/{algo}.yml", env.family, (*FAMILIES, "rl_zoo")),
        *ours(f"{env.family}/{env.config_name}.yml"),
    ]
    if conf is None:
        return beneath
    document = compose(text_of(conf))
    if is_rl_zoo(document):
        return _rl_zoo_layers(env, conf, root)
    on_top = _flat_and_section(str(conf), text_of(conf), algo)
    return on_top if "complete" in document and says(document["complete"][0], True) else [*beneath, *on_top]


def text_of(path: Path) -> str:
    """A file's text, without a byte order mark."""
    return path.read_bytes().decode("utf-8-sig")


def is_rl_zoo(document: Mapping[str, tuple[Any, int]]) -> bool:
    """Whether it holds nothing but mappings, and none under a name of ours."""
    ours = {*HYPERPARAMETERS, *SPELLINGS, *BLOCKS, *registry.algorithms.names()}
    mappings = all(isinstance(node, yaml.MappingNode) for node, _ in document.values())
    return bool(document) and mappings and not ours & set(document)


def _flat_and_section(file: str, text: str, section: str, not_for: Collection[str] = ()) -> list[Layer]:
    """What a file says to all, and in its `section`. not_for: other names that sections of it may have."""
    document, names = compose(text), (*BLOCKS, *registry.algorithms.names(), *not_for)
    flat = {key: value for key, value in document.items() if key not in names}
    special = entries(document[section][0]) if section in document else {}
    return [Layer(file, leaves(flat)), Layer(file, leaves(special))]


def _rl_zoo_layers(env: EnvId, conf: Path, root: Path) -> list[Layer]:
    name = "hyperparams/families/rl_zoo.yml"
    base = compose(text_of(root / name))
    on_atari = entries(base.pop("atari")[0]) if "atari" in base else {}
    wanted = [env.gym_id, env.requested, *(["atari"] if env.family == "atari" else []), "default"]
    document = compose(text_of(conf))
    block = next(document[each][0] for each in wanted if each in document)
    beneath = [base, on_atari] if env.family == "atari" else [base]
    return [*(Layer(name, leaves(mapping)) for mapping in beneath), Layer(str(conf), leaves(entries(block)))]


def leaves(mapping: Mapping[str, tuple[Any, int]]) -> dict[str, Leaf]:
    """Dotted keys in our spelling to what stands there."""
    result: dict[str, Leaf] = {}
    for key, (node, line) in mapping.items():
        if key in _SAY_NO_VALUE:
            continue
        if key in _EPSILONS:
            result[f"exploration.{_EPSILONS[key]}"] = (node, line)
        elif key == "env_wrapper":
            result |= _wrapper(node, line)
        elif key in ("learning_rate", "exploration"):
            result |= _schedule(key, node, line)
        elif key == "train_freq" and isinstance(node, yaml.SequenceNode):
            result[key] = (node.value[0], line)
        elif key == "callback" and not isinstance(node, yaml.SequenceNode):
            result[key] = ([node], line)
        elif key.endswith("_kwargs") and isinstance(node, yaml.ScalarNode):
            result |= _literal(key, node, line)
        else:
            result |= _below(key, node, line)
    _leave_timeouts(mapping, result)
    if says(result.get("preprocessing", ("", 0))[0], "atari") and "env_wrapper" in mapping:
        result.setdefault("replay_buffer_class", ("frame_ring", result["preprocessing"][1]))
    return result


def _leave_timeouts(mapping: Mapping[str, tuple[Any, int]], result: dict[str, Leaf]) -> None:
    """Take out the keyword of SB3's buffer where it is given for the sake of memory alone, or is the default."""
    timeouts = "replay_buffer_kwargs.handle_timeout_termination"
    saves_memory = "optimize_memory_usage" in mapping and says(mapping["optimize_memory_usage"][0], True)
    if timeouts in result and (saves_memory or says(result[timeouts][0], True)):
        del result[timeouts]


def _below(key: str, node: Any, line: int) -> dict[str, Leaf]:
    if not isinstance(node, yaml.MappingNode):
        return {key: (node, line)}
    result: dict[str, Leaf] = {}
    for name, (value, at) in entries(node).items():
        result |= _below(f"{key}.{name}", value, at)
    return result


def _schedule(key: str, node: Any, line: int) -> dict[str, Leaf]:
    if isinstance(node, yaml.MappingNode):
        found = _below(key, node, line)
        constant = f"{key}.schedule" in found and says(found[f"{key}.schedule"][0], "constant")
        if f"{key}.value" in found:
            found[key] = found.pop(f"{key}.value")
        if constant:
            del found[f"{key}.schedule"]
        return found
    if node.value.startswith("lin_"):
        said = {"schedule": "linear", "start": float(node.value[4:]), "end": 0.0, "fraction": 1.0}
        return {f"{key}.{name}": (value, line) for name, value in said.items()}
    return {key: (node, line)}


def _wrapper(node: Any, line: int) -> dict[str, Leaf]:
    if says(node, None):
        return {}
    if isinstance(node, yaml.SequenceNode):
        (node,) = node.value
    keywords = {}
    if isinstance(node, yaml.MappingNode):
        ((value, _),) = entries(node).values()
        keywords = entries(value) if isinstance(value, yaml.MappingNode) else {}
    names = {"action_repeat_probability": "repeat_action_probability"}
    result = {f"preprocessing_kwargs.{names.get(key, key)}": (value, line) for key, (value, _) in keywords.items()}
    return {"preprocessing": ("atari", line), **result}


def _literal(key: str, node: yaml.ScalarNode, line: int) -> dict[str, Leaf]:
    """What RL-Zoo's ``"dict(...)"`` says; anything else stands for itself, which a file above must replace."""
    try:
        said = _evaluated(node.value)
    except (SyntaxError, ValueError):
        said = None
    if not isinstance(said, dict):
        return {key: (node, line)}
    return {f"{key}.{name}": (value, line) for name, value in _flat(said).items()}


def _evaluated(text: str) -> Any:
    parsed = ast.parse(text.strip(), mode="eval").body
    if not isinstance(parsed, ast.Call):
        return ast.literal_eval(parsed)
    result: dict[str, Any] = {}
    for keyword in parsed.keywords:
        name, value = str(keyword.arg), ast.unparse(keyword.value)
        assert name not in result, f"'{name}' stands twice, and the file was taken"
        if value.startswith("nn."):
            result["activation"] = value.removeprefix("nn.").lower()
        else:
            result[name] = _evaluated(value)
    return result


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in tree.items():
        result |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return result


def says(node: Any, value: Any) -> bool:
    """Whether `node` stands for `value`."""
    if isinstance(node, yaml.MappingNode):
        said = entries(node)
        return (
            isinstance(value, Mapping) and said.keys() == value.keys() and all(says(said[k][0], value[k]) for k in said)
        )
    items = node.value if isinstance(node, yaml.SequenceNode) else node
    if isinstance(items, list | tuple):
        return (
            isinstance(value, list | tuple)
            and len(items) == len(value)
            and all(says(item, each) for item, each in zip(items, value, strict=True))
        )
    if not isinstance(node, yaml.ScalarNode):
        return bool(node == value and isinstance(node, bool) == isinstance(value, bool))
    text = node.style is not None and node.tag == "tag:yaml.org,2002:str"  # in quotes, or a block
    return _scalar_says(str(node.value), value) and (isinstance(value, str) or not text)


def _scalar_says(text: str, value: Any) -> bool:
    if value is None:
        return text in ("", "~", "null", "Null", "NULL")
    if isinstance(value, bool):
        return _TRUTH.get(text.lower()) is value
    if isinstance(value, int | float):
        plain = text.replace("_", "").lower()
        number = int(plain, 16) if "0x" in plain else float(plain.replace(".inf", "inf").replace(".nan", "nan"))
        return number == value or (math.isnan(number) and math.isnan(value))
    return bool(text == value)


def disagreements(configuration: Configuration, layers: Sequence[Layer]) -> list[str]:
    """All that `configuration` has of no file or of the wrong one, and all that `layers`, lowest first, say in vain."""
    flat = configuration.flat()
    found = [
        problem
        for key, value in flat.items()
        if value != {} and (problem := _of_no_layer(key, value, configuration, layers))
    ]
    for height, layer in enumerate(layers):
        above = {_subject(key) for higher in layers[height + 1 :] for key in higher.leaves}
        for key, (_, line) in layer.leaves.items():
            if _subject(key) in above or key in flat:  # those in flat have been looked at
                continue
            found.append(f"{layer.file}:{line}: {key} is said in vain")
    return found


def _of_no_layer(key: str, value: Any, configuration: Configuration, layers: Sequence[Layer]) -> str | None:
    source = configuration.sources[key]
    for layer in reversed(layers):
        if key in layer.leaves:
            node, line = layer.leaves[key]
            if (layer.file, line) != (source.file, source.line):
                return f"{key}: source is {source}, not {layer.file}:{line}"
            return None if says(node, value) else f"{key}: is {value!r}, but {source} says something else"
    if str(source) != "default":
        return f"{key}: no file says it, but the source is {source}"
    if str(source) == "default" and value != _default(key):
        return f"{key}: is {value!r}, which is no default"
    return None


def _default(key: str) -> Any:
    (found,) = (each for each in fields(Hyperparameters) if each.name == key)
    value = found.default if found.default_factory is MISSING else found.default_factory()
    return list(value) if isinstance(value, tuple) else value


def _subject(key: str) -> str:
    """What a key speaks of: a class and its keywords are one subject, and so is a schedule."""
    first = key.split(".")[0]
    return {keywords: name for name, keywords in KEYWORDS_OF.items()}.get(first, first)
