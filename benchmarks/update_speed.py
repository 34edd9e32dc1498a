"""Time of one update of DQN by batch size, precision and mode, beside the least that its arithmetic takes.

DQN is built as its YAML files say for Space Invaders, but for a small replay filled with random play. An update is
drawing, loss, gradient and step. A block is `--updates` of them, timed together until the device has finished; the
cases are timed a block each in turn, in alternating order, so that noise falls on all alike. Given is the median over
rounds.

The floor is the arithmetic of an update over the fastest arithmetic that this process could be seen to do: in each
round a large matrix product and the network's second convolution on 512 screens are timed, and the best of all counts,
per precision. The arithmetic is counted from the network's layers: forward in both networks, the gradient of all
weights, and of all inputs but the screens.

``eager`` is the update as PyTorch runs it operation by operation, ``captured`` as one graph of a GPU. What this version
or this machine cannot do is left out, with a note.

Run: python benchmarks/update_speed.py [--batch-sizes 32 256 512] [--precision fp32 tf32 bf16] [--mode eager captured]
     [--rounds 7] [--updates 5] [--device cuda]
"""

import itertools
import statistics
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import dqn_zoo_ext  # isort: skip  # noqa: F401  # before PyTorch, as in the commands
import torch
from built_models import built, finish, seconds_of_updates
from reporting import device_name, parser_of, publish, whole_number
from torch import Tensor, nn

from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.hardware.precision import allow_tf32

OVERRIDES: dict[str, dict[str, Any]] = {
    "fp32": {},
    "tf32": {"precision": "tf32"},
    "bf16": {"precision": "bf16"},
}
"""What a precision is in the words of a configuration."""
COMPILED = {"optimizer_kwargs.compiled_after": 0}
"""The optimizer is from the first update on what it becomes after a thousand: one pass over the weights."""


class Case(NamedTuple):
    """What is timed."""

    batch_size: int
    precision: str
    mode: str


def operations_of_an_update(model: DeepQ) -> int:
    """Multiplications and additions for one sample, counted from the shapes of all layers."""
    products: list[int] = []

    def count(layer: nn.Module, _: Any, result: Tensor) -> None:
        weight = layer.weight
        assert isinstance(weight, Tensor)
        products.append(result[0].numel() * weight[0].numel())

    layers = [layer for layer in model.q_net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        model.q_net(torch.zeros((1, *model.observation_space.shape), dtype=torch.uint8, device=model.device))  # type: ignore[misc]
    for hook in hooks:
        hook.remove()
    return 2 * (4 * sum(products) - products[0])


@contextmanager
def float32_as(precision: str, device: torch.device) -> Iterator[None]:
    """Products of 32-bit numbers are made as `precision` says, on a GPU, and as before afterwards."""
    if device.type != "cuda":
        yield
        return
    allow_tf32(precision == "tf32")
    try:
        yield
    finally:
        allow_tf32(False)  # a model says for itself what it wants


def operations_per_second(precision: str, device: torch.device) -> float:
    """The better of a matrix product and a convolution."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    side = 8192 if device.type == "cuda" else 1024
    one, other = torch.randn((2, side, side), device=device, dtype=dtype)
    maps = torch.randn(512, 32, 20, 20, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    filters = torch.randn(64, 32, 4, 4, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    work: list[tuple[int, Callable[[], Tensor]]] = [
        (2 * side**3, lambda: one @ other),
        (2 * 512 * 64 * 9 * 9 * 32 * 4 * 4, lambda: nn.functional.conv2d(maps, filters, stride=2)),
    ]
    best = 0.0
    with float32_as(precision, device), torch.no_grad():
        for (operations, product), _ in itertools.product(work, range(3)):
            finish(device)
            started = time.perf_counter()
            product()
            finish(device)
            best = max(best, operations / (time.perf_counter() - started))
    return best


def model_of(case: Case, device: str) -> DeepQ | str:
    """DQN, ready to be timed, or why it cannot be."""
    on_gpu = device.startswith("cuda")
    if case.mode == "captured" and not on_gpu:
        return "updates are captured on GPUs of NVIDIA only"
    if case.precision == "tf32" and not on_gpu:
        return "tf32 is a format of NVIDIA's GPUs"
    model = built("dqn", device, batch_size=case.batch_size, **COMPILED, **OVERRIDES[case.precision])
    if case.mode == "eager":
        model.capture = None
    seconds_of_updates(model, case.batch_size, 8)  # the first ones make what later ones find made, a graph too
    return model


def options() -> Namespace:
    """Of the command line."""
    parser = parser_of("update_speed", __doc__)
    parser.add_argument("--batch-sizes", nargs="+", type=whole_number(1), default=[32, 256, 512])
    parser.add_argument("--precision", nargs="+", choices=["fp32", "tf32", "bf16"], default=["fp32", "tf32", "bf16"])
    parser.add_argument("--mode", nargs="+", choices=["eager", "captured"], default=["eager", "captured"])
    parser.add_argument("--rounds", type=whole_number(1), default=7)
    parser.add_argument("--updates", type=whole_number(1), default=5, help="in a block (a GPU wants 100)")
    parser.add_argument("--device", type=device_name, default="cpu")
    return parser.parse_args()


def row_of(case: Case, seconds: list[float], operations: int, peak: float) -> dict[str, Any]:
    """What was found of a case, printed. seconds: of an update, in each round."""
    middle, floor = statistics.median(seconds), case.batch_size * operations / peak
    row = {
        **case._asdict(),
        "milliseconds": round(1000 * middle, 4),
        "milliseconds_least_and_most": [round(1000 * min(seconds), 4), round(1000 * max(seconds), 4)],
        "floor_milliseconds": round(1000 * floor, 4),
        "times_floor": round(middle / floor, 2),
    }
    print(
        f"{case.mode:8} {case.precision:4} batch {case.batch_size:4}: {row['milliseconds']:9.3f} ms, "
        f"{row['times_floor']:7.2f} times the floor",
        flush=True,
    )
    return row


def main() -> None:
    """Measure, and write the result."""
    arguments = options()
    cases = [Case(*each) for each in itertools.product(arguments.batch_sizes, arguments.precision, arguments.mode)]
    made = {case: model_of(case, arguments.device) for case in cases}
    skipped = [{**case._asdict(), "why": model} for case, model in made.items() if isinstance(model, str)]
    for note in skipped:
        print(f"left out: {note['mode']} {note['precision']} batch {note['batch_size']}: {note['why']}")
    models = {case: model for case, model in made.items() if not isinstance(model, str)}
    seconds: dict[Case, list[float]] = {case: [] for case in models}
    peaks = {case.precision: 0.0 for case in models}
    for number in range(arguments.rounds):
        for precision in peaks:
            found = operations_per_second(precision, torch.device(arguments.device))
            peaks[precision] = max(peaks[precision], found)
        for case in list(models) if number % 2 == 0 else list(models)[::-1]:
            block = seconds_of_updates(models[case], case.batch_size, arguments.updates)
            seconds[case].append(block / arguments.updates)
    operations = operations_of_an_update(next(iter(models.values()))) if models else 0
    result = {
        "rounds": arguments.rounds,
        "updates_in_a_block": arguments.updates,
        "megaflop_per_sample": round(operations / 1e6, 1),
        "gigaflop_per_second": {precision: round(peak / 1e9, 1) for precision, peak in peaks.items()},
        "rows": [row_of(case, seconds[case], operations, peaks[case.precision]) for case in models],
        "left_out": skipped,
    }
    publish("update_speed", result, arguments.output, arguments.device)


if __name__ == "__main__":
    main()
