"""Whole trainings of this project and of RL-Zoo on Space Invaders, in turn: agent steps per second while they learn.

Both are run by their own commands, ``python -m dqn_zoo_ext.train`` and ``python -m rl_zoo3.train``, with what they ship
for Atari (ours: 8 environments, DeepMind's RMSProp, the frame ring; RL-Zoo's: 1 environment, Adam, Stable-Baselines3's
replay), but in both: batches of 32, one update for four agent steps, one replay size, one epsilon, one seed, target
copies every 1,000 agent steps, no evaluations, no checkpoints. Each logs as it does by default: every four games.

The same callback, in both, notes clock, agent steps, updates and CPU time when learning has gone on for `--warm-up`
agent steps, and again after `--agent-steps` more; start-up, filling the replay and saving the agent are not in between.
With the default sizes the replay is full by then, so that no memory is taken for the first time. Peak memory is the
process's until then, CPU time that of all its threads.

A round is one training of RL-Zoo and one of ours in each precision; every other round is the other way round. A ratio
is ours over RL-Zoo's in the same round, and the median over rounds is given. RL-Zoo's is always in 32 bits. Nothing
else should run meanwhile: RL-Zoo leaves PyTorch's threads to spin, and loses more on busy cores than we do.

Run: python benchmarks/train_speed.py [--pairs 5] [--precision fp32 tf32 bf16] [--agent-steps 1600] [--threads N]
"""

import statistics
from argparse import Namespace
from typing import Any

from whole_trainings import Command, Recipe, Running, ours, rl_zoo3  # isort: skip  # sees the environment as it was

from reporting import device_name, parser_of, positive, publish, whole_number


def commands(arguments: Namespace) -> dict[str, Command]:
    """RL-Zoo's, and ours in each precision."""
    recipe = Recipe(
        begin=arguments.learning_starts + arguments.warm_up,
        agent_steps=arguments.agent_steps,
        buffer_size=arguments.buffer_size,
        learning_starts=arguments.learning_starts,
        epsilon=arguments.epsilon,
        seed=arguments.seed,
        device=arguments.device,
        threads=arguments.threads,
    )
    given = {name: [] if name == "fp32" else [f"precision:{name}"] for name in arguments.precision}
    mine = {name: ours(recipe, [*params, *arguments.params]) for name, params in given.items()}
    return {"rl_zoo3": rl_zoo3(recipe), **mine}


def trained(name: str, command: Command) -> dict[str, Any]:
    """What a training found, printed."""
    running = Running(command)
    try:
        found = running.finished()
    finally:
        running.stop()
    print(
        f"{name:8} {found['agent_steps_per_second']:9.1f} agent steps per second, "
        f"{found['peak_resident_megabytes']:6} MB, {found['whole_run_seconds']:6.1f} s in all",
        flush=True,
    )
    return found


def summary(rounds: list[dict[str, dict[str, Any]]], precision: str) -> dict[str, Any]:
    """Medians over the rounds, of one precision beside RL-Zoo."""
    pairs = [(each[precision], each["rl_zoo3"]) for each in rounds]
    ratios = [mine["agent_steps_per_second"] / theirs["agent_steps_per_second"] for mine, theirs in pairs]
    kept = ("agent_steps_per_second", "cpu_milliseconds_per_agent_step", "peak_resident_megabytes")
    return {
        "precision": precision,
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "ours": {key: statistics.median(mine[key] for mine, _ in pairs) for key in kept},
        "rl_zoo3": {key: statistics.median(theirs[key] for _, theirs in pairs) for key in kept},
    }


def options() -> Namespace:
    """Of the command line."""
    parser = parser_of("train_speed", __doc__)
    parser.add_argument("--pairs", type=whole_number(1), default=5, help="rounds")
    parser.add_argument("--precision", nargs="+", choices=["fp32", "tf32", "bf16"], default=["fp32"], help="of ours")
    parser.add_argument("--agent-steps", type=whole_number(8), default=1_600, help="that are timed")
    parser.add_argument("--warm-up", type=whole_number(8), default=200, help="agent steps of learning before these")
    parser.add_argument("--learning-starts", type=whole_number(1), default=5_000, help="agent steps of random play")
    parser.add_argument("--buffer-size", type=whole_number(1), default=5_000, help="transitions in the replay")
    parser.add_argument("--epsilon", type=positive, default=0.01, help="all through the run; RL-Zoo's at the end")
    parser.add_argument("--params", nargs="+", default=[], metavar="KEY:VALUE", help="more for ours, e.g. n_envs:16")
    parser.add_argument("--threads", type=whole_number(1), help="PyTorch's threads in both (default: its own choice)")
    parser.add_argument("--device", type=device_name, default="cpu")
    parser.add_argument("--seed", type=whole_number(0), default=1)
    arguments = parser.parse_args()
    if arguments.epsilon > 1:
        parser.error(f"argument --epsilon: must be at most 1, not {arguments.epsilon}")
    return arguments


def main() -> None:
    """Train, compare, and write the result."""
    arguments = options()
    given = commands(arguments)
    rounds: list[dict[str, dict[str, Any]]] = []
    for number in range(arguments.pairs):
        names = list(given) if number % 2 == 0 else list(given)[::-1]
        rounds.append({name: trained(name, given[name]) for name in names})
    rows = [summary(rounds, precision) for precision in arguments.precision]
    for row in rows:
        print(f"{row['precision']}: {row['ratio']:.2f} times RL-Zoo's agent steps per second")
    kept = ("pairs", "agent_steps", "warm_up", "learning_starts", "buffer_size", "epsilon", "params", "threads", "seed")
    recipe = {name: getattr(arguments, name) for name in kept}
    publish("train_speed", {"recipe": recipe, "rows": rows, "rounds": rounds}, arguments.output, arguments.device)


if __name__ == "__main__":
    main()
