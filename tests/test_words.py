from dqn_zoo_ext.words import counted


def test_one_is_no_plural() -> None:
    assert [counted(number, "game") for number in (0, 1, 2, 1000)] == ["0 games", "1 game", "2 games", "1,000 games"]
