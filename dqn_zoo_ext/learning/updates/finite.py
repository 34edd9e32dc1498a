"""Numbers that are not finite: which they are, what was fed to the networks, and the evidence for a replay."""

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.state import State

What = Literal["loss", "gradient", "weight"]
Statistics = dict[str, dict[str, float]]
LossOfBatch = Callable[[nn.Module, nn.Module, Batch], Loss]

_SAID_AS = {"obs_tm1": "observations", "r_t": "rewards", "discount_t": "discounts", "weights": "weights"}
_PLACES = {"loss": "in", "gradient": "in", "weight": "after"}


class NotFinite(RuntimeError):  # noqa: N818  # says what was found, as StopIteration does
    """A loss, a gradient or a weight is NaN or infinite; the message says all of it but the evidence, in one line.

    what: the kind that was seen first. layers: names of the online network's parameters, those of the target network
    after ``target.``; the nearest to the loss first, for a gradient that is not finite makes those below it so too.
    Empty for a loss. update: the number of the update in which it was seen first; for a weight, of the last one made.
    statistics: least, greatest and mean of what is finite in the batch, and how many values are not (``not_finite``).
    evidence: the batch, both networks and the optimizer, for ``loss_of_evidence``. A gradient or weight that went wrong
    is seen after its step, and so are the networks; with a loss they are as they were before the update, unless losses
    are read some updates later (see ``Learner``).
    """

    def __init__(self, what: What, layers: list[str], update: int, statistics: Statistics, evidence: State) -> None:
        super().__init__(_message(what, layers, update, statistics))
        self.what = what
        self.layers = layers
        self.update = update
        self.statistics = statistics
        self.evidence = evidence


def not_finite(
    what: What,
    layers: list[str],
    update: int,
    batch: Batch | None,
    online: nn.Module,
    target: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> NotFinite:
    """The error, with its statistics and evidence taken now. batch: of that update, None if there was none yet."""
    evidence: State = {
        "what": what,
        "layers": layers,
        "update": update,
        "batch": None if batch is None else _plain(batch._asdict()),
        "online": _plain(online.state_dict()),
        "target": _plain(target.state_dict()),
        "optimizer": _plain(optimizer.state_dict()),
    }
    return NotFinite(what, layers, update, {} if batch is None else statistics_of(batch, online), evidence)


def loss_of_evidence(loss: LossOfBatch, online: nn.Module, target: nn.Module, evidence: State) -> float:
    """The mean loss of the batch in `evidence`, by the weights in it.

    online, target: networks of the evidence's shape; they stay as they are. ValueError if there is no batch in it.
    """
    if evidence["batch"] is None:
        raise ValueError("no batch in the evidence: nothing had been learned from yet")
    here = next(online.parameters()).device
    online, target = copy.deepcopy(online), copy.deepcopy(target)
    online.load_state_dict(evidence["online"])
    target.load_state_dict(evidence["target"])
    batch = Batch(**{name: _to(value, here) for name, value in evidence["batch"].items()})
    with torch.no_grad():
        return float((batch.weights * loss(online, target, batch).per_sample).mean())


def names_not_finite(named: Iterable[tuple[str, Tensor]]) -> list[str]:
    """Names of the tensors with a NaN or an infinity in them, the last first; one reading from the device if none."""
    pairs = list(named)
    if not pairs:
        return []
    with torch.no_grad():
        norms = torch.stack(torch._foreach_norm([tensor for _, tensor in pairs])).tolist()
        suspects = [pair for pair, norm in zip(pairs, norms, strict=True) if not math.isfinite(norm)]
        # the norm of huge finite numbers overflows too
        return [name for name, tensor in reversed(suspects) if not bool(torch.isfinite(tensor).all())]


def statistics_of(batch: Batch, online: nn.Module) -> Statistics:
    """What a NotFinite says of a batch: its observations, rewards, discounts, weights and Q-values."""
    fields = batch._asdict()
    statistics = {said: _statistics(fields[name]) for name, said in _SAID_AS.items()}
    with torch.no_grad():
        statistics["Q-values"] = _statistics(online(batch.obs_tm1))
    return statistics


def _statistics(values: Tensor | Mapping[str, Tensor]) -> dict[str, float]:
    parts = values.values() if isinstance(values, Mapping) else [values]
    flat = torch.cat([part.detach().flatten().double() for part in parts])
    finite = flat[torch.isfinite(flat)]
    statistics: dict[str, float] = {"not_finite": len(flat) - len(finite)}
    if len(finite):
        statistics |= {"min": float(finite.min()), "max": float(finite.max()), "mean": float(finite.mean())}
    return statistics


def _message(what: What, layers: list[str], update: int, statistics: Statistics) -> str:
    of = f" {'of ' if what == 'gradient' else ''}{layers[0]}" if layers else ""
    others = f" (also {', '.join(layers[1:])})" if len(layers) > 1 else ""
    line = f"{what}{of} is not finite {_PLACES[what]} update {update}{others}"
    if statistics:
        line += "; its batch: " + ", ".join(f"{name} {_said(numbers)}" for name, numbers in statistics.items())
    return line


def _said(numbers: dict[str, float]) -> str:
    missing = numbers["not_finite"]
    if "mean" not in numbers:
        return "none finite"
    line = f"{numbers['min']:.4g} to {numbers['max']:.4g}"
    return f"{line} (mean {numbers['mean']:.4g}{f', {missing:.0f} not finite' if missing else ''})"


def _to(value: Any, device: torch.device) -> Any:
    if isinstance(value, Mapping):
        return {name: _to(part, device) for name, part in value.items()}
    return value.to(device)


def _plain(value: Any) -> Any:
    """As State wants it: text for keys, no tuples, no list of dicts; tensors copied to main memory."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        if any(isinstance(part, Mapping) for part in value):
            return {str(place): _plain(part) for place, part in enumerate(value)}
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
