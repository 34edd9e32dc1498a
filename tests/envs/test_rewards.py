"""Steps of `reward`: golden values by hand, the loop that they replace, and real games through every preprocessing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from going_on import fingerprint, go_on
from gymnasium.spaces import Box, Discrete
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper

from dqn_zoo_ext import registry
from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.envs.make import make_vec_env
from dqn_zoo_ext.envs.replaying.vec_state import can_resume, restore, state_of
from dqn_zoo_ext.envs.request import EnvRequest
from dqn_zoo_ext.envs.rewarded_vec_env import RewardedVecEnv
from dqn_zoo_ext.envs.rewards import StepName, applied, steps_of
from dqn_zoo_ext.envs.rules import EvaluationRules
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.learning.loop import works_in_background

EVALUATION = EvaluationRules(noop_max=0, max_frames_per_game=2_000)
FALLEN: list[StepName] = [{"at_end": {"reward": -50}}]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], [-7.0, 0.0, 0.25, 30.0]),
        (["raw"], [-7.0, 0.0, 0.25, 30.0]),
        (["sign"], [-1.0, 0.0, 1.0, 1.0]),
        (["clip"], [-1.0, 0.0, 0.25, 1.0]),
        ([{"clip": {"low": -5, "high": 20}}], [-5.0, 0.0, 0.25, 20.0]),
        ([{"scaled": {"factor": 0.5}}], [-3.5, 0.0, 0.125, 15.0]),
        (FALLEN, [-7.0, -50.0, 0.25, -50.0]),
        (["sign", *FALLEN], [-1.0, -50.0, 1.0, -50.0]),
        ([*FALLEN, "sign"], [-1.0, -1.0, 1.0, -1.0]),  # in the order given
        ([*FALLEN, {"scaled": {"factor": 0.5}}, {"clip": {"low": -10}}], [-3.5, -10.0, 0.125, -10.0]),
    ],
)
def test_by_hand(names: Sequence[StepName], expected: list[float]) -> None:
    received = np.array([-7.0, 0.0, 0.25, 30.0], dtype=np.float32)
    before = received.copy()
    came = applied(steps_of(names), received, np.array([False, True, False, True]))
    assert came.tolist() == expected
    assert came.dtype == np.float32
    assert np.array_equal(received, before)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["sing"], "unknown reward 'sing'; did you mean 'sign'"),
        (["at_end"], "reward 'at_end' needs 'reward'"),
        ([{"scaled": {"factor": 0}}], "reward.factor: must be above 0, not 0"),
        ([{"scaled": {"by": 2}}], "unknown keyword 'by' of reward 'scaled'"),
        ([{"clip": {"low": 1, "high": 1}}], "low must be below high, not 1 and 1"),
        ([{"clip": 3}], "the keywords of 'clip' must be a mapping, not 3"),
        ([{"clip": {}, "sign": {}}], "must be a name or {name: keywords}"),
    ],
)
def test_what_is_no_step_is_one_line(names: Sequence[StepName], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        steps_of(names)
    assert "\n" not in str(caught.value)


class Scripted(VecEnv):
    """Two environments whose rewards, ends and cuts are written down. Rewards are float64, and one array for all."""

    def __init__(self, script: list[tuple[list[float], list[str]]]) -> None:
        super().__init__(2, Box(0, 1, (1,)), Discrete(2))
        self.script, self.at = script, 0
        self.rewards = np.zeros(2)

    def reset(self) -> Any:
        self.at = 0
        self.reset_infos = [{"lives": 3}, {"lives": 2}]
        return np.zeros((2, 1), dtype=np.float32)

    def step_async(self, actions: np.ndarray) -> None:
        pass

    def step_wait(self) -> Any:
        rewards, kinds = self.script[self.at]
        self.at += 1
        self.rewards[:] = rewards
        infos = [{"TimeLimit.truncated": kind == "cut"} for kind in kinds]
        return np.zeros((2, 1), np.float32), self.rewards, np.array([kind != "on" for kind in kinds]), infos

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> Any:  # noqa: ARG002
        return [None, None]  # the render mode, which its base class asks for

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_method(self, method_name: str, *arguments: Any, indices: Any = None, **keywords: Any) -> Any:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:  # noqa: ARG002
        return [False, False]


def test_a_cut_is_no_end_and_one_environments_end_is_not_anothers() -> None:
    inner = Scripted([([1, 1], ["on", "end"]), ([1, 1], ["cut", "on"]), ([2, 3], ["end", "cut"])])
    venv = RewardedVecEnv(inner, steps_of(FALLEN))
    venv.reset()
    assert venv.reset_infos == [{"lives": 3}, {"lives": 2}]
    came = [venv.step(np.zeros(2))[1] for _ in range(3)]
    assert [each.tolist() for each in came] == [[1, -50], [1, 1], [-50, 3]]
    assert all(each.dtype == np.float32 for each in came)
    assert inner.rewards.tolist() == [2, 3]  # what the environments keep is left alone


def make(env: str, reward: Sequence[StepName], **changes: Any) -> VecEnv:
    atari = resolve(env).family == "atari"
    arguments: dict[str, Any] = {
        "preprocessing": "atari" if atari else "none",
        "preprocessing_kwargs": {"noop_max": 0} if atari else {},
        "frame_stack": 4 if atari else 1,
        "env_kwargs": {},
        **changes,
    }
    return make_vec_env(resolve(env), arguments.pop("n_envs", 2), 7, reward=reward, **arguments)


def played(venv: VecEnv, agent_steps: int) -> tuple[list[Any], list[Any], list[Any], list[float]]:
    """Rewards, dones, cuts and scores of seeded random play."""
    assert isinstance(venv.action_space, Discrete)
    draw, rewards, dones, cuts, scores = np.random.default_rng(0), [], [], [], list[float]()
    venv.reset()
    for _ in range(agent_steps):
        _, reward, done, infos = venv.step(draw.integers(0, venv.action_space.n, venv.num_envs))
        rewards.append(reward.tolist())
        dones.append(done.tolist())
        cuts.append([bool(over and info.get("TimeLimit.truncated")) for info, over in zip(infos, done, strict=True)])
        scores += [info["episode"]["r"] for info in infos if "episode" in info]
    venv.close()
    return rewards, dones, cuts, scores


@pytest.mark.parametrize("preprocessing", ["atari", "sb3_atari"])
def test_breakout_with_lost_lives_and_a_cut(preprocessing: str) -> None:
    """On the real emulator: each step's reward is made of the game's own by the definition; scores are untouched."""
    changes = {"preprocessing": preprocessing, "preprocessing_kwargs": {"noop_max": 0, "max_frames_per_game": 500}}
    raw, dones, cuts, scores = played(make("Breakout", ["raw"], **changes), 300)
    came, *same = played(make("Breakout", [{"scaled": {"factor": 3}}, *FALLEN], **changes), 300)
    assert same == [dones, cuts, scores]
    ends = np.array(dones) & ~np.array(cuts)
    assert ends.sum() > 3
    assert np.array(cuts).any()
    assert np.array_equal(np.array(came), np.where(ends, -50, 3 * np.array(raw)))


@pytest.mark.parametrize("preprocessing", ["atari", "sb3_atari"])
def test_atari_hands_rewards_over_whole_where_a_reward_is_asked_for(preprocessing: str) -> None:
    changes = {"preprocessing": preprocessing}
    clipped, *_ = played(make("SpaceInvaders", [], **changes), 250)
    raw, *_ = played(make("SpaceInvaders", ["raw"], **changes), 250)
    assert np.max(raw) >= 5  # an invader is worth 5 to 30
    assert np.array_equal(np.sign(raw), clipped)
    signs, *_ = played(make("SpaceInvaders", ["sign"], **changes), 250)
    assert signs == clipped


def test_evaluations_have_the_games_own_rewards() -> None:
    venv = make("CartPole-v1", FALLEN, evaluation=EVALUATION)
    assert not isinstance(venv, RewardedVecEnv)
    rewards, dones, _, _ = played(venv, 100)
    assert np.any(dones)
    assert np.unique(rewards).tolist() == [1.0]
    venv = make("SpaceInvaders", ["sign"], evaluation=EVALUATION)
    rewards, *_ = played(venv, 250)
    assert np.max(rewards) >= 5


@pytest.mark.parametrize("vec_env", ["dummy", "subproc"])
def test_cart_pole_in_this_process_and_in_others(vec_env: str) -> None:
    venv = make("CartPole-v1", FALLEN, vec_env=vec_env)
    assert works_in_background(venv) == (vec_env == "subproc")
    rewards, dones, _, scores = played(venv, 100)
    assert np.array_equal(np.array(rewards), np.where(dones, -50, 1))
    assert min(scores) > 0


def test_the_emulators_still_work_in_the_background() -> None:
    venv = make("Pong", ["sign"])
    assert isinstance(venv.unwrapped, AleVecEnv)
    assert works_in_background(venv)
    venv.close()


@dataclass(frozen=True, kw_only=True)
class Outside:
    """A preprocessing from elsewhere, which knows nothing of rewards and wraps its environments in its own way."""

    def build(self, request: EnvRequest) -> VecEnv:
        """Two cart poles."""
        import gymnasium

        class Whole(VecEnvWrapper):
            def reset(self) -> Any:
                return self.venv.reset()

            def step_wait(self) -> Any:
                return self.venv.step_wait()

        venv = Whole(DummyVecEnv([lambda: gymnasium.make("CartPole-v1") for _ in range(request.n_envs)]))
        venv.seed(request.seed)
        return venv


def test_a_preprocessing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.preprocessings, "_entries", {"outside": Outside})
    rewards, dones, _, _ = played(make("CartPole-v1", FALLEN, preprocessing="outside"), 100)
    assert np.array_equal(np.array(rewards), np.where(dones, -50, 1))


@pytest.mark.parametrize(
    ("env", "changes"),
    [
        ("CartPole-v1", {}),
        ("Breakout", {}),
        ("Breakout", {"preprocessing": "sb3_atari"}),
    ],
)
def test_brought_back_exactly(env: str, changes: dict[str, Any]) -> None:
    venv, fresh = (make(env, [{"scaled": {"factor": 2}}, *FALLEN], **changes) for _ in range(2))
    assert can_resume(venv) is None
    assert isinstance(venv.action_space, Discrete)
    actions = np.random.default_rng(3).integers(0, venv.action_space.n, (160, 2))
    venv.reset()
    go_on(venv, actions[:80])
    restore(fresh, state_of(venv))
    expected = go_on(venv, actions[80:])
    assert go_on(fresh, actions[80:]) == expected
    assert any(-50 in rewards for _, rewards, _, _ in expected)
    venv.close()
    fresh.close()


def test_a_state_from_before_there_were_rewards_fits() -> None:
    """The wrapper keeps nothing, so a run may take up another reward (``--allow-change reward``)."""
    plain, rewarded = make("CartPole-v1", []), make("CartPole-v1", FALLEN)
    plain.reset()
    restore(rewarded, state_of(plain))
    one, other = (fingerprint(venv.step(np.zeros(2, dtype=np.int64))) for venv in (plain, rewarded))
    assert one == other


def test_clipping_beside_a_reward_is_refused() -> None:
    with pytest.raises(UserError, match=r"^preprocessing_kwargs.clip_reward: clip_reward: true would take the size"):
        make("Pong", ["sign"], preprocessing_kwargs={"clip_reward": True})
    make("Pong", ["sign"], preprocessing_kwargs={"clip_reward": False}).close()
