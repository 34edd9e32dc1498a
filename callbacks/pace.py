"""When it is time again: every so many agent steps, however many environments step at once."""


class Pace:
    """Says when another multiple of `every` agent steps has been reached. every: above 0, or it is never time."""

    def __init__(self, every: int) -> None:
        self._every = every
        self.passed = 0
        """multiples that are over and done with"""

    def begin(self, agent_steps: int) -> None:
        """Count from here: multiples reached before are not due any more."""
        self.passed = agent_steps // self._every if self._every > 0 else 0

    def is_due(self, agent_steps: int) -> bool:
        """Whether a multiple was reached since ``begin``."""
        return self._every > 0 and agent_steps // self._every > self.passed

    def due(self, agent_steps: int) -> bool:
        """Whether a multiple was reached since the last time this was asked."""
        due = self.is_due(agent_steps)
        if due:
            self.begin(agent_steps)
        return due
