"""Updates operation by operation: next states of several batches in one pass of the target network."""

from collections.abc import Generator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dqn_zoo_ext.algorithms import DQN, IQN, QRDQN, DoubleDQN, MunchausenDQN
from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.policies import QNetwork
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.updates import eager


def filled(algorithm: type[DeepQ] = DQN, **arguments: Any) -> DeepQ:
    """With a ring full of random play of Pong, and no update made."""
    model = algorithm(
        "CnnPolicy",
        AleVecEnv("pong", 2),
        **{"replay_buffer_class": "frame_ring", **arguments},
        buffer_size=200,
        learning_starts=1_000,
        policy_kwargs={"torso": "nips"},
        learning_rate=1e-3,
        seed=1,
    )
    return model.learn(240)


def passes_of(network: nn.Module) -> list[int]:
    """Filled with the sizes of what the network's torso looks at."""
    seen: list[int] = []
    assert isinstance(network, QNetwork)
    network.features_extractor.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    return seen


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [16, 12]),
        ({"target_update_unit": "updates", "target_update_interval": 3}, [12, 12, 4]),
        ({"target_update_unit": "updates", "target_update_interval": 100}, [16, 12]),
        ({"replay_buffer_class": "prioritized_ring"}, [4] * 7),
    ],
)
def test_next_states_are_looked_at_together_while_the_target_stands_still(
    arguments: dict[str, Any], expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eager, "ROWS_AT_ONCE", 18)  # four batches, and not a part of the fifth
    model = filled(**arguments)
    seen = passes_of(model.q_net_target)
    model.train(7, 4)
    assert seen == expected


class Curious(FrameRing):
    """A ring of somebody's own that takes note of what was found."""

    def learned_from(self, cells: Tensor, priority: Tensor) -> None:
        super().learned_from(cells, priority)


def test_a_ring_that_takes_note_of_what_was_found_is_drawn_from_one_by_one() -> None:
    model = filled(replay_buffer_class=Curious)
    seen = passes_of(model.q_net_target)
    model.train(3, 4)
    assert seen == [4, 4, 4]


def test_large_batches_are_looked_at_one_by_one() -> None:
    model = filled()
    seen = passes_of(model.q_net_target)
    model.train(4, 64)
    model.train(2, 100)
    assert seen == [128, 128, 100, 100]


def test_groups_end_where_the_target_changes_whatever_was_before() -> None:
    model = filled(target_update_unit="updates", target_update_interval=5)
    model.train(3, 32)
    seen = passes_of(model.q_net_target)
    model.train(7, 32)
    assert seen == [2 * 32, 4 * 32, 1 * 32]


@pytest.mark.parametrize("algorithm", [DQN, DoubleDQN, QRDQN, IQN, MunchausenDQN])
@pytest.mark.parametrize("unit", ["agent_steps", "updates"])
def test_together_they_are_what_they_are_one_by_one(
    algorithm: type[DeepQ], unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learned(at_once: int) -> list[Tensor]:
        monkeypatch.setattr(eager, "ROWS_AT_ONCE", at_once)
        model = filled(algorithm, target_update_unit=unit, target_update_interval=3)
        before = [weight.clone() for weight in model.q_net.parameters()]
        torch.manual_seed(5)  # for fractions
        model.train(5, 4)
        assert all(not torch.equal(*each) for each in zip(before, model.q_net.parameters(), strict=True))
        return list(model.q_net.parameters())

    for one, other in zip(learned(4), learned(16), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_what_was_looked_at_is_forgotten_afterwards() -> None:
    model = filled()
    updates = eager.eager_updates(model.learner, model.replay_buffer, 4, 3, None)  # type: ignore[arg-type]
    target = model.q_net_target
    assert isinstance(target, QNetwork)
    next(updates)
    assert len(target._seen_ahead) == 3
    assert isinstance(updates, Generator)
    updates.close()
    assert not target._seen_ahead
