"""The machine's contracts: what Stable-Baselines3's users rely on, and what is different here on purpose."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN as SB3DQN
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from dqn_zoo_ext.algorithms import DQN, DoubleDQN
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.exploration import epsilon_greedy
from dqn_zoo_ext.learning.optim import DeepMindRMSprop
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.replay.prioritized_ring import PrioritizedRing
from dqn_zoo_ext.learning.schedules import Constant, Linear, Piecewise


def cart_poles(n_envs: int = 1, seed: int = 0) -> VecEnv:
    return make_vec_env("CartPole-v1", n_envs=n_envs, seed=seed)


def small(algorithm: type[DeepQ] = DQN, n_envs: int = 1, **changes: Any) -> DeepQ:
    arguments: dict[str, Any] = {
        "learning_starts": 20,
        "batch_size": 8,
        "buffer_size": 500,
        "policy_kwargs": {"net_arch": [16]},
        "seed": 3,
        **changes,
    }
    return algorithm("MlpPolicy", cart_poles(n_envs), **arguments)


def weights(model: SB3DQN) -> bytes:
    return b"".join(value.numpy().tobytes() for value in model.policy.state_dict().values())


@pytest.mark.parametrize("algorithm", [DQN, DoubleDQN])
@pytest.mark.parametrize("replay", ["frame_ring", "prioritized_ring", "sb3"])
def test_equal_seeds_give_equal_weights(algorithm: type[DeepQ], replay: str) -> None:
    def trained(seed: int) -> bytes:
        return weights(small(algorithm, n_envs=2, seed=seed, replay_buffer_class=replay).learn(200))

    assert trained(1) == trained(1)
    assert trained(1) != trained(2)


def test_it_is_a_stable_baselines3_dqn_with_its_initial_weights() -> None:
    ours = small()
    theirs = SB3DQN("MlpPolicy", cart_poles(), policy_kwargs={"net_arch": [16]}, seed=3)
    assert isinstance(ours, SB3DQN)
    assert list(ours.policy.state_dict()) == list(theirs.policy.state_dict())
    assert weights(ours) == weights(theirs)


def test_one_update_equals_stable_baselines3s() -> None:
    """The slow twin of the learner: the same batch through SB3's own train() gives the same weights."""
    ours, theirs = (
        small(max_grad_norm=10.0),
        SB3DQN("MlpPolicy", cart_poles(), policy_kwargs={"net_arch": [16]}, seed=3),
    )
    rng = np.random.default_rng(0)
    for model in (ours, theirs):
        model.set_logger(configure(None, []))
    for _ in range(50):
        obs, next_obs = rng.normal(size=(2, 1, 4)).astype(np.float32)
        row: tuple[Any, ...] = (obs, next_obs, rng.integers(2, size=1), rng.normal(size=1), rng.random(1) < 0.2, [{}])
        for model in (ours, theirs):
            assert model.replay_buffer is not None
            model.replay_buffer.add(*row)
    for model in (ours, theirs):
        np.random.seed(7)  # noqa: NPY002  # what SB3's buffer draws from
        model.train(gradient_steps=5, batch_size=16)
    for ours_now, theirs_now in zip(ours.q_net.parameters(), theirs.q_net.parameters(), strict=True):
        torch.testing.assert_close(ours_now, theirs_now, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("n_envs", "train_freq", "gradient_steps", "expected"),
    [(1, 4, 1, 25), (2, 4, 1, 25), (8, 4, 1, 25), (4, 10, 3, 30), (1, 25, -1, 100), (5, 1, 2, 200)],
)
def test_the_number_of_environments_never_changes_the_update_ratio(
    n_envs: int, train_freq: int, gradient_steps: int, expected: int
) -> None:
    model = small(n_envs=n_envs, train_freq=train_freq, gradient_steps=gradient_steps, learning_starts=40)
    model.learn(140)
    # 100 of the 140 transitions come after learning has started, whatever the number of environments
    slack = gradient_steps if gradient_steps > 0 else train_freq
    assert abs(model._n_updates - expected * (model.num_timesteps - 40) / 100) <= slack


def test_episodes_as_train_freq_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be given in episodes"):
        small(train_freq=(1, "episode"))


class _Watch(BaseCallback):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[float] = []
        self.epsilons: list[float] = []

    def _on_step(self) -> bool:
        assert isinstance(self.model, DeepQ)
        self.targets.append(float(next(self.model.q_net_target.parameters()).detach().sum()))
        self.epsilons.append(self.model.exploration_rate)
        return True


@pytest.mark.parametrize(
    ("unit", "interval", "n_envs", "copies"),
    # 124 agent steps; learning starts after 20, with an update every 2 transitions: 50 updates before the last look
    [("agent_steps", 30, 1, 4), ("agent_steps", 30, 4, 4), ("updates", 10, 1, 5), ("updates", 25, 2, 2)],
)
def test_target_copies_come_as_often_as_the_unit_says(unit: Any, interval: int, n_envs: int, copies: int) -> None:
    model = small(n_envs=n_envs, target_update_unit=unit, target_update_interval=interval, train_freq=2)
    watch = _Watch()
    model.learn(124, callback=watch)
    assert len(set(watch.targets)) - 1 == copies


def test_epsilon_follows_its_schedule_in_agent_steps() -> None:
    watch = _Watch()
    model = small(exploration=Linear(1.0, 0.0, agent_steps=50), exploration_begins="learning_starts", n_envs=2)
    model.learn(100, callback=watch)
    by_agent_step = dict(zip(range(2, 101, 2), watch.epsilons, strict=True))  # epsilon with which each step was taken
    assert by_agent_step[22] == 1.0
    assert by_agent_step[46] == pytest.approx(1 - 24 / 50)
    assert by_agent_step[100] == 0.0


def test_stable_baselines3s_exploration_arguments_mean_the_same() -> None:
    watch = _Watch()
    small(exploration_fraction=0.5, exploration_initial_eps=0.8, exploration_final_eps=0.2).learn(100, callback=watch)
    assert watch.epsilons[0] == 0.8
    assert watch.epsilons[25] == pytest.approx(0.5)
    assert watch.epsilons[-1] == pytest.approx(0.2)


def test_learning_rate_follows_a_schedule() -> None:
    model = small(learning_rate=Piecewise([(0, 1e-3), (100, 1e-4)]))
    assert model.policy.optimizer.param_groups[0]["lr"] == 1e-3
    model.learn(200)
    assert model.policy.optimizer.param_groups[0]["lr"] == 1e-4


def test_every_environment_has_its_own_coin() -> None:
    rng = np.random.default_rng(0)
    greedy = np.zeros(8, dtype=np.int64)
    explored = np.stack([epsilon_greedy(greedy, 0.5, 1_000_000, rng) > 0 for _ in range(4000)])
    assert explored.mean() == pytest.approx(0.5, abs=0.02)
    correlation = np.corrcoef(explored.T)
    assert np.abs(correlation - np.eye(8)).max() < 0.06  # independent: 4000 throws, four standard deviations


def test_exploring_actions_are_uniform() -> None:
    drawn = epsilon_greedy(np.zeros(60_000, dtype=np.int64), 1.0, 6, np.random.default_rng(0))
    assert np.abs(np.bincount(drawn, minlength=6) / 60_000 - 1 / 6).max() < 0.008


def test_save_load_predict(tmp_path: Path) -> None:
    model = small(
        exploration=Constant(0.1),
        replay_buffer_class="frame_ring",
        policy_kwargs={"net_arch": [16], "optimizer_class": DeepMindRMSprop, "optimizer_kwargs": {"eps": 0.01}},
    ).learn(100)
    model.save(tmp_path / "agent")
    loaded = DQN.load(tmp_path / "agent", env=cart_poles())
    assert weights(loaded) == weights(model)
    assert isinstance(loaded.policy.optimizer, DeepMindRMSprop)
    state, again = (m.policy.optimizer.state_dict()["state"] for m in (model, loaded))
    assert all(torch.equal(state[i][name], again[i][name]) for i in state for name in ("mean", "square"))
    obs = np.zeros((5, 4), dtype=np.float32)
    np.testing.assert_array_equal(loaded.predict(obs, deterministic=True)[0], model.predict(obs, deterministic=True)[0])
    assert loaded.predict(obs[0])[0].shape == ()
    loaded.learn(50, reset_num_timesteps=False)
    assert loaded.num_timesteps == 150
    assert loaded.exploration_rate == 0.1


def test_replay_survives_a_file_and_a_reset_is_a_cut(tmp_path: Path) -> None:
    model = small(replay_buffer_class="frame_ring").learn(60)
    model.save_replay_buffer(tmp_path / "replay")
    loaded = small(replay_buffer_class="frame_ring")
    loaded.load_replay_buffer(tmp_path / "replay")
    assert isinstance(loaded.replay_buffer, FrameRing)
    assert loaded.replay_buffer.rows_added == 60
    loaded.learn(10)  # the environments begin anew: the last stored state has no successor
    assert bool(loaded.replay_buffer.cuts[59] | loaded.replay_buffer.ends[59])


def test_stable_baselines3s_callbacks_and_logger(tmp_path: Path) -> None:
    model = small()
    model.set_logger(configure(str(tmp_path), ["csv", "tensorboard"]))
    checkpoint = CheckpointCallback(50, str(tmp_path), "model")
    model.learn(200, callback=[EvalCallback(cart_poles(), eval_freq=100, n_eval_episodes=1, verbose=0), checkpoint])
    columns = (tmp_path / "progress.csv").read_text().splitlines()[0].split(",")
    assert {"train/loss", "train/td_error", "rollout/exploration_rate", "train/learning_rate"} <= set(columns)
    assert (tmp_path / "model_200_steps.zip").is_file()


def test_stock_dqn_learns_from_the_ring() -> None:
    model = SB3DQN("MlpPolicy", cart_poles(2), learning_starts=10, buffer_size=100, replay_buffer_class=FrameRing)
    model.learn(60)
    assert model._n_updates > 0


def test_n_step_windows_reach_the_learner() -> None:
    for replay in ("frame_ring", "sb3"):
        model = small(n_steps=3, replay_buffer_class=replay).learn(60)
        discounts = set(np.round(model._draw(64).discount_t.tolist(), 6))
        assert discounts <= {0.0, round(0.99**3, 6)} | {round(0.99**m, 6) for m in (1, 2)}
        assert round(0.99**3, 6) in discounts


def test_a_bandit_is_solved() -> None:
    class Bandit(gym.Env[np.ndarray, np.int64]):
        """One state, three arms paying 0, 1 and 0.5; every pull ends the episode."""

        observation_space = gym.spaces.Box(0, 1, (2,))
        action_space = gym.spaces.Discrete(3)

        def reset(
            self, *, seed: int | None = None, options: dict[str, Any] | None = None
        ) -> tuple[np.ndarray, dict[str, Any]]:
            super().reset(seed=seed, options=options)
            return np.ones(2, dtype=np.float32), {}

        def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
            return np.ones(2, dtype=np.float32), (0.0, 1.0, 0.5)[int(action)], True, False, {}

    for algorithm in (DQN, DoubleDQN):
        model = algorithm(
            "MlpPolicy",
            Bandit(),
            learning_rate=0.01,
            learning_starts=30,
            seed=0,
            train_freq=1,
            policy_kwargs={"net_arch": [8]},
        ).learn(400)
        values = model.q_net(torch.ones(1, 2)).detach()[0]
        torch.testing.assert_close(values, torch.tensor([0.0, 1.0, 0.5]), atol=0.05, rtol=0)


def test_updates_wait_until_there_is_a_whole_window() -> None:
    model = small(n_envs=4, learning_starts=0, train_freq=1, n_steps=3, replay_buffer_class="frame_ring")
    model.learn(40)  # the first rows hold no window of three steps
    assert model._n_updates == 40 - 3 * 4


def test_an_agent_that_goes_on_with_an_empty_replay_fills_it_first(tmp_path: Path) -> None:
    small(n_envs=8, replay_buffer_class="frame_ring", train_freq=4, learning_starts=80).learn(400).save(
        tmp_path / "agent"
    )
    model = DQN.load(tmp_path / "agent", env=cart_poles(8))
    before = model._n_updates
    model.learn(160, reset_num_timesteps=False)
    assert model._n_updates - before == (160 - 80) / 4
    assert model.exploration_rate == 0.05  # it acts as it has learned to, from the first step on


def test_a_run_stopped_by_a_callback_goes_on_with_a_cut() -> None:
    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return self.num_timesteps < 30

    model = small(n_envs=2, replay_buffer_class="frame_ring")
    model.learn(100, callback=Stop())
    ring = model.replay_buffer
    assert isinstance(ring, FrameRing)
    stored = ring.rows_added
    model.learn(20, reset_num_timesteps=False)
    newest = slice((stored - 1) * 2, stored * 2)
    assert bool((ring.cuts[newest] | ring.ends[newest]).all())


def test_the_ring_and_vec_normalize_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="does not know VecNormalize"):
        DQN("MlpPolicy", VecNormalize(cart_poles()), replay_buffer_class="frame_ring")


def test_n_steps_reach_any_buffer_that_takes_them_and_are_never_dropped() -> None:
    class Plain(ReplayBuffer):
        """Knows nothing of windows."""

    assert small(replay_buffer_class=Plain).n_steps == 1
    with pytest.raises(ValueError, match="Plain takes no n_steps, and n_steps is 3"):
        small(replay_buffer_class=Plain, n_steps=3)
    assert small(replay_buffer_class=NStepReplayBuffer, n_steps=3).replay_buffer.n_steps == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("law", ["proportional", "rank"])
def test_priorities_are_what_was_learned_and_beta_follows_the_run(law: str) -> None:
    keywords = {"law": law, "updates_per_sorting": 5}
    model = small(n_envs=2, n_steps=3, gamma=0.9, replay_buffer_class="prioritized_ring", replay_buffer_kwargs=keywords)
    model.learn(100)
    ring = model.replay_buffer
    assert isinstance(ring, PrioritizedRing)
    assert (ring.n_steps, ring.gamma) == (3, 0.9)
    assert ring.beta == pytest.approx(1.0)
    first, last = ring._drawable_range()
    assert len(ring.law.masses.of(torch.arange(first, last)).unique()) > 10
    batch = model._draw(8)
    loss = model.learner.update(batch)
    ring.learned_from(batch.cells, loss.priority)
    expected = ring.law.mass_of(loss.priority)
    for cell in set(batch.cells.tolist()):
        largest = expected[batch.cells == cell].max()
        assert ring.law.masses.of(torch.tensor([cell])).item() == pytest.approx(largest.item())


def test_a_buffer_can_be_named_when_an_agent_is_loaded(tmp_path: Path) -> None:
    small().learn(30).save(tmp_path / "agent")
    assert isinstance(DQN.load(tmp_path / "agent", replay_buffer_class="frame_ring").replay_buffer, FrameRing)
