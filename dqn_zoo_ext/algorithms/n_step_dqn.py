"""N-step DQN: rewards of several steps before the target network's estimate."""

from typing import ClassVar

from dqn_zoo_ext.algorithms.dqn import DQN
from dqn_zoo_ext.registry import register_algorithm


@register_algorithm("n_step_dqn")
class NStepDQN(DQN):
    """DQN with targets of n steps (Sutton 1988; Hessel et al. 2018, "Multi-step learning").

    The target is sum_{k<n} gamma**k r_{t+k} + gamma**n max_a q(s_{t+n}, a), shorter where the episode ends or is cut.
    The replay puts such windows together (``FrameRing.gather`` in ``learning/replay/frame_ring.py``), so DQN's loss
    stays as it is: ``r_t`` is the sum, ``discount_t`` gamma**n. ``n_steps`` is n.
    """

    parts: ClassVar = {"n_steps": 3}
