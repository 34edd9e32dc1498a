import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dqn_zoo_ext.config.yaml_source import Located, Source, located, read_mapping, read_text, to_yaml
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import plain_name

FILE = Source("f.yml")


def read(text: str) -> Any:
    return read_text(text, FILE).plain()


def error_of(text: str) -> str:
    with pytest.raises(UserError) as caught:
        read_text(text, FILE)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100_000.0),
        ("-2.5e+3", -2500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("!!float 1e7", 1e7),
        ("!!float 3", 3.0),
        ("1_000_000", 1_000_000),
        ("0x10", 16),
        ("-7", -7),
        ("0", 0),
        ("007", "007"),
        ("1e", "1e"),
        ("e3", "e3"),
        ("lin_1e-4", "lin_1e-4"),
        ("'1e-3'", "1e-3"),
        ("10:30", "10:30"),
        ("2020-01-02", "2020-01-02"),
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("[1, 2e0, x]", [1, 2.0, "x"]),
        ("a: {b: [{c: 1}]}", {"a": {"b": [{"c": 1}]}}),
    ],
)
def test_what_a_scalar_is(text: str, value: Any) -> None:
    found = read(text)
    assert found == value
    assert type(found) is type(value)


def test_infinity_and_nan_are_numbers_for_the_schema_to_refuse() -> None:
    assert read("[.inf, -.inf]") == [math.inf, -math.inf]
    assert math.isnan(read(".nan"))


def test_every_value_knows_its_line() -> None:
    value = read_text("a: 1\nb:\n  c: 2\n\n  d:\n    - 3\n", FILE)
    assert value.data["a"].source == Source("f.yml", 1)
    assert value.data["b"].source == Source("f.yml", 2)
    assert value.data["b"].data["c"].source == Source("f.yml", 3)
    assert str(value.data["b"].data["d"].source) == "f.yml:5"


def test_anchors_and_merge_keys_as_in_rl_zoo_files() -> None:
    text = "base: &base {x: 1, y: 2}\nother: &other {y: 3, z: 4}\nuses:\n  <<: [*base, *other]\n  x: 5\nsame: *base\n"
    assert read(text) == yaml.safe_load(text)
    assert read(text)["uses"] == {"x": 5, "y": 2, "z": 4}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1, 2\n", "f.yml:3: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n\tb: 2\n", "f.yml:2: not valid YAML: found character '\\t' that cannot start any token"),
        ("a: 1\nb: 2\na: 3\n", "f.yml:3: key 'a' stands twice; its first place is f.yml:1"),
        ("o:\n  a: 1\n  a: 1\n", "f.yml:3: key 'a' stands twice; its first place is f.yml:2"),
        (
            "x: 1\na: !!python/object/apply:os.system [ls]\n",
            "f.yml:2: tag '!!python/object/apply:os.system' is refused: a configuration is plain data",
        ),
        (
            "a: !!python/name:os.system\n",
            "f.yml:1: tag '!!python/name:os.system' is refused: a configuration is plain data",
        ),
        ("a: !secret x\n", "f.yml:1: tag '!secret' is refused: a configuration is plain data"),
        ("a: !!set {b, c}\n", "f.yml:1: tag '!!set' is refused: a configuration is plain data"),
        ("a: !!binary aGk=\n", "f.yml:1: tag '!!binary' is refused: a configuration is plain data"),
        ("a: !!float abc\n", "f.yml:1: 'abc' is not of the type that its tag '!!float' names"),
        ("a: !!int 1.5\n", "f.yml:1: '1.5' is not of the type that its tag '!!int' names"),
        ("1: a\n", "f.yml:1: a key must be a plain name, got 1"),
        ("? [a, b]\n: c\n", "f.yml:1: a key must be a plain name, got a list"),
        ("? !!str [a]\n: c\n", "f.yml:1: a key must be a plain name, got a list"),
        ("x: 1\n? {a: b}\n: c\n", "f.yml:2: a key must be a plain name, got a mapping"),
        ('"a\\nb": 1\n', "f.yml:1: a key must be a plain name, got 'a\\nb'"),
        ('"a\\nb": 1\n"a\\nb": 1\n', "f.yml:1: a key must be a plain name, got 'a\\nb'"),
        ("\xa0gamma: 1\n", "f.yml:1: a key must be a plain name, got '\\xa0gamma'"),
        ("x: 1\n\ufeffgamma: 1\n", "f.yml:2: a key must be a plain name, got '\\ufeffgamma'"),
        ("k" * 101 + ": 1\n", "f.yml:1: a key must be a plain name, got 'kkkk"),
        ("a: *nowhere\n", "f.yml:1: not valid YAML: found undefined alias 'nowhere'"),
        ("a: 1\n---\nb: 2\n", "f.yml:2: not valid YAML: but found another document"),
        ("a:\n  <<: 3\n", "f.yml:2: '<<' takes a mapping, or a list of mappings"),
        ("a:\n  <<: !!set [{}]\n", "f.yml:2: tag '!!set' is refused: a configuration is plain data"),
        ("a: 1\nb: !x%0Ay z\n", "f.yml:2: tag '!x y' is refused: a configuration is plain data"),
        ("a: 1\nb: !!null 5\n", "f.yml:2: '5' is not of the type that its tag '!!null' names"),
        ("a: 1\nb: 9223372036854775808\n", "f.yml:2: 9223372036854775808 has more than the 64 bits of a whole number"),
        ("a: 0x" + "f" * 5000, "f.yml:1: 0xffff"),
        ('a: 1\nb: "\\uD800"\n', "f.yml:2: '\\ud800' holds half a character, which is no text"),
        ('a: 1\nb: "\\U00110000"\n', "f.yml:2: not valid YAML: a number out of range"),
        ('a: 1\nb: "\\UFFFFFFFF"\n', "f.yml:2: not valid YAML: a number out of range"),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1\n", "f.yml:1: not valid YAML: a number out of range"),
        ("a: 1\nb: &a [*a]\n", "f.yml:2: nested too deeply"),
        ("\n" + "[" * 5000, "f.yml:2: nested too deeply"),
        ("a:\n  " + "[" * 60 + "]" * 60, "f.yml:2: nested too deeply"),
        ("a: \x07\n", "f.yml:1: not valid YAML: unacceptable character #x0007"),
    ],
)
def test_what_is_refused_names_the_line(text: str, line: str) -> None:
    message = error_of(text)
    assert message.startswith(line)
    assert "\n" not in message


def test_aliases_that_multiply_each_other_are_refused_quickly() -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "more than 100000 values" in error_of("\n".join(lines))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name, content, message in [
        ("missing.yml", None, "shown.yml: cannot be read: No such file or directory"),
        ("empty.yml", b"", "shown.yml: the file is empty; write {} if it is meant to say nothing"),
        ("comment.yml", b"# nothing\n", "shown.yml: the file is empty; write {} if it is meant to say nothing"),
        ("list.yml", b"- a\n", "shown.yml:1: expected a mapping of names to values, got a list"),
        ("scalar.yml", b"\nhello\n", "shown.yml:2: expected a mapping of names to values, got 'hello'"),
        ("latin.yml", b"a: 1\nb: caf\xe9\n", "shown.yml:2: not UTF-8 text"),
    ]:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            read_mapping(path, "shown.yml")
        assert str(caught.value) == message
    with pytest.raises(UserError, match=r"shown.yml: cannot be read: Is a directory"):
        read_mapping(tmp_path, "shown.yml")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "windows.yml"
    path.write_bytes(b"\xef\xbb\xbfgamma: 0.5\r\n")
    assert read_mapping(path, "w.yml")["gamma"].data == 0.5


def test_without_lines_every_value_has_the_given_source() -> None:
    value = read_text("{a: {b: 1}}", Source("-params"), count_lines=False)
    assert str(value.data["a"].data["b"].source) == "-params"


def test_located_keeps_plain_data_plain() -> None:
    assert located({"a": {"b": [1, {"c": 2}]}}, FILE).plain() == {"a": {"b": [1, {"c": 2}]}}
    assert Located(3, FILE).plain() == 3


text_without_controls = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
spellings = st.sampled_from(
    ["1e-3", "1e3", "0x1F", "true", "null", "<<", "=", "~", "2020-01-01", "1:30", "!x", "*a", ""]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False)
    | text_without_controls
    | spellings
)
names = (text_without_controls | spellings).filter(plain_name)
plain_data = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(plain_data)
def test_what_is_written_is_read_back_the_same(data: Any) -> None:
    found = read(to_yaml(data))
    assert found == data
    assert repr(found) == repr(data)  # also tells 1 from 1.0 and True


def test_a_text_read_again_is_what_it_says_whatever_became_of_the_first() -> None:
    first = read_text("a: {b: [1]}", Source("one"))
    first.data["a"].data["b"].data.append(2)
    del first.data["a"]
    again = read_text("a: {b: [1]}", Source("other"))
    assert again.plain() == {"a": {"b": [1]}}
    assert str(again.data["a"].source) == "other:1"
    for shown in ("one", "other"):
        with pytest.raises(UserError, match=f"^{shown}:2: not valid YAML"):
            read_text("a: 1\nb: [", Source(shown))
