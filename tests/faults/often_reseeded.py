"""A plug-in for the tests: emulators are seeded anew often, so that kills fall before, between and after new seeds.

For ``--gym-packages`` of a training in a process of its own. Nothing may import it in the tests' own process: it would
move the games of all other tests there.
"""

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv

AGENT_STEPS = 120
"""Of a console since its last seed, after which it is seeded anew at the next game over."""

_defaults = AleVecEnv.__init__.__kwdefaults__
assert _defaults is not None
assert _defaults["reseed_after"] > AGENT_STEPS
_defaults["reseed_after"] = AGENT_STEPS
