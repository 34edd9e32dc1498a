"""One update by hand, on nets of one or two weights, and what stays of many updates for the log."""

import json

import pytest
import torch
from torch import Tensor, nn

from dqn_zoo_ext.learning import kernels
from dqn_zoo_ext.learning.batch import Batch
from dqn_zoo_ext.learning.losses import Loss
from dqn_zoo_ext.learning.networks.stochastic import Stochastic, stochastic_parts
from dqn_zoo_ext.learning.updates.learner import Learner, copy_weights


def net(*weights: float) -> nn.Linear:
    """A linear map: the sum of weight * observation."""
    module = nn.Linear(len(weights), 1, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([weights]))
    return module


def weights_of(module: nn.Linear) -> list[float]:
    values: list[float] = module.weight.detach()[0].tolist()
    return values


def squared(online: nn.Module, target: nn.Module, batch: Batch) -> Loss:
    """(reward + discount * target's value - value)^2, and the size of the difference."""
    difference = batch.r_t + batch.discount_t * target(batch.obs_t)[:, 0] - online(batch.obs_tm1)[:, 0]
    return Loss(per_sample=difference**2, priority=difference.detach().abs())


def batch(obs: list[list[float]], weights: list[float], discount: float = 0.0) -> Batch:
    size = len(obs)
    return Batch(
        obs_tm1=torch.tensor(obs),
        a_tm1=torch.zeros(size, dtype=torch.int64),
        r_t=torch.zeros(size),
        discount_t=torch.full((size,), discount),
        obs_t=torch.ones(size, len(obs[0])),
        weights=torch.tensor(weights),
        cells=torch.arange(size),
    )


def learner(
    online: nn.Linear, rate: float = 0.1, max_grad_norm: float | None = None, updates_per_reading: int | None = None
) -> Learner:
    target = net(*[5.0] * online.in_features)
    sgd = torch.optim.SGD(online.parameters(), lr=rate)
    return Learner(squared, online, target, sgd, max_grad_norm, updates_per_reading=updates_per_reading)


# at weight 1: errors 1 and 2, losses 1 and 4; weighted 1 and 2, mean 1.5; gradients 2 and 8, weighted 2 and 4, mean 3
TWO = batch([[1.0], [2.0]], weights=[1.0, 0.5])


def test_an_update_is_a_step_down_the_weighted_mean() -> None:
    online = net(1.0)
    losses = learner(online).update(TWO)
    assert weights_of(online) == pytest.approx([1 - 0.1 * 3])
    assert losses.per_sample.tolist() == [1.0, 4.0]  # as they are, before the weights
    assert losses.priority.tolist() == [1.0, 2.0]


def test_a_gradient_is_forgotten_after_its_step() -> None:
    online = net(1.0)
    learning = learner(online)
    learning.update(TWO)
    learning.update(TWO)  # at 0.7 the gradient is 0.7 * 3
    assert weights_of(online) == pytest.approx([0.7 - 0.1 * 2.1])


@pytest.mark.parametrize("by_kernels", [False, True], ids=["by_pytorch", "by_kernels"])
@pytest.mark.parametrize(
    ("max_grad_norm", "expected"),
    # one sample (3, 4) at weights (0.1, 0.05): value 0.5, gradient 2 * 0.5 * (3, 4) = (3, 4), of norm 5
    [(None, [0.1 - 3, 0.05 - 4]), (6.0, [0.1 - 3, 0.05 - 4]), (2.5, [0.1 - 1.5, 0.05 - 2.0])],
)
@pytest.mark.parametrize("updates_per_reading", [1, 3])
def test_the_gradients_norm_is_limited_and_its_direction_kept(
    max_grad_norm: float | None,
    expected: list[float],
    updates_per_reading: int,
    by_kernels: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "can_take", lambda *_: by_kernels)
    online = net(0.1, 0.05)
    limited = learner(online, 1.0, max_grad_norm, updates_per_reading)
    limited.update(batch([[3.0, 4.0]], weights=[1.0]))
    assert weights_of(online) == pytest.approx(expected, rel=1e-5)


def test_the_target_net_is_asked_and_never_changed() -> None:
    online, target = net(1.0), net(4.0)
    everything = torch.optim.SGD([*online.parameters(), *target.parameters()], lr=0.1)
    loss = Learner(squared, online, target, everything, None).update(batch([[1.0]], weights=[1.0], discount=0.5))
    assert loss.per_sample.tolist() == [1.0]  # (0.5 * 4 - 1)^2
    assert weights_of(online) == pytest.approx([1 + 0.1 * 2])
    assert weights_of(target) == [4.0]
    assert target.weight.grad is None


class NoisyNet(nn.Linear):
    """A net with a part that draws."""

    def __init__(self) -> None:
        super().__init__(1, 1, bias=False)
        self.part = Stochastic()


def test_both_nets_draw_once_in_an_update_and_not_outside() -> None:
    online, target, drew = NoisyNet(), NoisyNet(), []

    def loss(online_net: nn.Module, target_net: nn.Module, two: Batch) -> Loss:
        drew.append([part.draws for net in (online_net, target_net) for part in stochastic_parts(net)])
        return squared(online_net, target_net, two)

    Learner(loss, online, target, torch.optim.SGD(online.parameters(), lr=0.1), None).update(TWO)
    assert drew == [["once", "once"]]
    assert [online.part.draws, target.part.draws] == ["nothing", "nothing"]


@pytest.mark.parametrize("updates_per_reading", [1, 2, 32])
def test_means_for_the_log_are_over_the_updates_since_the_last_reading(updates_per_reading: int) -> None:
    learning = learner(net(1.0), rate=0.0, updates_per_reading=updates_per_reading)
    assert learning.read_means() == {}
    learning.update(TWO)  # loss 1.5, mean error 1.5
    learning.update(batch([[1.0], [4.0]], weights=[1.0, 1.0]))  # loss (1 + 16) / 2, mean error 2.5
    assert learning.read_means() == pytest.approx({"loss": (1.5 + 8.5) / 2, "td_error": (1.5 + 2.5) / 2})
    assert learning.read_means() == {}
    learning.update(TWO)
    assert learning.read_means() == pytest.approx({"loss": 1.5, "td_error": 1.5})


@pytest.mark.parametrize("updates_per_reading", [1, 3])
def test_a_learner_that_goes_on_from_a_state_has_the_same_means(updates_per_reading: int) -> None:
    torch.manual_seed(0)
    batches = [batch(torch.randn(4, 2).tolist(), weights=[1.0, 0.3, 0.7, 0.1]) for _ in range(11)]

    def fresh(online: nn.Linear) -> Learner:
        return learner(online, rate=0.01, updates_per_reading=updates_per_reading)

    whole_net, net_of_parts = net(0.3, -0.2), net(0.3, -0.2)
    whole, first_part, second_part = fresh(whole_net), fresh(net_of_parts), fresh(net_of_parts)
    second_part.update(batch([[9.0, 9.0]], weights=[1.0]))  # forgotten with load_state
    net_of_parts.load_state_dict(whole_net.state_dict())
    for each in batches:
        whole.update(each)
    for each in batches[:7]:
        first_part.update(each)
    second_part.load_state(json.loads(json.dumps(first_part.state())))
    for each in batches[7:]:
        second_part.update(each)
    assert second_part.updates_made == whole.updates_made == 11
    assert second_part.read_means() == whole.read_means()  # to the last bit: they stand in the log
    assert second_part.read_means() == {}


def test_a_state_that_lacks_a_part_changes_nothing() -> None:
    learning = learner(net(1.0), rate=0.0)
    learning.update(TWO)
    state = learning.state()
    del state["updates_made"]
    with pytest.raises(KeyError):
        learning.load_state({**state, "sums": [9.0, 9.0]})
    assert learning.read_means() == pytest.approx({"loss": 1.5, "td_error": 1.5})


@pytest.mark.parametrize(("tau", "expected"), [(0.25, 2.5), (0.75, 5.5), (1.0, 7.0)])
def test_copies_move_the_target_by_tau(tau: float, expected: float) -> None:
    online, target = net(7.0), net(1.0)
    copy_weights(online, target, tau)
    assert weights_of(target) == [expected]  # (1 - tau) * 1 + tau * 7
    assert weights_of(online) == [7.0]
    online.weight.data.fill_(0.0)
    assert weights_of(target) == [expected]  # a copy, no second name for the same weight


@pytest.mark.parametrize("tau", [0.25, 1.0])
def test_running_statistics_are_copied_whole(tau: float) -> None:
    online, target = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    online(torch.tensor([[2.0], [4.0]]))
    copy_weights(online, target, tau)
    statistics: dict[str, Tensor] = dict(target.named_buffers())
    assert statistics["running_mean"].tolist() == pytest.approx([0.3])  # a tenth of the mean 3, the rest of 0
    assert statistics["running_var"].tolist() == pytest.approx([1.1])  # a tenth of the variance 2, the rest of 1
    assert statistics["num_batches_tracked"] == 1
