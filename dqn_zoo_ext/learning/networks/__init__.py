"""Networks in two parts: a torso turns observations into features, a head turns features into numbers for each action.

A head is made of layers (``layers``); what its numbers mean is a distribution's to say (``learning.distributions``).
Importing this package registers its parts.
"""

from dqn_zoo_ext.learning.networks import heads, impala, layers, minatar, torsos

__all__ = ["heads", "impala", "layers", "minatar", "torsos"]
