"""Words that depend on a number."""


def counted(number: int, noun: str) -> str:
    """``1 game``, ``1,000 games``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(seconds: float) -> str:
    """``2 h 05 min``, ``5 min 03 s``, ``7 s``: to the minute from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
