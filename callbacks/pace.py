"""When it is time again: every so many agent steps, however many environments step at once."""


class Pace:
    """Says when another multiple of `every` agent steps has been reached. every: above 0, or it is never time."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._passed = 0

    def begin(self, agent_steps: int) -> None:
        """Count from here: multiples reached before are not due any more."""
        self._passed = agent_steps // self._every if self._every > 0 else 0

    def due(self, agent_steps: int) -> bool:
        """Whether a multiple was reached since the last time this was asked."""
        if self._every <= 0 or agent_steps // self._every <= self._passed:
            return False
        self._passed = agent_steps // self._every
        return True
