"""The benchmarks run, with sizes so small that they measure nothing, and say in a line what they cannot be asked."""

import importlib
import json
import multiprocessing
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from stable_baselines3.dqn.policies import DQNPolicy

from dqn_zoo_ext.errors import UserError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(name: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The benchmark's exit code, in this process, as if it had been typed."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setattr(sys, "argv", [f"benchmarks/{name}.py", *words])
    return importlib.import_module(name).main() or 0


def result_of(
    name: str, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> dict[str, Any]:
    """What the benchmark prints last, which is also what it writes."""
    output = folder / "results" / f"{name}.json"
    assert run(name, [*words, "--output", str(output)], monkeypatch) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result == json.loads(output.read_text())
    assert result["benchmark"] == name
    assert result["command"].startswith(f"python benchmarks/{name}.py")
    assert {"cpu", "cores", "device", "torch_threads", "torch"} <= result["machine"].keys()
    return result


def test_env_speed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["--envs", "1", "2", "--sb3-envs", "1", "--threads", "1", "2", "--seconds", "0.01", "--rounds", "1"]
    words += ["--inputs", "rgb", "waiting"]
    rows = result_of("env_speed", words, monkeypatch, capsys, tmp_path)["rows"]
    cases = [(row["envs"], row["threads"]) for row in rows if row["kind"] == "ale_vec_env"]
    assert cases == [(1, 1), (2, 1), (2, 2)]  # two threads have nothing to do for one environment
    assert [row["envs"] for row in rows if row["kind"] == "sb3"] == [1]
    assert [row["kind"] for row in rows if row["envs"] == 1] == ["ale_vec_env", "rgb", "waiting", "sb3"]
    assert all(row["agent_steps_per_second"] > 0 and row["agent_steps_per_cpu_second"] > 0 for row in rows)


def test_replay_memory(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["--sizes", "8000", "--draws", "3", "--screen", "105", "80"]
    result = result_of("replay_memory", words, monkeypatch, capsys, tmp_path)
    (row,) = result["rows"]
    assert result["within_limit"] is None  # it is one for a million transitions
    assert row["transitions"] == 8_000
    assert 0.9 * 8_411 < row["bytes_of_a_transition"] < 1.3 * 8_411
    assert len(row["resident_megabytes_at_each_tenth"]) == 11
    assert len(row["microseconds_of_an_add_at_each_tenth"]) == 10


def test_dead_units(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["--torsos", "nips", "--seeds", "1", "--updates", "2", "--random-steps", "500"]
    rows = result_of("dead_units", words, monkeypatch, capsys, tmp_path)["rows"]
    assert [(row["torso"], row["initialization"]) for row in rows] == [("nips", "pytorch"), ("nips", "he")]
    for row in rows:
        assert len(row["dead_before"]) == len(row["dead_after"]) == 3  # two convolutions and a dense layer
        assert all(0 <= share < 1 for share in row["dead_before"])


OF_EACH_KIND = ["ALE/Surround-v5", "Acrobot-v1", "FreewayNoFrameskip-v4"]


@pytest.mark.slow
def test_every_game_trains_three(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    result = result_of("every_game", ["--env", *OF_EACH_KIND], monkeypatch, capsys, tmp_path)
    assert result["failed"] == []
    assert list(result["rows"]) == OF_EACH_KIND
    assert all(row["agent_steps"] == 200 and row["updates"] > 0 for row in result["rows"].values())


def test_every_game_tells_which_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["--env", "CartPole-v1", "Nonsense-v1", "--output", str(tmp_path / "rows.json")]
    assert run("every_game", words, monkeypatch) == 1
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["failed"] == ["Nonsense-v1"]
    assert result["rows"]["Nonsense-v1"]["error"].startswith("unknown environment 'Nonsense-v1'")
    assert result["rows"]["CartPole-v1"]["updates"] > 0


@pytest.mark.slow
def test_every_game_trains_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    result = result_of("every_game", [], monkeypatch, capsys, tmp_path)
    assert result["failed"] == []
    assert len(result["rows"]) == 104 + 4 + 5


def test_random_agents_measures_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DQN_ZOO_EXT_CACHE", str(tmp_path / "cache"))
    words = ["--games", "2", "--env", "CartPole-v1"]
    first = result_of("random_agents", words, monkeypatch, capsys, tmp_path)["random"]["CartPole-v1"]
    assert (first["games"], first["protocol"]) == (2, "greedy")
    assert first["lowest"] <= first["mean"] <= first["highest"]
    both = result_of("random_agents", [*words, "Acrobot-v1"], monkeypatch, capsys, tmp_path)["random"]
    assert both["CartPole-v1"] == first
    assert both["Acrobot-v1"]["mean"] == -500
    more = result_of("random_agents", ["--games", "3", *words[2:]], monkeypatch, capsys, tmp_path)["random"]
    assert more["CartPole-v1"]["games"] == 3
    assert more["Acrobot-v1"] == both["Acrobot-v1"]  # nobody has asked for more of those


@pytest.mark.parametrize("otherwise", [{"protocol": "rl-zoo"}, {"seed": 7}])
def test_random_agents_measures_anew_what_was_measured_otherwise(
    otherwise: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DQN_ZOO_EXT_CACHE", str(tmp_path / "cache"))
    words = ["--games", "2", "--env", "CartPole-v1"]
    first = result_of("random_agents", words, monkeypatch, capsys, tmp_path)
    stale = {**first["random"]["CartPole-v1"], "mean": -1.0, "games": 1000, **otherwise}
    (tmp_path / "results" / "random_agents.json").write_text(json.dumps({"random": {"CartPole-v1": stale}}))
    again = result_of("random_agents", words, monkeypatch, capsys, tmp_path)
    assert again["random"]["CartPole-v1"]["mean"] == first["random"]["CartPole-v1"]["mean"]


def test_a_full_disk_leaves_the_rows_that_were_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A real limit on the size of files stands for the full disk."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    write, file = importlib.import_module("random_agents").write, tmp_path / "rows.json"
    write({"Pong": {"mean": -20.7}}, file)
    before = file.read_text()
    limits, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(UserError, match="cannot write"):
            write({"Pong": {"mean": -20.7, "note": "x" * 1000}}, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert file.read_text() == before


def test_the_answers_of_processes_may_be_larger_than_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for the end of a process before reading what it has put waits for ever."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    answers_of = importlib.import_module("scaling").answers_of
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    processes = [spawn.Process(target=answers.put, args=([0.5] * 200_000,), daemon=True) for _ in range(2)]
    for process in processes:
        process.start()
    assert [len(each) for each in answers_of(processes, answers)] == [200_000] * 2


def test_a_process_that_fails_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    answers_of = importlib.import_module("scaling").answers_of
    spawn = multiprocessing.get_context("spawn")
    failing, waiting = spawn.Process(target=sys.exit, args=(3,)), spawn.Process(target=time.sleep, args=(600,))
    for process in (failing, waiting):
        process.start()
    with pytest.raises(RuntimeError, match="a run failed"):
        answers_of([failing, waiting], spawn.Queue())
    assert not waiting.is_alive()


@pytest.mark.slow
def test_precision_learning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Of random play alone: learning begins later than the training ends."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setattr("precision_learning.GAMES", 1)
    words = ["--agent-steps", "8000", "--precision", "bf16", "--seeds", "1"]
    result = result_of("precision_learning", words, monkeypatch, capsys, tmp_path)
    (row,), (found,) = result["rows"], result["found"]
    assert (row["precision"], row["seed"], row["agent_steps"]) == ("bf16", 1, 8_000)
    assert found["mean_least_and_most"] == [row["mean"], row["mean"]]
    assert found["training_mean"] == row["training_mean"] > 0
    again = result_of("precision_learning", words, monkeypatch, capsys, tmp_path)
    assert again["rows"] == result["rows"]  # nothing was trained
    with pytest.raises(SystemExit, match="2"):
        result_of("precision_learning", [*words, "--params", "n_envs:16"], monkeypatch, capsys, tmp_path)
    assert "holds trainings with other --params (none)" in capsys.readouterr().err


@pytest.mark.slow
def test_precision_learning_with_something_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Such as 16 environments; a last vector step may be begun before the agent steps that were asked for."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setattr("precision_learning.GAMES", 1)
    run = importlib.import_module("one_core").run
    told = Mock(side_effect=run)
    monkeypatch.setattr("precision_learning.run", told)
    words = ["--agent-steps", "8001", "--precision", "bf16", "--seeds", "1", "--params", "n_envs:16"]
    result = result_of("precision_learning", words, monkeypatch, capsys, tmp_path)
    assert result["params"] == ["n_envs:16"]
    assert result["rows"][0]["agent_steps"] == 8_001
    assert told.call_args_list[0].args[1][-3:] == ["-params", "precision:bf16", "n_envs:16"]


def test_precision_learning_compares_trainings_of_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    rows = [
        {"precision": precision, "agent_steps": steps, "training_mean": mean, "mean": 2 * mean}
        for precision, steps, mean in [("fp32", 100, 1.0), ("bf16", 100, 2.0), ("bf16", 100, 5.0), ("bf16", 8, 90.0)]
    ]
    found = importlib.import_module("precision_learning").summary(rows, "bf16", 100)
    assert (found["seeds"], found["training_mean"], found["mean"]) == (2, 3.5, 7.0)
    assert found["mean_least_and_most"] == [4.0, 10.0]


@pytest.mark.slow
def test_playground(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A training that is finished is only evaluated, and so comes to the same row."""
    words = ["--env", "CartPole-v1", "--agent-steps", "300", "--runs", str(tmp_path)]
    row = result_of("playground", words, monkeypatch, capsys, tmp_path)["rows"]["CartPole-v1"]
    assert (row["agent_steps"], row["seed"], row["games"], row["protocol"]) == (300, 1, 100, "greedy")
    assert 15 < row["beside"]["random"] < 35
    (tmp_path / "results" / "playground.json").unlink()
    again = result_of("playground", words, monkeypatch, capsys, tmp_path)["rows"]["CartPole-v1"]
    assert again == row
    other = result_of("playground", [*words, "--seed", "2"], monkeypatch, capsys, tmp_path)["rows"]["CartPole-v1"]
    assert other["seed"] == 2  # neither that row nor that training


def test_game_facts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = result_of("game_facts", ["--game", "freeway"], monkeypatch, capsys, tmp_path)["games"]["freeway"]
    assert found["actions"] == ["NOOP", "UP", "DOWN"]
    assert (found["lives"], found["fire_starts"], found["fire_after_life"], found["moves"]) == (0, False, None, True)


@pytest.mark.slow
def test_many_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["--runs", "1", "--agent-steps", "1100", "--rounds", "1"]
    result = result_of("many_runs", words, monkeypatch, capsys, tmp_path)
    assert result["overhead"].keys() == {"campaign", "tune"}
    assert all(each["whole"] > 0 and each["training"] > 0 for each in result["overhead"].values())
    assert all(seconds > 0 for seconds in result["seconds_of_training"].values())


def test_ship_agent(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["--algo", "double_dqn", "--env", "CartPole-v1", "-f", str(logs), "--load-best", "--into", str(tmp_path)]
    assert run("ship_agent", [*words, "--protocol", "greedy", "--episodes", "2"], monkeypatch) == 0
    assert "2 games by protocol greedy: mean " in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == ["CartPole-v1"]
    assert json.loads((tmp_path / "CartPole-v1" / "manifest.json").read_text())["algo"] == "double_dqn"


@pytest.mark.parametrize("factor", [1.0, 0.0], ids=["a_copy", "another"])
def test_neighbours(
    factor: float, logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The target network is a copy of the other one, or has zeros for weights and always takes the first action."""
    load = DQNPolicy.load_state_dict

    def load_both(self: DQNPolicy, weights: dict[str, torch.Tensor]) -> Any:
        result = load(self, weights)
        self.q_net_target.load_state_dict({name: factor * each for name, each in self.q_net.state_dict().items()})
        return result

    monkeypatch.setattr(DQNPolicy, "load_state_dict", load_both)
    words = ["--algo", "double_dqn", "--env", "CartPole-v1", "-f", str(logs), "--protocol", "greedy"]
    found = result_of("neighbours", [*words, "--episodes", "4", "--vector-steps", "30"], monkeypatch, capsys, tmp_path)
    compared, (online, target) = found["compared"], found["scores"]
    assert compared["screens"] == 30 * 8
    assert (compared["same_greedy_action"] == 1) == (compared["mean_difference_of_values"] == 0) == (factor == 1)
    assert (online["network"], target["network"]) == ("online", "target")
    assert (online["mean"] == target["mean"]) == (factor == 1)


@pytest.mark.parametrize(
    ("name", "words", "complaint"),
    [
        ("cartpole", ["--preset", "cartpole-kears"], "called 'cartpole-kears'; did you mean 'cartpole-keras'"),
        ("cartpole", ["--preset", "course-unit3"], "is for SpaceInvadersNoFrameskip-v4, not for CartPole"),
        ("env_speed", ["--seconds", "0"], "argument --seconds: must be more than 0"),
        ("env_speed", ["--envs", "0"], "argument --envs: must be at least 1"),
        ("replay_memory", ["--sizes", "5"], "argument --sizes: must be at least 1000"),
        ("replay_memory", ["--sizes", "many"], "argument --sizes: must be a whole number, not 'many'"),
        ("scaling", ["--parts", "nothing"], "argument --parts: invalid choice"),
        ("train_speed", ["--precision", "fp8"], "argument --precision: invalid choice"),
        ("train_speed", ["--epsilon", "2"], "argument --epsilon: must be at most 1"),
        ("update_speed", ["--device", "nowhere"], "argument --device: cannot use 'nowhere'"),
    ],
)
def test_bad_arguments_are_told_in_a_line(
    name: str,
    words: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(name, words, monkeypatch)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err
