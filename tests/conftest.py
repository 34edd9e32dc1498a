"""For all tests: as in the commands, the package comes before PyTorch, whose threads then wait without spinning."""

import dqn_zoo_ext  # noqa: F401
