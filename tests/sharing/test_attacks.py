"""Files that would run code in programs which trust them: here nothing runs, and what cannot be read is one line.

Each payload leaves a mark. `test_the_payloads_are_live` lets programs that trust them run them, so that the others can
fail.
"""

import base64
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hub_server import Hub
from pushing import CARTPOLE, load, package_of, push, q_values, run_of
from stable_baselines3 import DQN

from dqn_zoo_ext.enjoy import main as enjoy
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluate import main as evaluate
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.record_video import main as record_video

Files = dict[str, bytes]
ZIP = "dqn-CartPole-v1.zip"
RL_ZOO = b"policy: MlpPolicy\npolicy_kwargs: dict(net_arch=[256, 256])\nn_timesteps: 2000\n"


class Payload:
    """Unpickled, it makes the folder that it was given."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def with_members(content: bytes, members: Files, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip with these members in the place of those, or besides."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w", compression) as new:
        for name in old.namelist():
            if name not in members:
                new.writestr(name, old.read(name))
        for name, member in members.items():
            new.writestr(name, member)
    return result.getvalue()


def zip_of(members: Files, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", compression) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return result.getvalue()


def with_pickle(content: bytes, key: str, mark: Path) -> bytes:
    """An agent's zip whose `data` has the payload under `key`."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        data = json.loads(archive.read("data"))
    data[key] = {":type:": "x", ":serialized:": base64.b64encode(pickle.dumps(Payload(mark))).decode()}
    return with_members(content, {"data": json.dumps(data).encode()})


def saved(state: object) -> bytes:
    result = io.BytesIO()
    torch.save(state, result)
    return result.getvalue()


@pytest.fixture
def files(trained: Path) -> Files:
    """Those of a package, as RL-Zoo would push them: no manifest, no safetensors, its config.yml."""
    kept = (ZIP, "config.yml", "args.yml", "env_kwargs.yml", "train_eval_metrics.zip")
    return {name: (package_of(trained) / name).read_bytes() for name in kept} | {"config.yml": RL_ZOO}


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "it_ran"


def npz_of_objects(mark: Path) -> bytes:
    saved = io.BytesIO()
    np.savez(saved, timesteps=np.array([Payload(mark)], dtype=object), allow_pickle=True)
    return saved.getvalue()


REFUSED: dict[str, tuple[Callable[[Files, Path], Files], str]] = {
    "a pickled policy": (
        lambda files, mark: {ZIP: with_members(files[ZIP], {"policy.pth": pickle.dumps(Payload(mark))})},
        r"'policy\.pth' cannot be read as plain tensors",
    ),
    "a tag in config.yml": (
        lambda _, mark: {"config.yml": RL_ZOO + f"gamma: !!python/object/apply:os.mkdir ['{mark}']\n".encode()},
        r"config\.yml:4: tag '!!python/object/apply:os\.mkdir' is refused",
    ),
    "a tag in args.yml": (
        lambda _, mark: {"args.yml": f"seed: !!python/object/apply:os.mkdir ['{mark}']\n".encode()},
        r"args\.yml:1: tag '!!python/object/apply:os\.mkdir' is refused",
    ),
    "a tag in env_kwargs.yml": (
        lambda _, mark: {"env_kwargs.yml": f"seed: !!python/object/apply:os.mkdir ['{mark}']\n".encode()},
        r"env_kwargs\.yml:1: tag '!!python/object/apply:os\.mkdir' is refused",
    ),
    "a tag beneath an ordered dictionary": (
        lambda _, mark: {
            "config.yml": b"!!python/object/apply:collections.OrderedDict\n- - - policy\n    - !!python/object/apply:"
            + f"os.mkdir ['{mark}']\n".encode()
        },
        r"config\.yml:2: tag '!!python/object/apply:os\.mkdir' is refused",
    ),
    "normalize": (
        lambda _, mark: {"config.yml": RL_ZOO + f"normalize: __import__('os').mkdir('{mark}')\n".encode()},
        r"config\.yml:4: normalize: must be false",
    ),
    "env_wrapper": (
        lambda _, mark: {"config.yml": RL_ZOO + f"env_wrapper: {{os.mkdir: {{path: '{mark}'}}}}\n".encode()},
        r"config\.yml:4: env_wrapper 'os\.mkdir' is refused: a file imports no code here",
    ),
    "vec_env_wrapper": (
        lambda _, mark: {"config.yml": RL_ZOO + f"vec_env_wrapper: {{os.mkdir: {{path: '{mark}'}}}}\n".encode()},
        r"config\.yml:4: vec_env_wrapper is refused",
    ),
    "policy_kwargs": (
        lambda _, mark: {
            "config.yml": RL_ZOO.replace(b"dict(net_arch=[256, 256])", f"__import__('os').mkdir('{mark}')".encode())
        },
        r"config\.yml:2: policy_kwargs: .* is not a mapping of literals",
    ),
    "a policy by its path": (
        lambda *_: {"config.yml": RL_ZOO.replace(b"MlpPolicy", b"os.mkdir")},
        r"config\.yml:1: unknown policy 'os\.mkdir'",
    ),
    "vec_normalize.pkl": (
        lambda _, mark: {"vec_normalize.pkl": pickle.dumps(Payload(mark)), "config.yml": RL_ZOO + b"normalize: true\n"},
        r"config\.yml:4: normalize: must be false, not true: .*vec_normalize\.pkl is a pickle",
    ),
    "pickles in the evaluations": (
        lambda _, mark: {"train_eval_metrics.zip": zip_of({"evaluations.npz": npz_of_objects(mark)})},
        r"its evaluations\.npz holds something that is not plain numbers",
    ),
    "metrics over the agent": (
        lambda files, _: {"train_eval_metrics.zip": zip_of({"CartPole-v1.zip": files[ZIP]})},
        r"it holds 'CartPole-v1\.zip', which is neither evaluations\.npz nor a log; refused",
    ),
    "metrics over the configuration": (
        lambda *_: {"train_eval_metrics.zip": zip_of({"CartPole-v1/config.yml": b""})},
        r"it holds 'CartPole-v1/config\.yml'",
    ),
    "metrics that climb": (
        lambda *_: {"train_eval_metrics.zip": zip_of({"../../climbed.csv": b""})},
        r"it holds '\.\./\.\./climbed\.csv'",
    ),
    "metrics at an absolute path": (
        lambda _, mark: {"train_eval_metrics.zip": zip_of({f"{mark}.csv": b""})},
        r"it holds '/.*it_ran\.csv'",
    ),
    "metrics that fill the disk": (
        lambda *_: {"train_eval_metrics.zip": zip_of({"0.monitor.csv": bytes(30_000_000)})},
        r"its member '0\.monitor\.csv' would take 30 MB, from 0\.0 MB; refused",
    ),
    "metrics packed by a method without measure": (
        lambda *_: {"train_eval_metrics.zip": zip_of({"0.monitor.csv": bytes(30_000_000)}, zipfile.ZIP_BZIP2)},
        r"its member '0\.monitor\.csv' is packed by method 12, neither stored nor deflated; refused",
    ),
    "evaluations packed by a method without measure": (
        lambda *_: {
            "train_eval_metrics.zip": zip_of({"evaluations.npz": zip_of({"timesteps": b""}, zipfile.ZIP_LZMA)})
        },
        r"its member 'timesteps' is packed by method 14, neither stored nor deflated; refused",
    ),
    "an agent that fills the memory": (
        lambda files, _: {ZIP: with_members(files[ZIP], {"policy.pth": bytes(30_000_000)}, zipfile.ZIP_DEFLATED)},
        r"its member 'policy\.pth' would take 30 MB, from 0\.0 MB; refused",
    ),
    "tensors that fill the memory": (
        lambda files, _: {ZIP: with_members(files[ZIP], {"policy.pth": zip_of({"archive/data/0": bytes(30_000_000)})})},
        r"its member 'archive/data/0' would take 30 MB, from 0\.0 MB; refused",
    ),
    "a file above its limit": (
        lambda *_: {"config.yml": RL_ZOO + b"#" * 1_000_000},
        r"'config\.yml' is of 1\.0 MB; at most 1 MB are taken",
    ),
    "weights of another network": (
        lambda *_: {"config.yml": RL_ZOO.replace(b"[256, 256]", b"[64]")},
        r"does not fit its config\.yml",
    ),
    "a network that fills the memory": (
        lambda *_: {"config.yml": RL_ZOO.replace(b"[256, 256]", b"[256, 10000000, 10000000]")},
        r"does not fit its config\.yml",
    ),
    "a network that would just fit": (
        lambda *_: {"config.yml": RL_ZOO.replace(b"[256, 256]", b"[256, 3000, 3000]")},
        r"does not fit its config\.yml: a network with more than [\d,]+ parameters \('weight'\) is not that agent's",
    ),
    "a network that fills the memory, by weights that are not stored": (
        lambda files, _: {
            "config.yml": RL_ZOO.replace(b"[256, 256]", b"[256, 3000, 3000]"),
            ZIP: with_members(files[ZIP], {"policy.pth": saved({"q": torch.zeros(1).expand(10**9, 1000)})}),
        },
        r"'q' in 'policy\.pth' has more numbers than are stored of it",
    ),
    "a network that fills the memory, by weights that lie in one another": (
        lambda files, _: {
            "config.yml": RL_ZOO.replace(b"[256, 256]", b"[256, 3000, 3000]"),
            ZIP: with_members(files[ZIP], {"policy.pth": saved(dict.fromkeys("abcdefghijklmno", torch.zeros(10**5)))}),
        },
        r"a network with more than 1,800,000 parameters \('weight'\) is not that agent's",
    ),
    "a policy that the environment cannot have": (
        lambda *_: {"config.yml": RL_ZOO.replace(b"MlpPolicy", b"CnnPolicy").replace(b"policy_kwargs", b"#")},
        r"does not fit its config\.yml: You should use NatureCNN only with images",
    ),
    "frames that fill the memory": (
        lambda *_: {"config.yml": RL_ZOO + b"frame_stack: 1000000000\n"},
        r"frame_stack: must be at most 100, not 1000000000",
    ),
    "results that are none": (
        lambda *_: {"results.json": b'{"run": {"format_version": 1, "seed": "x"}}'},
        r"results\.json: versions: Field required",
    ),
    "results that never end": (lambda *_: {"results.json": b"[" * 100_000}, r"results\.json is not JSON"),
    "half an agent": (
        lambda files, _: {ZIP: files[ZIP][:1000]},
        r"is cut short or damaged",
    ),
}


@pytest.mark.parametrize(("attack", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_in_a_line(
    attack: Callable[[Files, Path], Files], message: str, files: Files, mark: Path, hub: Hub, tmp_path: Path
) -> None:
    hub.store.put("mallory/dqn-CartPole-v1", {**files, **attack(files, mark)})
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path / "logs", "-orga", "mallory")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())  # neither the mark, nor a log folder


@pytest.mark.parametrize("key", ["policy_class", "lr_schedule", "nobody_knows_this_key"])
def test_pickles_in_the_data_are_never_looked_at(
    key: str, files: Files, mark: Path, hub: Hub, tmp_path: Path, trained: Path
) -> None:
    """Every agent of Stable-Baselines3 has some: it is loaded, and plays as it did."""
    hub.store.put("mallory/dqn-CartPole-v1", {**files, ZIP: with_pickle(files[ZIP], key, mark)})
    logs = tmp_path / "logs"
    assert load(logs, "-orga", "mallory") == 0
    assert enjoy([*CARTPOLE, "-f", str(logs), "--no-render", "-n", "10"]) == 0
    assert (q_values(logs) == q_values(trained)).all()
    assert not mark.exists()


def test_the_payloads_are_live(files: Files, tmp_path: Path) -> None:
    marks = [tmp_path / str(number) for number in range(3)]
    (tmp_path / "agent.zip").write_bytes(with_pickle(files[ZIP], "nobody_knows_this_key", marks[0]))
    DQN.load(tmp_path / "agent.zip", custom_objects={"learning_rate": 1e-3})
    yaml.load(f"!!python/object/apply:os.mkdir ['{marks[1]}']", Loader=yaml.UnsafeLoader)
    (tmp_path / "evaluations.npz").write_bytes(npz_of_objects(marks[2]))
    with np.load(tmp_path / "evaluations.npz", allow_pickle=True) as arrays:
        _ = arrays["timesteps"]
    assert all(mark.is_dir() for mark in marks)


VERBS: dict[str, Callable[[Path], int]] = {
    "enjoy": lambda logs: enjoy([*CARTPOLE, "-f", str(logs), "--no-render", "-n", "10"]),
    "evaluate": lambda logs: evaluate([*CARTPOLE, "-f", str(logs), "--episodes", "1"]),
    "record_video": lambda logs: record_video([*CARTPOLE, "-f", str(logs), "-n", "10"]),
    "push_to_hub": lambda logs: push(logs, "--dry-run"),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_every_verb_refuses_in_the_same_way(verb: Callable[[Path], int], packed: Path, mark: Path) -> None:
    config = run_of(packed) / "CartPole-v1" / "config.yml"
    agent = run_of(packed) / "CartPole-v1.zip"
    before = config.read_bytes()
    config.write_bytes(RL_ZOO + f"gamma: !!python/object/apply:os.mkdir ['{mark}']\n".encode())
    with pytest.raises(UserError, match=r"config\.yml:4: tag '!!python/object/apply:os\.mkdir' is refused"):
        verb(packed)
    config.write_bytes(before)
    agent.write_bytes(with_members(agent.read_bytes(), {"policy.pth": pickle.dumps(Payload(mark))}))
    with pytest.raises(UserError, match=r"'policy\.pth' cannot be read as plain tensors"):
        verb(packed)
    assert not mark.exists()


def test_trust_keeps_the_files_and_runs_none(
    files: Files, mark: Path, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = RL_ZOO + f"env_wrapper: {{os.mkdir: {{path: '{mark}'}}}}\n".encode()
    pickled = with_pickle(files[ZIP], "lr_schedule", mark)
    hub.store.put("mallory/dqn-CartPole-v1", {**files, ZIP: pickled, "config.yml": config})
    logs = tmp_path / "logs"
    with pytest.raises(
        UserError,
        match=r"with --trust .*, which would run: .*16 pickles, which import .*, posix\.mkdir, .*it may run any code",
    ):
        load(logs, "-orga", "mallory")
    assert load(logs, "-orga", "mallory", "--trust") == 0
    said = capsys.readouterr().out
    assert 'env_wrapper imported and called: {"os.mkdir"' in said
    assert "next:" not in said  # no command here plays it
    assert (run_of(logs) / "CartPole-v1" / "config.yml").read_bytes() == config
    assert (run_of(logs) / "CartPole-v1.zip").read_bytes() == pickled
    with pytest.raises(UserError, match=r"env_wrapper 'os\.mkdir' is refused"):
        Agent.find(logs, "dqn", resolve("CartPole-v1"))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("config.yml", lambda old: old.replace(b"gamma: 0.99", b"gamma: 0.98"), r"config\.yml is damaged"),
        (ZIP, lambda old: with_members(old, {"more": b""}), r"dqn-CartPole-v1\.zip has \d+ bytes, and should have"),
        ("manifest.json", lambda old: old.replace(b'"dqn"', b'"c51"'), r"the package is of 'c51' on 'CartPole-v1'"),
        ("manifest.json", lambda old: old.replace(b'"dqn"', b'"\\u001b[2J\\nx"'), r"of '\\x1b\[2J x' on 'CartPole-v1'"),
        ("manifest.json", lambda _: b"{}", r"manifest\.json: format_version is None"),
        ("manifest.json", lambda _: b"[" * 100_000, r"manifest\.json is no manifest"),
    ],
    ids=["config", "zip", "algo", "a terminal's escapes", "empty", "deep"],
)
def test_what_the_manifest_does_not_say(
    name: str, change: Callable[[bytes], bytes], message: str, packed: Path, hub: Hub, tmp_path: Path
) -> None:
    package = package_of(packed)
    files = {path.name: path.read_bytes() for path in package.iterdir()}
    hub.store.put("mallory/dqn-CartPole-v1", {**files, name: change(files[name])})
    with pytest.raises(UserError, match=message) as caught:
        load(tmp_path / "elsewhere", "-orga", "mallory")
    assert str(caught.value).isprintable()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda weight: weight + 1,
        lambda weight: weight.double(),
        lambda weight: weight.to(torch.float8_e4m3fn),  # PyTorch does not compare it with anything
    ],
    ids=["other numbers", "other kind", "of eight bits"],
)
def test_another_policy_in_the_safetensors(
    change: Callable[[torch.Tensor], torch.Tensor], packed: Path, hub: Hub, tmp_path: Path
) -> None:
    import safetensors.torch

    files = {path.name: path.read_bytes() for path in package_of(packed).iterdir() if path.name != "manifest.json"}
    tensors = safetensors.torch.load(files["model.safetensors"])
    tensors["q_net.q_net.0.bias"] = change(tensors["q_net.q_net.0.bias"])
    hub.store.put("mallory/dqn-CartPole-v1", {**files, "model.safetensors": safetensors.torch.save(tensors)})
    with pytest.raises(UserError, match=r"the policies in .* differ: one of them was replaced"):
        load(tmp_path / "elsewhere", "-orga", "mallory")


def test_a_hub_that_sends_something_else(packed: Path, hub: Hub, tmp_path: Path) -> None:
    assert push(packed) == 0
    sent = hub.store.repos["ann/dqn-CartPole-v1"].head.files[ZIP]
    hub.store.sent_instead[sent.sha256] = bytes([*sent.content[:-1], sent.content[-1] ^ 1])
    with pytest.raises(UserError, match=r"'dqn-CartPole-v1\.zip' is not what the Hub says it is"):
        load(tmp_path / "elsewhere", seconds=0)
