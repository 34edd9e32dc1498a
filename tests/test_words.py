from dqn_zoo_ext.words import counted, duration


def test_one_is_no_plural() -> None:
    assert [counted(number, "game") for number in (0, 1, 2, 1000)] == ["0 games", "1 game", "2 games", "1,000 games"]


def test_durations() -> None:
    seconds = (0.4, 7, 59.6, 63, 3599.4, 3599.6, 3690, 100_000)
    words = ["0 s", "7 s", "1 min 00 s", "1 min 03 s", "59 min 59 s", "1 h 00 min", "1 h 02 min", "27 h 47 min"]
    assert [duration(each) for each in seconds] == words
