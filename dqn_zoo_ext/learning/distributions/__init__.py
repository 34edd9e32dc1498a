"""What the numbers of a head mean: how much of the return's distribution a network knows. One file for each paper.

A distribution is a module with ``n_outputs``, how many numbers a head is to give for each action, ``values(head,
features)``, the expected returns (B, A) by which actions are chosen, and ``loss``, the name of the loss that it is
learned with, None for any loss of a TD error. Importing this package registers them.
"""

from typing import ClassVar, Protocol

from torch import Tensor, nn

from dqn_zoo_ext.learning.distributions import categorical, expectation, implicit_quantile, quantile

__all__ = ["Distribution", "categorical", "expectation", "implicit_quantile", "quantile"]


class Distribution(Protocol):
    """See above."""

    loss: ClassVar[str | None]
    n_outputs: int

    def values(self, head: nn.Module, features: Tensor) -> Tensor:
        """(B, features_dim) to (B, A)."""
