"""Nothing but the mean: an action's number is its value. What DQN, Double DQN and dueling networks learn."""

from torch import Tensor, nn

from dqn_zoo_ext.registry import register_distribution


@register_distribution("expectation")
class Expectation(nn.Module):
    """One number for each action, the expected return."""

    loss = None
    n_outputs = 1

    def __init__(self, features_dim: int) -> None:  # noqa: ARG002  # part of the contract of distributions
        super().__init__()

    def mean(self, outputs: Tensor) -> Tensor:
        """(B, A, 1) to (B, A)."""
        return outputs.squeeze(-1)

    def values(self, head: nn.Module, features: Tensor) -> Tensor:
        """(B, features_dim) to (B, A)."""
        return self.mean(head(features))
