"""Agent steps per second of Space Invaders without any learning, by the kind and number of environments and threads.

- ``ale_vec_env``: ours, ale-py's C++ emulators behind Stable-Baselines3's VecEnv;
- ``sb3``: Stable-Baselines3's own chain, make_atari_env, VecFrameStack and VecTransposeImage, in one process;
- ``envpool``: EnvPool's own environment, where it is installed;
- with ``--inputs``, ours again with pictures that are made here and not in C++ (docs/inputs.md), by the names below.

All but these show 4 gray screens of 84 x 84. They skip 4 frames, end at a lost life and clip rewards. Actions are
random and drawn beforehand. A block is `--seconds` of stepping; all cases are timed a block each in turn, in
alternating order, so that noise falls on all alike. Given are medians over rounds: agent steps per second of the clock,
and per second of CPU time of all threads, which is what one core could do if it did nothing else.

Run: python benchmarks/env_speed.py [--envs 1 8 32] [--sb3-envs 1 8] [--threads 1 2] [--seconds 1] [--rounds 5]
     [--inputs repeat 105x80 cropped bilinear rgb waiting]
"""

import importlib.util
import statistics
import time
from argparse import Namespace
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from reporting import machine, parser_of, positive, publish, whole_number
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack, VecTransposeImage

from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.rules import AtariRules

ACTIONS = 6  # of Space Invaders
INPUTS = {
    "repeat": AtariRules(stack_start="repeat"),
    "105x80": AtariRules(subsample=2, colour="mean", screen_size=None, stack_start="repeat"),
    "cropped": AtariRules(crop_rows=(31, 195), crop_columns=(8, 152)),
    "bilinear": AtariRules(resize="bilinear"),
    "rgb": AtariRules(colour="rgb"),
    "waiting": AtariRules(skip_after_life_loss=30),
}
Step = Callable[[np.ndarray], Any]


class Case(NamedTuple):
    """What is timed."""

    kind: str
    envs: int
    threads: int


def ale_vec_env(case: Case) -> Step:
    """Ours."""
    venv = AleVecEnv("space_invaders", case.envs, INPUTS.get(case.kind), seed=1, num_threads=case.threads)
    venv.reset()
    return venv.step


def sb3(case: Case) -> Step:
    """Stable-Baselines3's, as RL-Zoo makes it."""
    venv = VecFrameStack(make_atari_env("SpaceInvadersNoFrameskip-v4", n_envs=case.envs, seed=1), n_stack=4)
    transposed = VecTransposeImage(venv)
    transposed.reset()
    return transposed.step


def envpool(case: Case) -> Step:
    """EnvPool's."""
    import envpool as pool  # not a requirement of this project

    made = pool.make_gymnasium(
        "SpaceInvaders-v5",
        num_envs=case.envs,
        num_threads=case.threads,
        episodic_life=True,
        reward_clip=True,
        repeat_action_probability=0.0,
        seed=1,
    )
    made.reset()
    return lambda actions: made.step(actions.astype(np.int32))


KINDS: dict[str, Callable[[Case], Step]] = {
    "ale_vec_env": ale_vec_env,
    "sb3": sb3,
    "envpool": envpool,
    **dict.fromkeys(INPUTS, ale_vec_env),
}


def block(step: Step, envs: int, seconds: float, actions: np.ndarray) -> tuple[float, float]:
    """Agent steps per second, of the clock and of CPU time."""
    began, cpu_began = time.perf_counter(), time.process_time()
    steps = 0
    while time.perf_counter() - began < seconds:
        step(actions[steps % len(actions), :envs])
        steps += 1
    elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    return steps * envs / elapsed, steps * envs / cpu


def cases_of(arguments: Namespace) -> list[Case]:
    """All that are asked for; more threads than environments would be idle."""
    ours = {Case("ale_vec_env", n, min(n, threads)) for n in arguments.envs for threads in arguments.threads}
    theirs = {Case("sb3", n, 1) for n in arguments.sb3_envs}
    pool = {Case("envpool", case.envs, case.threads) for case in ours}
    pictured = [case._replace(kind=name) for name in arguments.inputs for case in sorted(ours)]
    return [*sorted(ours), *pictured, *sorted(theirs), *(sorted(pool) if importlib.util.find_spec("envpool") else [])]


def options() -> Namespace:
    """Of the command line."""
    parser = parser_of("env_speed", __doc__)
    cores = machine()["cores"]
    parser.add_argument("--envs", nargs="+", type=whole_number(1), default=[1, 8, 32], help="environments side by side")
    parser.add_argument("--sb3-envs", nargs="+", type=whole_number(1), default=[1, 8], help="of Stable-Baselines3's")
    parser.add_argument("--threads", nargs="+", type=whole_number(1), default=[1, cores], help="default: 1 and all")
    parser.add_argument("--inputs", nargs="+", choices=[*INPUTS], default=[], help="pictures made here (default: none)")
    parser.add_argument("--seconds", type=positive, default=1.0, help="of a block")
    parser.add_argument("--rounds", type=whole_number(1), default=5)
    return parser.parse_args()


def main() -> None:
    """Measure, and write the result."""
    arguments = options()
    cases = cases_of(arguments)
    actions = np.random.default_rng(1).integers(ACTIONS, size=(1_000, max(case.envs for case in cases)))
    steps = {case: KINDS[case.kind](case) for case in cases}
    found: dict[Case, list[tuple[float, float]]] = {case: [] for case in cases}
    for number in range(-1, arguments.rounds):  # the first round warms up
        for case in cases if number % 2 == 0 else cases[::-1]:
            rates = block(steps[case], case.envs, arguments.seconds, actions)
            if number >= 0:
                found[case].append(rates)
    rows = []
    for case in cases:
        rate, per_core = (round(statistics.median(rates), 1) for rates in zip(*found[case], strict=True))
        rows.append({**case._asdict(), "agent_steps_per_second": rate, "agent_steps_per_cpu_second": per_core})
        words = f"{case.kind:12} {case.envs:4} environments, {case.threads:3} threads"
        print(f"{words}: {rate:9.1f} agent steps per second, {per_core:9.1f} per second of CPU time", flush=True)
    notes = [] if importlib.util.find_spec("envpool") else ["envpool is not installed, and left out"]
    print(*notes, sep="\n", end="\n" if notes else "")
    result = {"seconds": arguments.seconds, "rounds": arguments.rounds, "rows": rows, "notes": notes}
    publish("env_speed", result, arguments.output)


if __name__ == "__main__":
    main()
