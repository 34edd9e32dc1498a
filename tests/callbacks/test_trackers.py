"""Trackers with their real libraries, on this machine: what stands there afterwards."""

import importlib.util
import json
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger

from dqn_zoo_ext.callbacks import Mlflow, Trackio, WeightsAndBiases
from dqn_zoo_ext.callbacks.trackers.tracker import Numbers, Tracker
from dqn_zoo_ext.cli.verb import run_verb
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.train import main as train

LIBRARIES: dict[str, type[Tracker]] = {"wandb": WeightsAndBiases, "trackio": Trackio, "mlflow": Mlflow}


def agent() -> DQN:
    model = DQN("MlpPolicy", make_vec_env("CartPole-v1", seed=0), learning_starts=20, seed=0)
    model.set_logger(Logger(None, []))
    return model


def trained(logs: Path, callback: str) -> None:
    words = f"--algo dqn --env CartPole-v1 -n 300 --seed 7 -f {logs} --eval-freq -1 --log-interval 1 --verbose 0"
    assert train([*words.split(), "-params", f"callback:[{callback}]"]) == 0


def test_mlflow_holds_metrics_parameters_and_the_end(tmp_path: Path, mlflow_database: Path) -> None:
    mlflow, store = pytest.importorskip("mlflow"), f"sqlite:///{mlflow_database}"
    trained(tmp_path, f"{{mlflow: {{tracking_uri: '{store}', experiment: atoms}}}}")
    client = mlflow.MlflowClient(tracking_uri=store)
    (run,) = client.search_runs([client.get_experiment_by_name("atoms").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "CartPole-v1__dqn__7"
    assert run.data.params["algo"] == "dqn"
    assert run.data.params["optimizer"] == "adam"
    history = client.get_metric_history(run.info.run_id, "rollout/ep_rew_mean")
    assert [each.step for each in history] == log_steps(tmp_path)


def test_trackio_holds_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trackio")
    monkeypatch.setattr("trackio.utils.TRACKIO_DIR", tmp_path / "trackio")
    monkeypatch.setattr("trackio.sqlite_storage.TRACKIO_DIR", tmp_path / "trackio")
    trained(tmp_path, "{trackio: {project: atoms}}")
    (database,) = (tmp_path / "trackio").glob("atoms*.db")
    with sqlite3.connect(database) as connection:
        rows = connection.execute("select run_name, step, metrics from metrics order by step").fetchall()
    assert {name.rpartition("__")[0] for name, _, _ in rows} == {"CartPole-v1__dqn__7"}
    assert [step for _, step, _ in rows] == log_steps(tmp_path)
    assert all(json.loads(metrics)["rollout/ep_len_mean"] > 5 for _, _, metrics in rows)


def test_wandb_holds_an_offline_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("HOME", str(tmp_path))
    trained(tmp_path, "{wandb: {project: atoms, tags: [bohr], mode: offline}}")
    (run,) = (tmp_path / "dqn" / "CartPole-v1_1" / "wandb").glob("offline-run-*/run-*.wandb")
    record = run.read_bytes()
    for expected in (b"atoms", b"bohr", b"CartPole-v1__dqn__7", b"target_update_interval", b"rollout/ep_rew_mean"):
        assert expected in record


def test_wandb_is_refused_beside_track(monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    # all that the callback looks at; a real one changes TensorBoard's writers for good
    monkeypatch.setattr(wandb, "run", SimpleNamespace(settings=SimpleNamespace(sync_tensorboard=True)))
    with pytest.raises(UserError, match=r"^callback 'wandb': --track sends this run there already; take one of"):
        agent().learn(10, callback=WeightsAndBiases(mode="offline"))


def log_steps(logs: Path) -> list[int]:
    """The agent steps of the lines in progress.csv."""
    header, *rows = (logs / "dqn" / "CartPole-v1_1" / "progress.csv").read_text().splitlines()
    place = header.split(",").index("time/total_timesteps")
    return [int(row.split(",")[place]) for row in rows]


def test_a_run_that_fails_is_marked_and_one_that_goes_on_is_the_same_run(mlflow_database: Path) -> None:
    mlflow, store = pytest.importorskip("mlflow"), f"sqlite:///{mlflow_database}"
    first = Mlflow(store)
    model = agent()
    model.learn(60, callback=first)
    goes_on = Mlflow(store)
    goes_on.load_state(first.state())
    again = agent()
    goes_on.init_callback(again)
    goes_on.on_training_start({}, {})
    again.logger.record("rollout/ep_rew_mean", 5.0)
    again.logger.dump(1_000)
    again.logger.close()  # as a run of ours does, whatever has happened
    client = mlflow.MlflowClient(tracking_uri=store)
    (run,) = client.search_runs([client.get_experiment_by_name("dqn_zoo_ext").experiment_id])
    assert run.info.status == "FAILED"
    assert client.get_metric_history(run.info.run_id, "rollout/ep_rew_mean")[-1].step == 1_000


class Broken(Tracker):
    """A server that goes away after the beginning."""

    library = "json"

    def begin(self, *_: Any) -> str:
        return "there"

    def write(self, numbers: Numbers, agent_steps: int) -> None:  # noqa: ARG002
        raise ConnectionError("no\nroute")

    def end(self, failed: bool) -> None:
        self.ended = failed


class Unreachable(Broken):
    def begin(self, *_: Any) -> str:
        raise ConnectionError("no key\nconfigured")


def test_a_tracker_that_breaks_is_one_line_and_the_training_goes_on() -> None:
    lines: list[str] = []
    broken = Broken(say=lines.append)
    model = agent().learn(200, callback=broken, log_interval=1)
    assert model.num_timesteps == 200
    assert lines == ["warning: callback 'json': no route"]
    assert broken.ended is False
    assert model.logger.output_formats == []
    with pytest.raises(UserError, match=r"^callback 'json': no key configured$"):
        agent().learn(20, callback=Unreachable())


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("left_behind", [False, True])
def test_without_the_library_one_line_names_the_extra(
    library: str,
    left_behind: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, library, None)  # import fails, as if it were not there
    if left_behind:  # a folder of an earlier run, which Python takes for a package without modules
        (tmp_path / library).mkdir()
        spec = importlib.machinery.PathFinder.find_spec(library, [str(tmp_path)])
        assert spec is not None
        monkeypatch.setitem(sys.modules, library, importlib.util.module_from_spec(spec))
    words = f"--algo dqn --env CartPole-v1 -n 300 -f {tmp_path / 'logs'} -params callback:[{library}]"
    with pytest.raises(SystemExit) as exit_:
        run_verb(train, words.split())
    assert exit_.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    pip = f"pip install 'dqn_zoo_ext[{library}]'"
    assert line == f"error: callback '{library}': {library} is not installed; install the extra with: {pip}"
    assert not (tmp_path / "logs").exists()
