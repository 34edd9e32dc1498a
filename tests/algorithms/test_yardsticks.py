"""The yardsticks learn bit for bit what the stock classes do, built by hand or by RL-Zoo; the rest is refused."""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import rl_zoo3
import sb3_contrib
import stable_baselines3
import torch
from rl_zoo3.exp_manager import ExperimentManager
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from torch import Tensor

import dqn_zoo_ext.evaluation.protocols  # noqa: F401  # importing it registers what the files name
from dqn_zoo_ext.algorithms import SB3DQN, SB3QRDQN
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.build import build_model, build_policy, build_venv
from dqn_zoo_ext.learning.model import Model
from dqn_zoo_ext.learning.schedules import AsProgress, Exponential, Linear, Piecewise
from dqn_zoo_ext.storage.agent_file import read_policy_weights, write_agent

Stock = Callable[..., OffPolicyAlgorithm]
ZOO = Path(rl_zoo3.__file__).parent / "hyperparams"
STOCK: dict[str, Stock] = {"sb3_dqn": stable_baselines3.DQN, "sb3_qrdqn": sb3_contrib.QRDQN}
RL_ZOOS = {"sb3_dqn": "dqn", "sb3_qrdqn": "qrdqn"}
COMMON = {"learning_starts": 100, "target_update_interval": 50, "gradient_steps": 2}
CARTPOLE = {
    "buffer_size": 400,
    "learning_rate": 2.3e-3,
    "batch_size": 64,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
    **COMMON,
}
KWARGS_OF_CARTPOLE: dict[str, dict[str, Any]] = {
    "sb3_dqn": {"net_arch": [256, 256]},
    "sb3_qrdqn": {"net_arch": [256, 256], "n_quantiles": 10},
}
SMALL = {"buffer_size": 300, "learning_starts": 60, "target_update_interval": 40}


def trained(configuration: Configuration, agent_steps: int) -> Model:
    """As `train` would, without evaluations."""
    venv = build_venv(configuration, configuration.hyperparameters.n_envs, seed=5)
    model = build_model(configuration, venv, 5, "cpu")
    model.learn(agent_steps)
    venv.close()
    return model


def by_hand(stock: Stock, configuration: Configuration, agent_steps: int, **arguments: Any) -> OffPolicyAlgorithm:
    venv = build_venv(configuration, configuration.hyperparameters.n_envs, seed=5)
    model = stock(env=venv, seed=5, device="cpu", **arguments).learn(agent_steps)
    venv.close()
    return model


def assert_same(one: OffPolicyAlgorithm, other: OffPolicyAlgorithm) -> None:
    """Both networks, the optimizer and the replay; and that something was learned."""
    assert one._n_updates == other._n_updates > 0
    assert one.num_timesteps == other.num_timesteps
    of_one, of_other = one.policy.state_dict(), other.policy.state_dict()
    assert of_one.keys() == of_other.keys()
    for name, weight in of_one.items():
        assert torch.equal(weight, of_other[name]), name
    assert same(one.policy.optimizer.state_dict(), other.policy.optimizer.state_dict())
    assert one.replay_buffer is not None
    assert other.replay_buffer is not None
    assert type(one.replay_buffer) is type(other.replay_buffer)
    rows = one.replay_buffer.size()
    for array in ("observations", "actions", "rewards", "dones", "timeouts"):
        assert (getattr(one.replay_buffer, array)[:rows] == getattr(other.replay_buffer, array)[:rows]).all()


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    return bool(one == other)


@pytest.mark.parametrize("algo", STOCK)
@pytest.mark.parametrize(("n_envs", "n_steps"), [(1, 1), (4, 3)])
def test_on_cartpole_it_is_the_stock_class(algo: str, n_envs: int, n_steps: int) -> None:
    overrides = {**CARTPOLE, "train_freq": 8, "n_envs": n_envs, "n_steps": n_steps}
    ours = trained(load(algo, resolve("CartPole-v1"), overrides=overrides), 600)
    kwargs = {"policy_kwargs": KWARGS_OF_CARTPOLE[algo], "train_freq": 8 // n_envs, "n_steps": n_steps}
    configuration = load("dqn", resolve("CartPole-v1"), overrides={"n_envs": n_envs})  # only for its environments
    assert_same(ours, by_hand(STOCK[algo], configuration, 600, policy="MlpPolicy", **CARTPOLE, **kwargs))


@pytest.mark.parametrize("algo", STOCK)
def test_on_atari_it_is_the_stock_class(algo: str) -> None:
    configuration = load(algo, resolve("PongNoFrameskip-v4"), overrides=SMALL)
    ours = trained(configuration, 100)
    rate, end, fraction = (1e-4, 0.01, 0.1) if algo == "sb3_dqn" else (5e-5, 0.01, 0.025)
    epsilon = {"exploration_final_eps": end, "exploration_fraction": fraction}
    assert_same(
        ours, by_hand(STOCK[algo], configuration, 100, policy="CnnPolicy", learning_rate=rate, **SMALL, **epsilon)
    )


def by_rl_zoo(algo: str, env: str, folder: Path, n_timesteps: int, **hyperparams: Any) -> OffPolicyAlgorithm:
    manager = ExperimentManager(
        argparse.Namespace(),
        RL_ZOOS[algo],
        env,
        str(folder),
        n_timesteps=n_timesteps,
        eval_freq=-1,
        hyperparams=hyperparams,
        seed=5,
        log_interval=-1,
        device="cpu",
        verbose=0,
    )
    found = manager.setup_experiment()
    assert found is not None
    model = found[0]
    assert isinstance(model, OffPolicyAlgorithm)
    manager.learn(model)
    assert model.env is not None
    model.env.close()
    return model


@pytest.mark.parametrize("algo", STOCK)
@pytest.mark.parametrize(
    ("env", "n_timesteps", "changes"),
    [
        ("CartPole-v1", 1_100, {"gradient_steps": 40}),
        ("LunarLander-v3", 400, {"learning_starts": 200, "gradient_steps": 4}),
        ("PongNoFrameskip-v4", 100, SMALL),
    ],
)
def test_rl_zoos_own_file_means_what_it_means_to_rl_zoo(
    algo: str, env: str, n_timesteps: int, changes: Mapping[str, Any], tmp_path: Path
) -> None:
    theirs = by_rl_zoo(algo, env, tmp_path, n_timesteps, **changes)
    overrides = {**changes, "n_timesteps": n_timesteps}
    file = ZOO / f"{RL_ZOOS[algo]}.yml"
    configuration = load(algo, resolve(env), conf_file=file, overrides=overrides)
    assert_same(trained(configuration, n_timesteps), theirs)
    # our own files hold the same values: see algorithms/sb3_dqn.yml
    ours = load(algo, resolve(env), overrides={"buffer_size": 1_000, **overrides}).hyperparameters.as_plain_data()
    zoos = configuration.hyperparameters.as_plain_data()
    for key in ours.keys() - {"eval_protocol", "eval_freq", "eval_episodes", "policy_kwargs", "buffer_size"}:
        assert ours[key] == zoos[key], key


def test_a_line_in_agent_steps_is_the_same_line_as_a_fraction_of_the_run() -> None:
    env = partial(make_vec_env, "CartPole-v1")
    given = SB3DQN("MlpPolicy", env(), exploration=Linear(1.0, 0.1, agent_steps=150), learning_starts=1_000)
    stock = stable_baselines3.DQN("MlpPolicy", env(), exploration_fraction=0.25, exploration_final_eps=0.1)
    given.learn(600)
    assert given.exploration_rate == 0.1
    assert [given.exploration_schedule(left / 10) for left in range(11)] == [
        stock.exploration_schedule(left / 10) for left in range(11)
    ]


def test_a_learning_rate_follows_any_schedule() -> None:
    rate = Piecewise([(0, 1e-3), (100, 1e-4)])
    model = SB3DQN("MlpPolicy", make_vec_env("CartPole-v1"), learning_rate=rate, learning_starts=10)
    assert isinstance(model.learning_rate, AsProgress)
    model.learn(48)
    assert model.policy.optimizer.param_groups[0]["lr"] == pytest.approx(rate.at(48, 48))


def test_without_a_norm_to_cut_to_nothing_is_cut() -> None:
    model = SB3DQN("MlpPolicy", make_vec_env("CartPole-v1"), max_grad_norm=None)
    gradient = torch.tensor([3e15, -1e-20])
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = gradient.clone()
    torch.nn.utils.clip_grad_norm_([weight], model.max_grad_norm)
    assert torch.equal(weight.grad, gradient)


@pytest.mark.parametrize(
    ("batch_size", "keywords", "eps"), [(32, "{}", 0.01 / 32), (50, "{}", 2e-4), (50, "{eps: 0.1}", 0.1)]
)
def test_qrdqns_epsilon_of_adam_is_the_papers_unless_told_otherwise(batch_size: int, keywords: str, eps: float) -> None:
    overrides = {"batch_size": batch_size, "optimizer_kwargs": keywords}
    configuration = load("sb3_qrdqn", resolve("CartPole-v1"), overrides=overrides)
    venv = build_venv(configuration, 1, seed=0)
    assert build_model(configuration, venv, 0, "cpu").policy.optimizer.defaults["eps"] == eps
    venv.close()


@pytest.mark.parametrize("algo", STOCK)
def test_an_agent_is_read_back_without_unpickling(algo: str, tmp_path: Path) -> None:
    overrides = {"policy_kwargs.activation": "tanh", "policy_kwargs.net_arch": "[8]"}
    configuration = load(algo, resolve("CartPole-v1"), overrides=overrides)
    venv = build_venv(configuration, 1, seed=0)
    model = build_model(configuration, venv, 0, "cpu")
    write_agent(model, tmp_path / "agent.zip")
    policy = build_policy(configuration, venv.observation_space, venv.action_space, "cpu")
    policy.load_state_dict(read_policy_weights(tmp_path / "agent.zip"))
    seen = torch.randn(64, 4).numpy()
    assert (policy.predict(seen, deterministic=True)[0] == model.policy.predict(seen, deterministic=True)[0]).all()
    assert any(isinstance(module, torch.nn.Tanh) for module in policy.modules())
    venv.close()


def test_stable_baselines3_loads_it_too(tmp_path: Path) -> None:
    exploration = Linear(1.0, 0.1, agent_steps=50)
    model = SB3QRDQN("MlpPolicy", make_vec_env("CartPole-v1", 2), exploration=exploration, learning_starts=20)
    model.learn(100).save(tmp_path / "agent.zip")
    loaded = SB3QRDQN.load(tmp_path / "agent.zip", env=make_vec_env("CartPole-v1", 2))
    assert loaded.train_freq == model.train_freq
    assert loaded.learn(50).num_timesteps == 52


def test_weights_that_are_not_finite_are_told() -> None:
    model = SB3DQN("MlpPolicy", make_vec_env("CartPole-v1"))
    model.check_finite()
    with torch.no_grad():
        dict(model.q_net.named_parameters())["q_net.0.weight"][0, 0] = torch.nan
    with pytest.raises(UserError, match=r"^weight q_net.0.weight is not finite after 0 updates; lower learning_rate$"):
        model.check_finite()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "mse"}, "loss: must be 'huber', not 'mse': Stable-Baselines3 does nothing else"),
        (
            {"replay_buffer_class": "frame_ring"},
            "replay_buffer_class: must be 'sb3', not 'frame_ring': Stable-Baselines3 does nothing else",
        ),
        (
            {"exploration_begins": "learning_starts"},
            "exploration_begins: must be 'start', not 'learning_starts': Stable-Baselines3 does nothing else",
        ),
        (
            {"target_update_unit": "updates"},
            "target_update_unit: must be 'agent_steps', not 'updates': Stable-Baselines3 does nothing else",
        ),
        (
            {"exploration": "{schedule: exponential, start: 1, end: 0.1, rate: 0.001}"},
            "exploration: must be linear or constant in Stable-Baselines3, not 'exponential'",
        ),
        (
            {"n_envs": 3},
            "train_freq: 256 transitions are no whole number of steps of 3 environments, and Stable-Baselines3 learns "
            "after whole steps only",
        ),
        ({"policy_kwargs.torso": "nips"}, "policy_kwargs.torso: must be 'flatten', not 'nips'"),
        (
            {"policy_kwargs.head_kwargs": "{}"},
            "unknown keyword 'head_kwargs' of policy 'MlpPolicy'; choose one of activation, head, ",
        ),
        ({"policy": "NoPolicy"}, "unknown policy 'NoPolicy'; did you mean 'CnnPolicy'?"),
    ],
)
@pytest.mark.parametrize("algo", STOCK)
def test_what_stable_baselines3_cannot_do_is_refused(algo: str, changes: Mapping[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        load(algo, resolve("CartPole-v1"), overrides=changes)
    [key] = changes
    where = "hyperparams/classic_control/CartPole-v1.yml:20" if key == "n_envs" else "-params"
    assert str(caught.value).startswith(f"{where}: {message}")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"loss": "mse"}, r"^loss must be 'huber', not 'mse'$"),
        ({"exploration": Exponential(1.0, 0.1, 0.1)}, r"^exploration must be linear or constant, not Exponential$"),
        ({"train_freq": 3}, r"^3 transitions are no whole number of steps of 2 environments"),
    ],
)
def test_so_it_is_from_python(argument: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SB3DQN("MlpPolicy", make_vec_env("CartPole-v1", 2), **argument)


def test_the_courses_memory_saving_is_stable_baselines3s_own(tmp_path: Path) -> None:
    text = """
atari:
  policy: CnnPolicy
  n_timesteps: 1000
  env_wrapper: [stable_baselines3.common.atari_wrappers.AtariWrapper]
  frame_stack: 4
  buffer_size: 500
  optimize_memory_usage: {}
  replay_buffer_kwargs: "dict(handle_timeout_termination=False)"
"""
    conf = tmp_path / "conf.yml"
    for saves in (True, False):
        conf.write_text(text.format(str(saves)))
        configuration = load("sb3_dqn", resolve("PongNoFrameskip-v4"), conf_file=conf)
        venv = build_venv(configuration, 1, seed=0)
        buffer = build_model(configuration, venv, 0, "cpu").replay_buffer
        venv.close()
        assert buffer is not None
        assert (buffer.optimize_memory_usage, buffer.handle_timeout_termination) == (saves, False)
        assert configuration.hyperparameters.preprocessing == "sb3_atari"
