"""How often actions stick in the games that are built, and a bound on what is built from anybody's configuration."""

import pytest
import torch
from torch import nn

from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.experiment.build import TooLarge, build_venv, parameters_at_most, played_stickiness


class Module(nn.Module):
    """One parameter, one buffer, one that is none, and a buffer that no state dict has."""

    def __init__(self, parameters: int, buffers: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(parameters))
        self.register_buffer("support", torch.zeros(buffers), persistent=False)
        self.register_buffer("none", None)
        self.register_parameter("bias", None)


@pytest.mark.parametrize(("parameters", "buffers", "name"), [(101, 0, "weight"), (0, 101, "support"), (51, 50, "sup")])
def test_parameters_and_buffers_together(parameters: int, buffers: int, name: str) -> None:
    message = rf"^a network with more than 100 parameters \('{name}.*'\) is not that agent's$"
    with parameters_at_most(100), pytest.raises(TooLarge, match=message):
        Module(parameters, buffers)
    with parameters_at_most(101):
        Module(parameters, buffers)


def test_over_all_modules_and_only_meanwhile() -> None:
    with parameters_at_most(100):
        Module(20, 30)
        Module(20, 30)
        with pytest.raises(TooLarge):
            Module(0, 1)
    Module(1_000, 1_000)


@pytest.mark.parametrize(
    ("env", "override", "protocol", "expected"),
    [
        ("PongNoFrameskip-v4", {}, "rl-zoo", 0.0),
        ("PongNoFrameskip-v4", {"env_kwargs.repeat_action_probability": 0.25}, "rl-zoo", 0.25),
        ("PongNoFrameskip-v4", {"preprocessing_kwargs.repeat_action_probability": 0.1}, None, 0.1),
        ("PongNoFrameskip-v4", {"env_kwargs.repeat_action_probability": 0.25}, "nature-2015", 0.0),
        ("ALE/Pong-v5", {}, "rl-zoo", 0.25),
        ("ALE/Pong-v5", {"env_kwargs.repeat_action_probability": 0.0}, "rl-zoo", 0.0),
        ("ALE/Pong-v5", {}, None, 0.25),
        ("PongNoFrameskip-v4", {}, "machado-2018", 0.25),
    ],
)
def test_how_often_actions_stick_is_what_the_emulators_are_told(
    env: str, override: dict[str, float], protocol: str | None, expected: float
) -> None:
    of, rules = load("dqn", resolve(env), overrides=override), None if protocol is None else protocols.get(protocol)
    assert played_stickiness(of, rules) == expected
    venv = build_venv(of, 1, seed=1, evaluation=None if rules is None else rules.rules)
    try:
        assert isinstance(venv.unwrapped, AleVecEnv)
        assert venv.unwrapped.rules.repeat_action_probability == expected
    finally:
        venv.close()


def test_an_evaluations_own_arguments_count_and_outside_atari_nothing_is_known() -> None:
    pong, sticky = load("dqn", resolve("Pong")), {"repeat_action_probability": 0.5}
    assert played_stickiness(pong, protocols.get("rl-zoo"), sticky) == 0.5
    assert played_stickiness(pong, protocols.get("nature-2015"), sticky) == 0.0
    assert played_stickiness(load("dqn", resolve("CartPole-v1")), protocols.get("greedy")) is None
