"""RL-Zoo's spellings and its file format, read as ours, and the short spellings of schedules.

Nothing is evaluated: ``dict(...)`` may hold literals only, and the names of a few activations. With several
environments two things keep their meaning here that Stable-Baselines3 lets slip: ``train_freq`` counts transitions, and
epsilon is drawn for each environment. With ``n_envs: 1``, RL-Zoo's default for DQN, there is no difference.
"""

import ast
import json
import re
import warnings
from collections.abc import Collection, Mapping
from typing import Any

from dqn_zoo_ext.config.schema import SCHEDULES
from dqn_zoo_ext.config.yaml_source import Located, located, read_text, to_yaml
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import one_line, shown

EXPLORATION = {
    "exploration_fraction": "fraction",
    "exploration_initial_eps": "start",
    "exploration_final_eps": "end",
}
ATARI_WRAPPER = "AtariWrapper"
SPELLINGS = (*EXPLORATION, "env_wrapper", "vec_env_wrapper", "normalize", "optimize_memory_usage")
"""Keys of RL-Zoo that ours have other names for, or no need of, or no room for."""
ACTIVATIONS = {"ReLU": "relu", "ELU": "elu", "Tanh": "tanh", "LeakyReLU": "leaky_relu", "GELU": "gelu"}
"""PyTorch's classes that ``activation_fn=nn.ReLU`` may name, and our names for them."""
WHAT_THAT_MEANS = "so it is read as an RL-Zoo file and replaces all our defaults: values alone go at the top level"

_CLASS_OF_ACTIVATION = re.compile(rf"nn\.({'|'.join(ACTIVATIONS)})")
_KEYWORDS = ("policy_kwargs", "optimizer_kwargs", "replay_buffer_kwargs", "preprocessing_kwargs", "env_kwargs")
_WRAPPER_KEYWORDS = {"action_repeat_probability": "repeat_action_probability"}


def is_rl_zoo(document: Mapping[str, Located], ours: Collection[str]) -> bool:
    """Whether every top-level key holds a block of hyperparameters, and none of them is one of `ours`."""
    return (
        bool(document)
        and all(isinstance(value.data, dict) for value in document.values())
        and not any(key in ours for key in document)
    )


def choose_block(document: Mapping[str, Located], ids: Collection[str], atari: bool, shown: str) -> dict[str, Located]:
    """The block that RL-Zoo would use: the environment's, else ``atari`` for its games, else ``default``."""
    wanted = [*ids, *(["atari"] if atari else []), "default"]
    for name in wanted:
        if name in document:
            block: dict[str, Located] = document[name].data
            return block
    names = " or ".join(f"'{name}'" for name in dict.fromkeys(wanted))
    raise UserError(
        f"{shown}: read as an RL-Zoo file, as each of its top-level keys holds a mapping, but has no {names}"
    )


def what_was_read(document: Mapping[str, Located], ids: Collection[str], shown: str) -> str:
    """The tail of an error line on a missing value, for somebody who meant a few values for a game, over ours."""
    for name in ids:
        if name in document and document[name].source.line is not None:  # a run's config.yml has none (`of_run`)
            return f"; {shown} has a block named after a game ('{name}'), {WHAT_THAT_MEANS}"
    return ""


def translate(
    layer: Mapping[str, Located], own: Collection[str] = (), atari_wrapper: tuple[str, str] = ("atari", "frame_ring")
) -> dict[str, Located]:
    """A layer in our spelling; keys that are ours already stay as they are, and so do the algorithm's `own`.

    atari_wrapper: the preprocessing and the replay buffer that Stable-Baselines3's AtariWrapper stands for.
    """
    result = {key: value for key, value in layer.items() if key not in SPELLINGS or key in own}
    for key in _KEYWORDS:
        if key in result and isinstance(result[key].data, str):
            result[key] = _literal(key, result[key])
    _refuse_wrapped_vectors(layer)
    if "train_freq" in result:
        result["train_freq"] = _train_freq(result["train_freq"])
    saves_memory = _flag(layer, "optimize_memory_usage")
    if "optimize_memory_usage" not in own:
        _drop_timeout_flag(result, saves_memory)
    _translate_exploration(layer, result)
    if "env_wrapper" in layer and layer["env_wrapper"].data is not None:
        _translate_wrapper(layer["env_wrapper"], result, atari_wrapper)
    for key in ("callback", "reward"):
        if key in result and isinstance(result[key].data, str | dict):
            result[key] = Located([result[key].plain()], result[key].source)
    for key in SCHEDULES:
        if key in result:
            result[key] = _schedule(key, result[key])
    return result


def _schedule(key: str, given: Located) -> Located:
    """A number is a constant, ``lin_1e-4`` the line from there to 0 over the whole run; a mapping stays as it is."""
    value = given.data
    if isinstance(value, dict):
        return given
    if isinstance(value, int | float) and not isinstance(value, bool):
        return located({"schedule": "constant", "value": value}, given.source)
    prefix, underscore, number = str(value).rpartition("_")
    start = _number(number)
    if isinstance(value, str) and underscore and start is not None:
        if prefix != "lin":
            raise UserError(
                f"{given.source}: {key}: unknown schedule {shown(value)}; did you mean 'lin_{one_line(number)}'?"
            )
        return located({"schedule": "linear", "start": start, "end": 0.0, "fraction": 1.0}, given.source)
    raise UserError(
        f"{given.source}: {key}: {shown(value)} is not a schedule; write a number (1e-4), lin_1e-4, or "
        "{schedule: linear, start: 1e-4, end: 0, fraction: 1}"
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _flag(layer: Mapping[str, Located], key: str) -> bool:
    if key not in layer:
        return False
    if not isinstance(layer[key].data, bool):
        raise UserError(f"{layer[key].source}: {key}: must be true or false, not {shown(layer[key].plain())}")
    return bool(layer[key].data)


def _refuse_wrapped_vectors(layer: Mapping[str, Located]) -> None:
    wrapper = layer.get("vec_env_wrapper")
    if wrapper is not None and wrapper.data is not None:
        raise UserError(
            f"{wrapper.source}: vec_env_wrapper is refused: a file imports no code here, and what lies between "
            "environment and agent is a registered preprocessing"
        )
    normalize = layer.get("normalize")
    if normalize is not None and normalize.data is not False:
        raise UserError(
            f"{normalize.source}: normalize: must be false, not {shown(normalize.plain())}: running averages of "
            "observations and rewards are not kept here, and an agent learned with them plays only with them"
        )


def _train_freq(given: Located) -> Located:
    """``[4, step]`` is 4. Episodes are refused: a round of updates is counted in transitions."""
    if not isinstance(given.data, list):
        return given
    if len(given.data) == 2 and given.data[1] == "step":
        return located(given.data[0], given.source)
    raise UserError(
        f"{given.source}: train_freq: must be a whole number of transitions, or [number, step], not "
        f"{shown(given.data)}: episodes that differ in length would give each transition another share of updates"
    )


def _drop_timeout_flag(result: dict[str, Located], saves_memory: bool) -> None:
    """``handle_timeout_termination: False`` only lets SB3 save memory; the frame ring handles both at once."""
    keywords = result.get("replay_buffer_kwargs")
    if keywords is None or not isinstance(keywords.data, dict) or "handle_timeout_termination" not in keywords.data:
        return
    if saves_memory or keywords.data["handle_timeout_termination"].data is True:
        kept = {key: value for key, value in keywords.data.items() if key != "handle_timeout_termination"}
        result["replay_buffer_kwargs"] = Located(kept, keywords.source)


def _translate_exploration(layer: Mapping[str, Located], result: dict[str, Located]) -> None:
    given = {EXPLORATION[key]: value for key, value in layer.items() if key in EXPLORATION}
    if not given:
        return
    own = result.get("exploration", Located({}, next(iter(given.values())).source))
    both = set(given) & set(own.data) if isinstance(own.data, dict) else {"schedule"}
    if both:
        rl_zoo = next(key for key in layer if key in EXPLORATION)
        raise UserError(f"{layer[rl_zoo].source}: '{rl_zoo}' says again what 'exploration' says in the same place")
    result["exploration"] = Located({**own.data, **given}, own.source)


def _translate_wrapper(wrapper: Located, result: dict[str, Located], stands_for: tuple[str, str]) -> None:
    name, keywords = _single_wrapper(wrapper)
    if name.rpartition(".")[2] != ATARI_WRAPPER:
        raise UserError(
            f"{wrapper.source}: env_wrapper {shown(name)} is refused: a file imports no code here; SB3's "
            f"{ATARI_WRAPPER} is known by name, anything else is a registered preprocessing"
        )
    if "preprocessing" in result:
        raise UserError(f"{wrapper.source}: 'env_wrapper' says again what 'preprocessing' says in the same place")
    preprocessing, replay = stands_for
    result["preprocessing"] = Located(preprocessing, wrapper.source)
    renamed = {_WRAPPER_KEYWORDS.get(key, key): value for key, value in keywords.items()}
    _add_keywords(located(renamed, wrapper.source), result)
    result.setdefault("replay_buffer_class", Located(replay, wrapper.source))


def _add_keywords(of_wrapper: Located, result: dict[str, Located]) -> None:
    """What the wrapper is given, beside the ``preprocessing_kwargs`` of the same place."""
    own = result.setdefault("preprocessing_kwargs", of_wrapper)
    if own is of_wrapper or not isinstance(own.data, dict):  # what is no mapping is refused later, as always
        return
    both = [key for key in of_wrapper.data if key in own.data]
    if both:
        raise UserError(
            f"{of_wrapper.source}: 'env_wrapper' says again what 'preprocessing_kwargs.{both[0]}' says there"
        )
    result["preprocessing_kwargs"] = Located({**own.data, **of_wrapper.data}, own.source)


def _single_wrapper(wrapper: Located) -> tuple[str, dict[str, Any]]:
    data = wrapper.plain()
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if isinstance(data, str):
        return data, {}
    if isinstance(data, dict) and len(data) == 1:
        [(name, keywords)] = data.items()
        if keywords is None or isinstance(keywords, dict):
            return str(name), keywords or {}
    raise UserError(f"{wrapper.source}: env_wrapper: must be one class path, or {{path: keywords}}, not {shown(data)}")


def _literal(key: str, text: Located) -> Located:
    """``dict(net_arch=[256, 256])`` or ``{...}`` in quotes, as RL-Zoo has it, read without evaluating anything."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # '\\d', which Python takes with a warning, is a SyntaxError so
            parsed = ast.parse(text.data.strip(), mode="eval").body
        if key == "policy_kwargs":
            _name_activation(parsed)
        value = _plain(parsed)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        value = None
    if not isinstance(value, dict):
        raise UserError(
            f"{text.source}: {key}: {shown(text.data)} is not a mapping of literals; classes are given by their "
            "registered names, e.g. {net_arch: [256, 256], activation: relu}"
        )
    return read_text(to_yaml(value), text.source, count_lines=False)  # what YAML may not say is refused here as well


def _name_activation(parsed: ast.expr) -> None:
    """In ``dict(...)``, write ``activation="relu"`` for ``activation_fn=nn.ReLU``."""
    for keyword in parsed.keywords if isinstance(parsed, ast.Call) else ():
        name = _CLASS_OF_ACTIVATION.fullmatch(ast.unparse(keyword.value)) if keyword.arg == "activation_fn" else None
        if name is not None:
            keyword.arg, keyword.value = "activation", ast.Constant(ACTIVATIONS[name[1]])


def _plain(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        if any(keyword.arg is None for keyword in node.keywords):
            raise ValueError("** is not a literal")
        if len({keyword.arg for keyword in node.keywords}) < len(node.keywords):
            raise ValueError("a name stands twice")
        return {keyword.arg: _plain(keyword.value) for keyword in node.keywords}
    value = ast.literal_eval(node)
    for each in ast.walk(node):
        if isinstance(each, ast.Dict) and len({ast.dump(key) for key in each.keys if key}) < len(each.keys):
            raise ValueError("a name stands twice")
    json.dumps(value)  # TypeError for literals that YAML does not have: bytes, sets, complex numbers
    return value
