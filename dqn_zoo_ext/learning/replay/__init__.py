"""Experience replay on the learning device: single frames in a ring, drawn uniformly or by priority."""

from dqn_zoo_ext.learning.replay.frame_ring import Draw, FrameRing, Shown

__all__ = ["Draw", "FrameRing", "Shown"]
