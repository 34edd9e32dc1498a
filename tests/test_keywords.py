from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import Field

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.keywords import Place, check_arguments, integral

if TYPE_CHECKING:
    from decimal import Decimal

PLACE = Place("kwargs", lambda key: f"f.yml({key})")


class Parent:
    def __init__(self, machine: object, size: Annotated[int, Field(ge=1)] = 1, name: str = "") -> None: ...


class Child(Parent):
    def __init__(self, *arguments: Any, depth: float = 1.0, **keywords: Any) -> None: ...


class Anything:
    def __init__(self, **keywords: Any) -> None: ...


def unresolved(amount: "Decimal" = 1) -> None:  # type: ignore[assignment]
    """A type that is imported for type checkers only."""


def with_a_class(module: pytest.MonkeyPatch | None = None) -> None:
    """A type that no YAML can hold."""


def checked(accepts: Any, given: dict[str, Any]) -> dict[str, Any]:
    return check_arguments("thing 'x'", accepts, given, PLACE, {"machine"})


def test_a_class_that_hands_keywords_on_accepts_its_parents() -> None:
    assert checked(Child, {"depth": 2, "size": 3.0, "name": "n"}) == {"depth": 2, "size": 3, "name": "n"}
    with pytest.raises(
        UserError, match=r"f.yml\(kwargs.siez\): unknown keyword 'siez' of thing 'x'; did you mean 'size'"
    ):
        checked(Child, {"siez": 3})
    with pytest.raises(UserError, match=r"f.yml\(kwargs.size\): kwargs.size: must be at least 1, not 0"):
        checked(Child, {"size": 0})


def test_what_the_program_passes_is_not_for_yaml() -> None:
    with pytest.raises(UserError, match=r"unknown keyword 'machine' of thing 'x'"):
        checked(Child, {"machine": 3})


def test_a_class_that_takes_anything_is_given_anything() -> None:
    assert checked(Anything, {"depth": [1, {"a": None}]}) == {"depth": [1, {"a": None}]}


def test_a_class_without_a_constructor_takes_nothing() -> None:
    assert checked(type("Empty", (), {}), {}) == {}
    with pytest.raises(UserError, match="unknown keyword 'a' of thing 'x'"):
        checked(type("Empty", (), {}), {"a": 1})


def test_a_type_that_cannot_be_looked_up_leaves_the_name_checked() -> None:
    assert checked(unresolved, {"amount": "three"}) == {"amount": "three"}
    with pytest.raises(UserError, match="unknown keyword 'amuont'"):
        checked(unresolved, {"amuont": 1})


def test_a_type_that_is_no_data_is_not_checked() -> None:
    assert checked(with_a_class, {"module": "m"}) == {"module": "m"}


def test_a_missing_keyword_is_said_of_the_whole() -> None:
    with pytest.raises(UserError, match=r"f.yml\(kwargs\): thing 'x' needs 'needed'"):
        checked(lambda needed: needed, {})


@pytest.mark.parametrize(
    ("hint", "given", "read"),
    [
        (tuple[float, float], [1, 2], [1, 2]),
        (list[int], [1.0, 2], [1, 2]),
        (int | None, None, None),
        (int | str, "a", "a"),
        (float, 3, 3),
    ],
)
def test_yaml_data_for_a_type(hint: Any, given: Any, read: Any) -> None:
    def accepts(value: Any) -> None: ...

    accepts.__annotations__["value"] = hint
    found = checked(accepts, {"value": given})["value"]
    assert found == read
    assert repr(found) == repr(read)


@pytest.mark.parametrize(
    ("hint", "given"),
    [
        (int, True),
        (int, "3"),
        (float, "3"),
        (bool, 1),
        (tuple[float, float], [1]),
        (list[int], [1.5]),
        (str, 3),
        (float, {}),
    ],
)
def test_nothing_is_bent_to_fit(hint: Any, given: Any) -> None:
    def accepts(value: Any) -> None: ...

    accepts.__annotations__["value"] = hint
    with pytest.raises(UserError, match=r"^f.yml\(kwargs.value\): kwargs.value"):
        checked(accepts, {"value": given})


def test_where_no_file_is_known_the_line_begins_with_the_mistake() -> None:
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"siez": 3}, "unknown keyword 'siez' of thing 'x'; did you mean 'size'?"),
        ({"size": 0}, "kwargs.size: must be at least 1, not 0"),
        ({"depth": float("nan")}, "kwargs.depth: must be a finite number"),
    ]
    for given, message in mistakes:
        with pytest.raises(UserError) as caught:
            check_arguments("thing 'x'", Child, given, Place("kwargs"), {"machine"})
        assert str(caught.value) == message


@pytest.mark.parametrize("value", [{3}, 3j, object])
def test_what_is_no_data_is_no_number_either(value: object) -> None:
    with pytest.raises(UserError, match=r"^f.yml\(kwargs.size\): kwargs.size: must be a whole number"):
        checked(Child, {"size": value})


@pytest.mark.parametrize(
    ("given", "read"), [(1e7, 10_000_000), (1.5, 1.5), ([2.0, 3], [2, 3]), ("1.0", "1.0"), (True, True), (None, None)]
)
def test_a_float_without_a_fraction_is_a_whole_number(given: Any, read: Any) -> None:
    assert repr(integral(given)) == repr(read)
