"""Agents that RL-Zoo trained: loaded from the Hub, or where they lie, with just the Q-values that SB3 gives them."""

import shlex
from pathlib import Path

import pytest
import torch
from hub_server import Hub
from pushing import CARTPOLE, load, observations, push, q_values
from rl_zoo_agents import COURSE, as_rl_zoo_pushes, train_by_rl_zoo
from stable_baselines3 import DQN

from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.record_video import main as record_video
from dqn_zoo_ext.storage.agent_file import read_counters, read_policy_weights
from dqn_zoo_ext.train import main as train

SPACE_INVADERS = ("--algo", "dqn", "--env", "SpaceInvadersNoFrameskip-v4")


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RL-Zoo's log folder with an agent on CartPole and one, by the course's file, on Space Invaders."""
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "dqn.yml").write_text(COURSE)
    short = ["-params", "train_freq:64", "gradient_steps:16", "learning_starts:200"]
    train_by_rl_zoo(folder / "logs", "CartPole-v1", "-n", "600", "--eval-freq", "300", *short)
    train_by_rl_zoo(folder / "logs", SPACE_INVADERS[3], "-c", str(folder / "dqn.yml"), "--eval-freq", "-1")
    return folder / "logs"


def of_sb3(zip_file: Path, logs: Path, agent: tuple[str, ...]) -> torch.Tensor:
    """(20, A) as Stable-Baselines3's own load gives them."""
    loaded = DQN.load(zip_file, device="cpu")
    loaded.policy.set_training_mode(False)
    found = Agent.find(logs, "dqn", resolve(agent[3]))
    with torch.no_grad():
        values: torch.Tensor = loaded.q_net(loaded.policy.obs_to_tensor(observations(found))[0])
    return values


@pytest.mark.parametrize("agent", [CARTPOLE, SPACE_INVADERS], ids=lambda agent: agent[3])
def test_from_the_hub_to_play(agent: tuple[str, ...], zoo: Path, hub: Hub, tmp_path: Path) -> None:
    env = agent[3]
    files = as_rl_zoo_pushes(zoo / "dqn" / f"{env}_1", env)
    hub.store.put(f"sb3/dqn-{env}", files)
    assert load(tmp_path, "-orga", "sb3", agent=agent) == 0
    run = tmp_path / "dqn" / f"{env}_1"
    assert (run / f"{env}.zip").read_bytes() == files[f"dqn-{env}.zip"]
    assert "!!python" not in (run / env / "config.yml").read_text() + (run / env / "args.yml").read_text()
    assert torch.equal(q_values(tmp_path, agent), of_sb3(run / f"{env}.zip", tmp_path, agent))
    assert enjoy([*agent, "-f", str(tmp_path), "--no-render", "-n", "10"]) == 0


@pytest.mark.parametrize("agent", [CARTPOLE, SPACE_INVADERS], ids=lambda agent: agent[3])
def test_where_rl_zoo_left_it(agent: tuple[str, ...], zoo: Path) -> None:
    env = agent[3]
    assert torch.equal(q_values(zoo, agent), of_sb3(zoo / "dqn" / f"{env}_1" / f"{env}.zip", zoo, agent))


def test_evaluated_trained_on_and_pushed(zoo: Path, hub: Hub, tmp_path: Path) -> None:
    hub.store.put("sb3/dqn-CartPole-v1", as_rl_zoo_pushes(zoo / "dqn" / "CartPole-v1_1", "CartPole-v1"))
    assert load(tmp_path, "-orga", "sb3") == 0
    agent = [*CARTPOLE, "-f", str(tmp_path)]
    assert evaluate([*agent, "--episodes", "2"]) == 0
    run = tmp_path / "dqn" / "CartPole-v1_1"
    assert (run / "evaluations.npz").is_file()
    assert (run / "0.monitor.csv").is_file()
    assert push(tmp_path) == 0
    assert load(tmp_path / "again") == 0
    assert torch.equal(q_values(tmp_path / "again"), q_values(tmp_path))
    more = ["-n", "200", "--eval-freq", "-1", "-i", str(run / "CartPole-v1.zip")]
    assert train([*agent, *more]) == 0


@pytest.mark.parametrize("zoo_agent", [CARTPOLE, SPACE_INVADERS], ids=lambda agent: agent[3])
def test_the_commands_it_prints_go_on_with_the_agent(
    zoo_agent: tuple[str, ...], zoo: Path, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the class that it is of, with its own network and settings, and from a folder with a space in its name."""
    env = zoo_agent[3]
    files = as_rl_zoo_pushes(zoo / "dqn" / f"{env}_1", env)
    hub.store.put(f"sb3/dqn-{env}", files)
    logs = tmp_path / "my logs"
    assert load(logs, "-orga", "sb3", agent=zoo_agent) == 0
    loaded = Agent.find(logs, "dqn", resolve(env))
    see, go_on = printed(capsys.readouterr().out)
    assert enjoy([*see, "--no-render", "-n", "10"]) == 0
    assert go_on[:2] == ["--algo", "sb3_dqn"]
    steps = read_counters(loaded.file).num_timesteps
    assert train([*go_on, "-n", "64", "--eval-freq", "-1", "--device", "cpu"]) == 0
    trained = Agent.find(logs, "sb3_dqn", resolve(env))
    assert trained.configuration.flat() == loaded.configuration.flat() | {"n_timesteps": 64}
    assert read_counters(trained.file).num_timesteps == steps + 64


def test_the_commands_it_prints_go_on_with_one_of_ours(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["-params", "policy_kwargs:{net_arch: [7]}", "learning_starts:50"]
    assert train([*CARTPOLE, "-f", str(tmp_path / "here"), "-n", "100", "--eval-freq", "-1", *small]) == 0
    assert push(tmp_path / "here", "-n", "0") == 0
    capsys.readouterr()
    assert load(tmp_path / "my logs") == 0
    assert hub.requests("GET", "/resolve/")
    see, go_on = printed(capsys.readouterr().out)
    assert enjoy([*see, "--no-render", "-n", "10"]) == 0
    assert train([*go_on, "-n", "20", "--eval-freq", "-1"]) == 0
    evaluation = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("next: "))
    assert evaluate([*shlex.split(evaluation)[4:], "--episodes", "1"]) == 0
    found = Agent.find(tmp_path / "my logs", "dqn", resolve("CartPole-v1"))
    assert found.run.path.name == "CartPole-v1_2"
    assert read_policy_weights(found.file)["q_net.q_net.0.weight"].shape == (7, 4)


def printed(said: str) -> tuple[list[str], list[str]]:
    """The words after the verb of the two commands, as a shell would take them."""
    see, go_on = (shlex.split(line) for line in said.splitlines() if " -m dqn_zoo_ext." in line)
    assert (see[3], go_on[2]) == ("dqn_zoo_ext.enjoy", "dqn_zoo_ext.train")
    return see[4:], go_on[3:]


def test_a_film_is_called_by_the_name_that_was_typed(zoo: Path, tmp_path: Path) -> None:
    assert record_video([*CARTPOLE, "-f", str(zoo), "-o", str(tmp_path), "-n", "5"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["dqn-CartPole-v1.mp4"]


def test_old_repositories_have_fewer_files(zoo: Path, hub: Hub, tmp_path: Path) -> None:
    files = as_rl_zoo_pushes(zoo / "dqn" / "CartPole-v1_1", "CartPole-v1")
    needed = {name: files[name] for name in ("dqn-CartPole-v1.zip", "config.yml")}
    hub.store.put("sb3/dqn-CartPole-v1", needed)
    assert load(tmp_path, "-orga", "sb3") == 0
    assert q_values(tmp_path).shape == (20, 2)
    hub.store.put("sb3/without-config", {"dqn-CartPole-v1.zip": files["dqn-CartPole-v1.zip"]})
    with pytest.raises(UserError, match=r"^sb3/without-config has no file 'config\.yml'"):
        load(tmp_path, "-orga", "sb3", "--repo-name", "without-config")


def test_env_kwargs_typed_at_rl_zoo_count(zoo: Path, hub: Hub, tmp_path: Path) -> None:
    files = as_rl_zoo_pushes(zoo / "dqn" / "CartPole-v1_1", "CartPole-v1")
    hub.store.put("sb3/dqn-CartPole-v1", {**files, "env_kwargs.yml": b"{sutton_barto_reward: true}\n"})
    assert load(tmp_path, "-orga", "sb3") == 0
    found = Agent.find(tmp_path, "dqn", resolve("CartPole-v1"))
    assert found.configuration.hyperparameters.env_kwargs == {"sutton_barto_reward": True}


def test_no_such_repository_or_agent(zoo: Path, hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"^no repository {hub.url}/sb3/dqn-CartPole-v1, or a private one"):
        load(tmp_path, "-orga", "sb3")
    files = as_rl_zoo_pushes(zoo / "dqn" / "CartPole-v1_1", "CartPole-v1")
    hub.store.put("sb3/mine", files)
    with pytest.raises(UserError, match=r"has no file 'dqn-Acrobot-v1\.zip'; .*'dqn-CartPole-v1\.zip'"):
        load(tmp_path, "-orga", "sb3", "--repo-name", "mine", agent=("--algo", "dqn", "--env", "Acrobot-v1"))
    assert not list(tmp_path.iterdir())
