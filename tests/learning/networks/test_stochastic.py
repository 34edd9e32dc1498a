"""Where networks draw random numbers: inside of ``drawing`` and nowhere else."""

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from dqn_zoo_ext.learning.networks.layers import NoisyLinear
from dqn_zoo_ext.learning.networks.stochastic import Draws, Stochastic, drawing
from dqn_zoo_ext.learning.policies import MlpPolicy

PARTS: dict[str, dict[str, Any]] = {
    "noisy": {"layer": "noisy"},
    "dueling and noisy": {"head": "dueling", "layer": "noisy"},
    "implicit quantiles": {"distribution": "implicit_quantile"},
    "all together": {"head": "dueling", "layer": "noisy", "distribution": "implicit_quantile"},
}
EQUAL_ROWS = torch.full((5, 4), 0.5)


def policy(parts: str) -> MlpPolicy:
    torch.manual_seed(0)
    space = spaces.Box(-2, 2, (4,), np.float32)
    return MlpPolicy(space, spaces.Discrete(3), lambda _: 1e-3, net_arch=[16], **PARTS[parts])


def draws_nothing(generator: Tensor) -> bool:
    return torch.equal(torch.get_rng_state(), generator)


@pytest.mark.parametrize("parts", PARTS)
def test_nothing_is_drawn_outside(parts: str) -> None:
    network, generator = policy(parts).q_net, torch.get_rng_state()
    values = network(EQUAL_ROWS)
    assert torch.equal(network(EQUAL_ROWS), values)
    assert draws_nothing(generator)
    with drawing(network):
        assert not torch.equal(network(EQUAL_ROWS), values)
    assert not draws_nothing(generator)
    assert torch.equal(network(EQUAL_ROWS), values)


@pytest.mark.parametrize("parts", PARTS)
def test_every_call_inside_draws_anew(parts: str) -> None:
    network = policy(parts).q_net
    with drawing(network):
        assert not torch.equal(network(EQUAL_ROWS), network(EQUAL_ROWS))


@pytest.mark.parametrize("parts", PARTS)
def test_equal_numbers_from_equal_seeds(parts: str) -> None:
    network = policy(parts).q_net

    def drawn(seed: int) -> Tensor:
        torch.manual_seed(seed)
        with drawing(network, draws="for_each_row"):
            values: Tensor = network(EQUAL_ROWS)
            return values

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


@pytest.mark.parametrize("parts", ["noisy", "dueling and noisy"])
def test_noise_for_each_row_or_for_all_of_them(parts: str) -> None:
    network = policy(parts).q_net
    with drawing(network, draws="once"):
        values = network(EQUAL_ROWS)
    torch.testing.assert_close(values, values[:1].expand(5, -1))
    with drawing(network, draws="for_each_row"):
        values = network(EQUAL_ROWS)
    assert len({tuple(row.tolist()) for row in values}) == 5


def test_each_row_has_fractions_of_its_own_in_both_ways() -> None:
    network = policy("implicit quantiles").q_net
    for draws in ("once", "for_each_row"):
        with drawing(network, draws=draws):
            assert len({tuple(row.tolist()) for row in network(EQUAL_ROWS)}) == 5


def test_online_and_target_network_have_noise_of_their_own() -> None:
    made = policy("dueling and noisy")
    assert torch.equal(made.q_net(EQUAL_ROWS), made.q_net_target(EQUAL_ROWS))
    with drawing(made.q_net, made.q_net_target):
        assert not torch.equal(made.q_net(EQUAL_ROWS), made.q_net_target(EQUAL_ROWS))
    with drawing(made.q_net):
        assert not torch.equal(made.q_net(EQUAL_ROWS), made.q_net_target(EQUAL_ROWS))
        generator = torch.get_rng_state()
        made.q_net_target(EQUAL_ROWS)
        assert draws_nothing(generator)


def test_what_was_before_comes_back() -> None:
    def draws() -> list[Draws]:
        return [part.draws for part in network.modules() if isinstance(part, Stochastic)]

    network = torch.nn.Sequential(NoisyLinear(4, 4), torch.nn.ReLU(), NoisyLinear(4, 2))
    assert draws() == ["nothing", "nothing"]
    with drawing(network[0], draws="for_each_row"):
        with drawing(network, network):
            assert draws() == ["once", "once"]
        assert draws() == ["for_each_row", "nothing"]
    assert draws() == ["nothing", "nothing"]
    with pytest.raises(ZeroDivisionError), drawing(network):
        raise ZeroDivisionError
    assert draws() == ["nothing", "nothing"]


@pytest.mark.parametrize("parts", PARTS)
def test_a_deterministic_prediction_takes_no_random_number(parts: str) -> None:
    made, generator = policy(parts), torch.get_rng_state()
    observations = np.random.default_rng(0).uniform(-2, 2, (200, 4)).astype(np.float32)
    actions, _ = made.predict(observations, deterministic=True)
    assert np.array_equal(made.predict(observations, deterministic=True)[0], actions)
    assert draws_nothing(generator)
    made.predict(observations, deterministic=False)
    assert not draws_nothing(generator)
    generator = torch.get_rng_state()
    assert np.array_equal(made.predict(observations, deterministic=True)[0], actions)
    assert draws_nothing(generator)


def test_a_prediction_draws_for_each_environment() -> None:
    made = policy("noisy")
    actions, _ = made.predict(EQUAL_ROWS.numpy().repeat(20, axis=0), deterministic=False)
    assert len(set(actions.tolist())) > 1


def test_plain_networks_never_draw() -> None:
    torch.manual_seed(0)
    made = MlpPolicy(spaces.Box(-2, 2, (4,), np.float32), spaces.Discrete(3), lambda _: 1e-3, head="dueling")
    generator = torch.get_rng_state()
    with drawing(made.q_net):
        made.q_net(EQUAL_ROWS)
    made.predict(EQUAL_ROWS.numpy(), deterministic=False)
    assert draws_nothing(generator)
