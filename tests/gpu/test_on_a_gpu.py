"""What only a GPU can show: the real graph, no waiting, rows in its memory. Skipped where there is none."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger
from torch.profiler import ProfilerActivity, profile

from dqn_zoo_ext import registry
from dqn_zoo_ext.algorithms import DQN, DoubleDQN, ImpalaDQN, PrioritizedDQN, Rainbow
from dqn_zoo_ext.envs.ale_vec_env import AleVecEnv
from dqn_zoo_ext.learning.deep_q import DeepQ
from dqn_zoo_ext.learning.hardware.graphs import CudaGraph
from dqn_zoo_ext.learning.networks.convolution import Convolution
from dqn_zoo_ext.learning.optim import Adam, DeepMindRMSprop
from dqn_zoo_ext.learning.parts import parts_of
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.learning.replay.staging import Staging
from dqn_zoo_ext.learning.saved import deep_q_state
from dqn_zoo_ext.learning.updates.captured import keep_on_device
from dqn_zoo_ext.learning.updates.reading import Reading
from dqn_zoo_ext.storage.exact.state_file import copied, read_state, write_state

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that PyTorch can use")

LADDER = [each for each in map(registry.algorithms.get, registry.algorithms.names()) if issubclass(each, DeepQ)]


@pytest.fixture(autouse=True)
def _the_same_sums_each_time() -> Any:
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    yield
    torch.use_deterministic_algorithms(False)


def small(algorithm: type[DeepQ], **changes: Any) -> DeepQ:
    arguments: dict[str, Any] = {
        "learning_starts": 20,
        "batch_size": 8,
        "buffer_size": 90,
        "train_freq": 4,
        "replay_buffer_class": parts_of(algorithm).get("replay_buffer_class", "frame_ring"),
        "seed": 3,
        "device": "cuda",
    }
    if algorithm is ImpalaDQN:
        return algorithm("CnnPolicy", AleVecEnv("pong", 2, seed=1), **{**arguments, **changes})
    vectors = {"policy_kwargs": {"torso": "flatten", "torso_kwargs": {}, "net_arch": [16]}}
    return algorithm("MlpPolicy", make_vec_env("CartPole-v1", n_envs=2, seed=0), **{**arguments, **vectors, **changes})


def weights(model: DeepQ) -> list[torch.Tensor]:
    return [value.cpu() for value in model.policy.state_dict().values()]


@pytest.mark.parametrize("algorithm", LADDER, ids=lambda each: each.__name__)
def test_captured_equals_eager_to_the_bit(algorithm: type[DeepQ]) -> None:
    # one after the other: a model begins with the seed of everything that draws on the GPU, noise and fractions too
    eager = small(algorithm)
    eager.capture = None
    keep_on_device(eager.policy.optimizer, eager.device)
    eager.learn(120)
    captured = small(algorithm).learn(120)
    assert captured._captured is not None
    assert eager._n_updates == captured._n_updates > 10
    for one, other in zip(weights(eager), weights(captured), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("algorithm", [DQN, DoubleDQN, PrioritizedDQN], ids=lambda each: each.__name__)
def test_so_it_does_with_kernels_and_a_target_network_that_looks_ahead(algorithm: type[DeepQ]) -> None:
    """The Nature network: eager updates do nothing ahead."""
    found = []
    for capture in (None, CudaGraph):
        arguments: dict[str, Any] = {"buffer_size": 400, "learning_starts": 40, "batch_size": 32, "seed": 1}
        arguments["replay_buffer_class"] = parts_of(algorithm).get("replay_buffer_class", "frame_ring")
        model = algorithm("CnnPolicy", AleVecEnv("pong", 4, seed=1), **arguments, device="cuda")
        model.capture = capture
        keep_on_device(model.policy.optimizer, model.device)
        found.append(weights(model.learn(200)))
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("algorithm", LADDER, ids=lambda each: each.__name__)
def test_updates_never_wait_for_the_gpu(algorithm: type[DeepQ]) -> None:
    model = small(algorithm).learn(60)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        model.train(8, 8)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("algorithm", [DQN, PrioritizedDQN], ids=lambda each: each.__name__)
def test_nothing_waits_for_the_gpu_when_numbers_are_due_or_rows_are_added(algorithm: type[DeepQ]) -> None:
    model = small(algorithm, buffer_size=4000).learn(200)  # past the rows whose stacks are checked
    ring = model.replay_buffer
    assert isinstance(ring, FrameRing)
    obs = np.zeros((2, 4), np.float32)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(9):  # 72 updates: numbers are sent for twice at least, and looked at once
            ring.stacks_of(ring.shown(obs))
            ring.add(obs, obs, np.zeros(2), np.zeros(2), np.zeros(2, bool), [{}] * 2)
            model.train(8, 8)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    model.learner.check()


@pytest.mark.parametrize("algorithm", [DQN, PrioritizedDQN, Rainbow], ids=lambda each: each.__name__)
def test_updates_are_really_one_graph(algorithm: type[DeepQ]) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".* are not captured")
        model = small(algorithm).learn(60)
    assert model._captured is not None
    assert isinstance(model._captured._improved._graph, CudaGraph)
    assert model._greedy is not None
    assert model._greedy._chosen is not None
    assert isinstance(model._greedy._chosen._graph, CudaGraph)


def test_priorities_of_captured_updates_are_those_of_eager_ones() -> None:
    eager, captured = small(PrioritizedDQN), small(PrioritizedDQN)
    eager.capture = None
    keep_on_device(eager.policy.optimizer, eager.device)
    states = [model.learn(120).replay_buffer.state() for model in (eager, captured)]  # type: ignore[union-attr]
    for name, value in states[0].items():
        assert torch.equal(value.cpu(), states[1][name].cpu()), name  # the generator's state among them


@pytest.mark.parametrize(
    ("ours", "twin", "kernel"),
    [
        (DeepMindRMSprop, lambda weights: DeepMindRMSprop(weights, compiled_after=None), "_rmsprop"),
        (Adam, lambda weights: torch.optim.Adam(weights, fused=True), "_adam"),
    ],
    ids=["deepmind_rmsprop", "adam"],
)
def test_a_step_is_one_kernel_over_all_weights(ours: Any, twin: Any, kernel: str) -> None:
    sizes = (5, 4_000, 99_999, *range(10, 20))
    weights, twins = ([torch.linspace(-1, 1, size, device="cuda") for size in sizes] for _ in range(2))
    optimizers = ours(weights), twin(twins)
    for seed in range(4):
        for each, optimizer in zip((weights, twins), optimizers, strict=True):
            torch.manual_seed(seed)
            for weight in each:
                weight.grad = torch.randn_like(weight)
            torch.cuda.synchronize()  # what went before is not the step's
            with profile(activities=[ProfilerActivity.CUDA]) as recorded:
                optimizer.step()
                torch.cuda.synchronize()
            launched = [event.name for event in recorded.events() if "CUDA" in str(event.device_type)]
            assert launched.count(kernel) == (optimizer is optimizers[0])
            # beside it counts of steps and a rate that is no tensor; nothing for each weight, once there is a state
            assert optimizer is optimizers[1] or seed == 0 or len(launched) < len(sizes) // 2, launched
    for one, other in zip(weights, twins, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_no_update_turns_filters_or_their_gradients() -> None:
    layer = Convolution(4, 32, 8, stride=4).to("cuda")
    assert layer.weight.permute(0, 2, 3, 1).is_contiguous()  # as kernels read them
    layer(torch.rand(2, 4, 84, 84, device="cuda")).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.stride() == layer.weight.stride()
    assert layer.to("cpu").weight.is_contiguous()


def test_arrays_arrive_whole_while_the_gpu_is_busy() -> None:
    """Far more of them than there are blocks of pinned memory."""
    staging, busy = Staging(torch.device("cuda")), torch.rand(4096, 4096, device="cuda")
    sent = []
    for number in range(50):
        busy = busy @ busy / busy.norm()
        array = np.full((3, 7), number, np.int32)
        sent.append(staging.brought(np.full(5, number, np.uint8), array, np.array([number % 2 == 0])))
        array[:] = -1
    for number, (small_ones, array_there, even) in enumerate(sent):
        assert small_ones.tolist() == [number] * 5
        assert array_there.tolist() == [[number] * 7] * 3
        assert even.tolist() == [number % 2 == 0]


def test_numbers_are_read_as_they_were_when_they_were_sent_for() -> None:
    busy = torch.rand(4096, 4096, device="cuda")
    numbers = torch.ones(4, 3, device="cuda")
    for _ in range(20):
        busy = busy @ busy / busy.norm()
    numbers.mul_(2.0)
    reading = Reading(numbers)
    assert not reading.at_once
    numbers.fill_(7.0)
    assert reading.tolist() == [[2.0] * 3] * 4


def playing_pong(**changes: Any) -> DQN:
    arguments: dict[str, Any] = {"buffer_size": 400, "learning_starts": 40, "replay_buffer_class": "frame_ring"}
    return DQN("CnnPolicy", AleVecEnv("pong", 4, seed=1), **{**arguments, **changes}, seed=1, device="cuda").learn(400)


def test_rows_lie_in_the_gpus_memory_and_only_newest_frames_are_sent() -> None:
    model = playing_pong()
    assert isinstance(model.replay_buffer, FrameRing)
    assert model.replay_buffer.frames.device.type == "cuda"
    shown = model.replay_buffer.stacks_of(model.replay_buffer.shown(model._last_obs))  # type: ignore[arg-type]
    assert torch.equal(shown.cpu(), torch.from_numpy(model._last_obs))


def test_a_replay_that_does_not_fit_lies_in_main_memory_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1_000_000, 80_000_000_000))
    with pytest.warns(UserWarning, match="it lies in main memory"):
        model = small(DQN, buffer_size=100_000)
    assert isinstance(model.replay_buffer, FrameRing)
    assert not model.replay_buffer.is_on_device
    model.learn(100)
    assert model._n_updates > 0


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_other_precisions_learn_too(precision: str) -> None:
    model = playing_pong(precision=precision)
    model.check_finite()
    assert model.learner.read_means()["loss"] < 1.0


def test_a_resumed_run_is_the_one_that_was_never_stopped(tmp_path: Path) -> None:
    straight = small(DQN).learn(100)
    write_state(copied({"model": deep_q_state.state_of(straight)}), tmp_path)
    resumed = small(DQN)
    resumed.set_logger(Logger(None, []))  # a run's model has one before its state is given back
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        deep_q_state.restore(resumed, read_state(tmp_path)["model"])
    for one, other in zip(weights(straight), weights(resumed), strict=True):
        assert torch.equal(one, other)
