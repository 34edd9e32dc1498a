"""What the watch for numbers that are not finite costs an update of the Nature network: one JSON line last.

One network is improved in turn by a learner that watches and by one that does not, an update each, in alternating order
and on the same batches; the cost is the median of the ratios of their times, so that other load on the machine falls on
both alike. On the CPU it is the time of the process, not of the clock. The same with two that do not watch says how far
off such a number can be.

Run: python benchmarks/nan_guard.py [--pairs 500] [--output FILE]
"""

import argparse
import statistics
import time
from typing import Any

import dqn_zoo_ext  # isort: skip  # before PyTorch, as in the commands
import numpy as np
import torch
from gymnasium import spaces
from reporting import device_name, parser_of, publish, whole_number
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.losses import Loss, huber
from dqn_zoo_ext.learning.optim import DeepMindRMSprop
from dqn_zoo_ext.learning.policies import CnnPolicy
from dqn_zoo_ext.learning.targets import q_learning
from dqn_zoo_ext.learning.updates.learner import Learner

BATCH_SIZE, ACTIONS = 32, 6
CASES = {
    "at_once": {"updates_per_reading": 1, "max_grad_norm": None},
    "at_once_norm_limited": {"updates_per_reading": 1, "max_grad_norm": 10.0},
    "read_later": {"updates_per_reading": 32, "max_grad_norm": None},
    "read_later_norm_limited": {"updates_per_reading": 32, "max_grad_norm": 10.0},
}


class Unwatched(Learner):
    """The update as it was before the watch: sums for the log, and nothing looked at."""

    _on_device: Tensor | None = None

    def update(self, batch: Batch) -> Loss:
        """One step on `batch`."""
        loss = self._loss(self._online, self._target, batch)
        mean_loss = (batch.weights * loss.per_sample).mean()
        self._optimizer.zero_grad()
        mean_loss.backward()
        if self._max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._weights.values(), self._max_grad_norm)
        self._optimizer.step()
        values = torch.stack([mean_loss.detach(), loss.priority.mean()])
        self._on_device = values if self._on_device is None else self._on_device + values
        return loss


def learners(kinds: list[type[Learner]], device: str, **settings: Any) -> list[Learner]:
    """Learners of one Nature network, with DeepMind's optimizer."""
    torch.manual_seed(1)
    screens, actions = spaces.Box(0, 255, (4, 84, 84), np.uint8), spaces.Discrete(ACTIONS)
    policy = CnnPolicy(screens, actions, lambda _: 2.5e-4, optimizer_class=DeepMindRMSprop).to(device)
    policy.set_training_mode(True)
    return [kind(dqn_loss, policy.q_net, policy.q_net_target, policy.optimizer, **settings) for kind in kinds]


def dqn_loss(online: nn.Module, target: nn.Module, batch: Batch) -> Loss:
    """DQN's, as ``algorithms.DQN`` has it."""
    td_error = q_learning(online(batch.obs_tm1), batch.a_tm1, batch.r_t, batch.discount_t, target(batch.obs_t))
    return Loss(per_sample=huber(td_error), priority=td_error.detach().abs())


def batches(device: str, count: int = 8) -> list[Batch]:
    """Random screens and clipped rewards."""
    torch.manual_seed(2)
    screens = (2, count, BATCH_SIZE, 4, 84, 84)
    obs_tm1, obs_t = torch.randint(0, 256, screens, dtype=torch.uint8, device=device)
    actions = torch.randint(0, ACTIONS, (count, BATCH_SIZE), device=device)
    rewards = torch.randint(-1, 2, (count, BATCH_SIZE), device=device).float()
    ones = torch.ones(BATCH_SIZE, device=device)
    cells = torch.arange(BATCH_SIZE, device=device)
    return [Batch(obs_tm1[i], actions[i], rewards[i], 0.99 * ones, obs_t[i], ones, cells) for i in range(count)]


def seconds(learning: Learner, batch: Batch, device: str) -> float:
    """Of one update, until the device has finished."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    started = clock()
    learning.update(batch)
    if device != "cpu":
        torch.cuda.synchronize()
    return clock() - started


def cost_in_percent(first: Learner, second: Learner, arguments: argparse.Namespace) -> tuple[float, float]:
    """By how much `first` is slower than `second`, and the time of an update of the second in milliseconds."""
    feed = batches(arguments.device)
    ratios, times = [], []
    for pair in range(-5, arguments.pairs):  # the first pairs warm up
        order = (first, second) if pair % 2 else (second, first)
        taken = {learning: seconds(learning, feed[pair % len(feed)], arguments.device) for learning in order}
        if pair >= 0:
            ratios.append(taken[first] / taken[second])
            times.append(taken[second])
    return round(100 * (statistics.median(ratios) - 1), 3), round(1000 * statistics.median(times), 2)


class Operations(TorchDispatchMode):
    """Counts what is asked of the device, and how often a number is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.all, self.waits = 0, 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One operation."""
        del types
        self.all += 1
        self.waits += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


def operations(learning: Learner, device: str) -> list[int]:
    """Operations and waits of one update, other than those in which numbers are read."""
    feed = batches(device, 2)
    learning.update(feed[0])
    with Operations() as counted:
        learning.update(feed[1])
    return [counted.all, counted.waits]


def main() -> None:
    """Measure and print."""
    parser = parser_of("nan_guard", __doc__)
    parser.add_argument("--pairs", type=whole_number(1), default=500)
    parser.add_argument("--device", type=device_name, default="cpu")
    arguments = parser.parse_args()
    report: dict[str, Any] = {"batch_size": BATCH_SIZE, "pairs": arguments.pairs, "version": dqn_zoo_ext.__version__}
    for name, settings in {"both_unwatched": {"max_grad_norm": None}, **CASES}.items():
        kind = Unwatched if name == "both_unwatched" else Learner
        watched, unwatched = learners([kind, Unwatched], arguments.device, **settings)
        cost, update = cost_in_percent(watched, unwatched, arguments)
        report[f"{name}_percent"], report[f"{name}_update_ms"] = cost, update
        report[f"{name}_operations_and_waits"] = operations(watched, arguments.device)
        report[f"{name}_operations_and_waits_unwatched"] = operations(unwatched, arguments.device)
        print(f"{name}: {cost:+.2f}% of an update of {update} ms", flush=True)
    started = time.perf_counter()
    watched.check()
    report["check_ms"] = round(1000 * (time.perf_counter() - started), 2)
    publish("nan_guard", report, arguments.output, arguments.device)


if __name__ == "__main__":
    main()
