"""Names to classes: unique names, the nearest one in an error."""

import pytest

from dqn_zoo_ext.errors import UserError, nearest
from dqn_zoo_ext.registry import Registry


class One:
    pass


class Two:
    pass


def test_register_get_names() -> None:
    kinds: Registry[type] = Registry("kind")
    assert kinds.register("one")(One) is One
    kinds.add("two", Two)
    assert kinds.get("one") is One
    assert kinds.names() == ("one", "two")
    assert "one" in kinds
    assert "three" not in kinds


def test_a_taken_name_is_refused_but_a_reloaded_class_is_not() -> None:
    kinds: Registry[type] = Registry("kind")
    kinds.add("one", One)
    kinds.add("one", One)
    with pytest.raises(ValueError, match=r"kind 'one' is registered already, by .*One"):
        kinds.add("one", Two)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    kinds: Registry[type] = Registry("kind")
    kinds.add("double_dqn", One)
    with pytest.raises(UserError, match="unknown kind 'duoble_dqn'; did you mean 'double_dqn'"):
        kinds.get("duoble_dqn")
    with pytest.raises(UserError, match=r"unknown kind '\\x1b\[2Jdouble\\ndqn'; did you mean 'double_dqn'") as caught:
        kinds.get("\x1b[2Jdouble\ndqn")
    assert str(caught.value).isprintable()


def test_nearest() -> None:
    assert nearest("PONG", ["Pong-v4", "Breakout-v4", "Pong"]) == "; did you mean 'Pong'?"
    assert nearest("zzz", ["Pong", "Breakout"]) == "; choose one of Breakout, Pong"
    assert nearest("zzz", [str(number) for number in range(50)]) == ""
    assert nearest("zzz", []) == ""
