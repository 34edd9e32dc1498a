"""Random mutations of YAML files: of their bytes, of their lines, and of what they say.

``mutated(text)`` is the strategy. Half of the replacements are small and plausible, so that a good share of the mutated
files is still valid, and what they then mean can be checked as well.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

import yaml
from hypothesis import strategies as st

from dqn_zoo_ext.config.rl_zoo_format import SPELLINGS
from dqn_zoo_ext.config.schema import HYPERPARAMETERS

Draw = Callable[[st.SearchStrategy[Any]], Any]

NASTY_CHARACTERS = "\t\r\n\0\x07\x1b\x85\xa0\u2028\ufeff\u202e:#-?*&!|>%@`'\"{}[],~<=\\_.+0189eExXyYäπ深😀"

VALUES = [
    *("yes", "no", "On", "off", "TRUE", "~", "null", "", "=", "<<", "-", "?", "{}", "[]", "[[[]]]", "''", '""'),
    *("0", "-0", "-1", "1", "2", "5", "0.5", "1.5", "-2.5", "1e-3", "1E5", "1e400", "-1e400", "1e-400", "1e30", "1_0"),
    *("0.1", "0.25", "1.0", "64", "1_000", "2e3", "32.0", "[64, 64]", "[4, step]", "lin_1e-3", "huber", "mse", "adam"),
    *("99999999999999999999999", "9" * 400, "9" * 5000, "0x1F", "0x" + "f" * 5000, "0o17", "017", "0b11", "1:30"),
    *("190:20:30", "190:20:30.5", "2020-01-02", "2020-01-02T03:04:05Z", ".nan", ".NaN", ".inf", "-.INF", "nan", "inf"),
    *("lin_nan", "lin_inf", "lin_", "_", "cos_1", "lin_1_0", "{schedule: linear}", "{schedule: [x]}", "{end: 1e309}"),
    *(
        "!!str 3",
        "!!int 3",
        "!!int '0x10'",
        "!!int 1.5",
        "!!float 1",
        "!!float x",
        "!!bool yes",
        "!!bool 3",
        "!!null 5",
    ),
    *("!!binary aGk=", "!!set {a, b}", "!!omap [a: 1]", "!!timestamp 2020-01-01", "!!map 3", "!!seq {}", "!!str [a]"),
    *(
        "!!python/name:os.system",
        "!!python/object/apply:os.system [id]",
        "!secret x",
        "!a%0Ab c",
        "!<x y> z",
        "!",
        "!!",
    ),
    *("!" + "t" * 400 + " x", "*nowhere", "&a 5", "&a [*a]", "&a {b: *a}", "*a", "'a\nb'", '"a\\nb"', '"\\e[31m"'),
    *(
        '"\\UFFFFFFFF"',
        '"\\U00110000"',
        '"\\uD800"',
        '"\\x00"',
        '"\\q"',
        "|\n  block",
        ">\n  folded\n  text",
        "a" * 5000,
    ),
    *("dict(a=1)", "dict(net_arch=[64])", "dict(a=1, a=2)", "{'a': 1, 'a': 2}", "dict(**{})", "dict(a='\\d')", "dict("),
    *("dict(handle_timeout_termination=False)", "dict(eps=1e-5)", "dict(a=" + "(" * 150 + ")" * 150 + ")", "'{1: 2}'"),
    *("[" * 40 + "]" * 40, "[" * 300, "[" * 2000, "{a: " * 40 + "1" + "}" * 40, "{a: " * 300, "- " * 300, "? " * 300),
]
"""What may stand after a key's colon: every kind of scalar of YAML 1.1, and what breaks readers of YAML."""

LINES = [
    *("---", "...", "--- 1", "%YAML 1.2", "%YAML 2.0", "%YAML 1." + "9" * 5000, "%TAG ! x:", "%FOO", "# comment", "\t"),
    *(
        "- item",
        "? key",
        "? [a, b]\n: c",
        "? !!str [a]\n: c",
        "? |\n  a\n  b\n: c",
        "1: a",
        "null: a",
        "true: a",
        "=: a",
    ),
    *(
        "<<: *base",
        "<<: {gamma: 0.5}",
        "<<: [{gamma: 0.5}, {gamma: 0.6, tau: 0.5}]",
        "<<: 3",
        "<<: !!set [{}]",
        "'<<': 3",
    ),
    *("base: &base {gamma: 0.5}", "&k gamma: 0.9", "*k : 1", "gamma: 0.9", "gamma: &g 0.9", "tau: *g", "'gamma': 0.8"),
    *('"gam\\u006da": 0.7', '"a\\nb": 1', '"a\\nb": 1\n"a\\nb": 2', '"\\e[31m": 1', "k" * 500 + ": 1", "'': 1"),
    *(
        "complete: true",
        "complete: false",
        "complete: 1",
        "game: {lives: 9}",
        "game: 3",
        "search: {gamma: 3}",
        "search: 3",
    ),
    *("ablations: {less: {params: {gamma: 0.5}}}", "ablations: {less: {gama: 1}}", "ablations: {inherit: dqn}"),
    *("ablations: 3", "ablations: {less: 3}", "ablations: {less: {algo: c52}}", "ablations: {less: {params: [1]}}"),
    *("search: {inherit: dqn}", "search: {inherit: [dqn]}", "search: {inherit: }", "dqn: {gamma: 0.5}", "dqn: 3"),
    *("double_dqn: {gama: 0.5}", "double_dqn: 3", "atari: {gamma: 0.5}", "default: {gamma: 0.5}", "callback: x"),
    *("exploration_fraction: 0.2", "exploration_final_eps: 0.02", "exploration: {end: 1e99}", "normalize: true"),
    *(
        "exploration: {end: " + "9" * 400 + "}",
        "normalize: false",
        "env_wrapper: x.AtariWrapper",
        'env_wrapper: "a\\nb"',
    ),
    *("vec_env_wrapper: x", "optimize_memory_usage: true", "exploration.end: 0.1", "env_kwargs: {a: .nan}"),
    *("env_kwargs: {a: '1e3'}", "policy_kwargs: {net_arch: [8]}", "optimizer: rmsprop", "optimizer: [a, b]"),
    *('optimizer: "a\\nb"', "loss: mse", "learning_rate: {schedule: piecewise, points: [[0, 1e-3], [9, 1e-4]]}"),
]
"""What may stand on a line of its own."""

KEYS = [
    *HYPERPARAMETERS,
    *SPELLINGS,
    "dqn",
    "double_dqn",
    "search",
    "ablations",
    "game",
    "complete",
    "atari",
    "default",
]
KEYS += ["schedule"]

DATA: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 64, 1.5, 0.5, 1e-9, 1e9, 1e30, 10**30, 10**400, math.nan, math.inf, -math.inf),
    *("", "abc", "1e-4", "lin_1e-4", "lin_nan", "a\nb", "\x1b[31m", "é😀", "x" * 400, "none", "atari", "frame_ring"),
    *([], {}, [[]], [1, "step"], {"schedule": "linear"}, {"a": {"b": {"c": 1}}}, [{"a": 1}], [None], ["huber"]),
]


@st.composite
def mutated(draw: Draw, text: str) -> bytes:
    """`text` after one to three mutations, as the bytes of a file."""
    if draw(st.booleans()):
        text = _restructured(draw, text)
        if draw(st.integers(0, 2)):
            return text.encode()
    for _ in range(draw(st.integers(1, 3))):
        text = draw(st.sampled_from(_TEXTUAL))(draw, text)
    content = text.encode("utf-8", "surrogatepass")
    return bytes(draw(st.sampled_from(_OF_BYTES))(draw, content)) if not draw(st.integers(0, 5)) else content


def _of_lines(change: Callable[[Draw, list[str], int], None]) -> Callable[[Draw, str], str]:
    def mutate(draw: Draw, text: str) -> str:
        lines = text.split("\n")
        change(draw, lines, draw(st.integers(0, len(lines) - 1)))
        return "\n".join(lines)

    return mutate


def _delete(draw: Draw, lines: list[str], at: int) -> None:
    del lines[at : at + draw(st.sampled_from([1, 1, 2, 5]))]


def _duplicate(draw: Draw, lines: list[str], at: int) -> None:
    lines.insert(draw(st.integers(0, len(lines))), lines[at])


def _swap(draw: Draw, lines: list[str], at: int) -> None:
    other = draw(st.integers(0, len(lines) - 1))
    lines[at], lines[other] = lines[other], lines[at]


def _indent(draw: Draw, lines: list[str], at: int) -> None:
    line = lines[at]
    lines[at] = draw(st.sampled_from([" " + line, "  " + line, "\t" + line, line.lstrip(), line[1:], "\xa0" + line]))


def _comment(_: Draw, lines: list[str], at: int) -> None:
    lines[at] = lines[at].removeprefix("# ") if lines[at].startswith("# ") else "# " + lines[at]


def _insert_line(draw: Draw, lines: list[str], at: int) -> None:
    indentation = draw(st.sampled_from(["", "", "", "  "]))
    at = draw(st.sampled_from([0, at, at, len(lines)]))
    lines.insert(at, indentation + draw(st.sampled_from(LINES)))


def _new_value(draw: Draw, lines: list[str], _: int) -> None:
    values = [index for index, line in enumerate(lines) if ": " in line and not line.lstrip().startswith("#")]
    if values:
        at = draw(st.sampled_from(values))
        parts = lines[at].split(": ")
        which = draw(st.integers(1, len(parts) - 1))
        parts[which] = draw(st.sampled_from(VALUES)) + draw(st.sampled_from(["", "", "}", "]", ", x"]))
        lines[at] = ": ".join(parts)


def _add_key(draw: Draw, lines: list[str], at: int) -> None:
    lines.insert(at, f"{draw(st.sampled_from(KEYS))}: {draw(st.sampled_from(VALUES))}")


def _edit_character(draw: Draw, text: str) -> str:
    at = draw(st.integers(0, len(text)))
    characters = st.sampled_from(NASTY_CHARACTERS) | st.characters(exclude_categories=["Cs"])
    kind = draw(st.sampled_from(["insert", "replace", "delete"]))
    new = "" if kind == "delete" else draw(characters)
    return text[:at] + new + text[at + (kind != "insert") :]


def _edit_digit(draw: Draw, text: str) -> str:
    digits = [index for index, character in enumerate(text) if character.isdigit()]
    at = draw(st.sampled_from(digits or [0]))
    new: str = draw(st.sampled_from(["1", "2", "9", "0", "", "-", ".", "e", "00"]))
    return text[:at] + new + text[at + 1 :]


def _whole_file(draw: Draw, text: str) -> str:
    changes: list[Callable[[], str]] = [
        lambda: "",
        lambda: "# nothing\n",
        lambda: "null\n",
        lambda: f"- {text}",
        lambda: f"{text}---\n{text}",
        lambda: text.replace("\n", "\r\n"),
        lambda: text.replace("\n", "\r"),
        lambda: "\ufeff" + text,
        lambda: "dqn:\n" + "".join(f"  {line}\n" for line in text.split("\n")),
        lambda: "default:\n" + "".join(f"  {line}\n" for line in text.split("\n")),
    ]
    changed: str = draw(st.sampled_from(changes))()
    return changed


def _cut(draw: Draw, text: str) -> str:
    return text[: draw(st.integers(0, len(text)))]


_TEXTUAL = [
    *(_of_lines(change) for change in (_delete, _delete, _duplicate, _swap, _indent, _comment, _insert_line)),
    *(_of_lines(change) for change in (_insert_line, _insert_line, _new_value, _new_value, _new_value, _add_key)),
    *(_edit_character, _edit_character, _edit_digit, _edit_digit, _whole_file, _cut),
]


def _flip_bit(draw: Draw, content: bytes) -> bytes:
    if not content:
        return content
    at = draw(st.integers(0, len(content) - 1))
    return content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :]


def _other_encoding(_: Draw, content: bytes) -> bytes:
    return content.decode("utf-8", "replace").encode("utf-16")


def _cut_bytes(draw: Draw, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


_OF_BYTES = [_flip_bit, _flip_bit, _flip_bit, _cut_bytes, _other_encoding]


def _restructured(draw: Draw, text: str) -> str:
    """What `text` says, said differently: one to three changes to the mapping, which is then written anew."""
    tree: Any = yaml.safe_load(text)
    for _ in range(draw(st.integers(1, 3))):
        places = _places(tree)
        if places:
            draw(st.sampled_from(_STRUCTURAL))(draw, *draw(st.sampled_from(places)), tree)
    if not draw(st.integers(0, 29)):
        tree = draw(st.sampled_from([[tree], {"dqn": tree}, {"default": tree}, None, "text"]))
    return str(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, default_flow_style=draw(st.booleans())))


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (mapping or list, key or index) in `tree`."""
    found: list[tuple[Any, Any]] = []
    for key, value in list(
        tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    ):
        found += [(tree, key), *_places(value)]
    return found


def _typo(draw: Draw, key: str) -> str:
    at = draw(st.integers(0, max(len(key) - 1, 0)))
    return str(
        draw(st.sampled_from([key[:at] + key[at + 1 :], key + "s", key.upper(), key[:at] + "x" + key[at:], " " + key]))
    )


def _rename(draw: Draw, holder: Any, key: Any, _: Any) -> None:
    if isinstance(holder, dict):
        new = _typo(draw, str(key)) if draw(st.booleans()) else draw(st.sampled_from(KEYS))
        items = [(new if each == key else each, value) for each, value in holder.items()]
        holder.clear()
        holder.update(items)


def _replace(draw: Draw, holder: Any, key: Any, _: Any) -> None:
    holder[key] = copy.deepcopy(draw(st.sampled_from(DATA)))


def _nudge(draw: Draw, holder: Any, key: Any, _: Any) -> None:
    """Another value of the same type, which may well be allowed."""
    value = holder[key]
    if isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int):
        holder[key] = draw(
            st.sampled_from([value + 1, value - 1, value * 2, value // 2, -value, float(min(value, 10**9)), str(value)])
        )
    elif isinstance(value, float):
        holder[key] = draw(st.sampled_from([value / 2, value * 2, 1 - value, -value, str(value)]))
    elif isinstance(value, list) and value:
        holder[key] = draw(st.sampled_from([value[:-1], [*value, *copy.deepcopy(value)], value[::-1], value[0]]))
    elif isinstance(value, str):
        holder[key] = draw(
            st.sampled_from(["adam", "rmsprop", "mse", "greedy", "nips", "updates", "start", value.upper()])
        )


def _remove(_: Draw, holder: Any, key: Any, __: Any) -> None:
    del holder[key]


def _add(draw: Draw, holder: Any, _: Any, __: Any) -> None:
    value = copy.deepcopy(draw(st.sampled_from(DATA)))
    if isinstance(holder, dict):
        holder[draw(st.sampled_from(KEYS) | st.text(max_size=5))] = value
    else:
        holder.append(value)


def _move(draw: Draw, holder: Any, key: Any, tree: Any) -> None:
    """To another level: into a mapping that is not beneath it."""
    value = holder.pop(key)
    others = [tree, *(each[name] for each, name in _places(tree) if isinstance(each[name], dict))]
    within = {id(value), *(id(each[name]) for each, name in _places(value))}
    others = [each for each in others if isinstance(each, dict) and id(each) not in within]
    if others:
        draw(st.sampled_from(others))[str(key)] = value


def _reshape(draw: Draw, holder: Any, key: Any, _: Any) -> None:
    value = holder[key]
    changed = [[value], {"x": value}, str(value)]
    if isinstance(value, dict):
        changed += [list(value.items()), list(value), list(value.values())]
    holder[key] = draw(st.sampled_from(changed))


_STRUCTURAL = [_rename, _replace, _replace, _nudge, _nudge, _nudge, _nudge, _remove, _add, _move, _reshape]
