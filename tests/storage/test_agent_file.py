import base64
import io
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from stable_baselines3 import DQN

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage import agent_file
from dqn_zoo_ext.storage.agent_file import (
    Counters,
    read_counters,
    read_optimizer_state,
    read_policy_weights,
    write_agent,
)

READERS: list[Callable[[Path], object]] = [read_policy_weights, read_optimizer_state, read_counters]


@pytest.fixture(scope="module")
def model() -> DQN:
    policy_kwargs = {"net_arch": [4]}
    dqn = DQN("MlpPolicy", "CartPole-v1", policy_kwargs=policy_kwargs, buffer_size=100, learning_starts=20, seed=0)
    return dqn.learn(60)


@pytest.fixture
def agent(model: DQN, tmp_path: Path) -> Path:
    write_agent(model, tmp_path / "agent.zip")
    return tmp_path / "agent.zip"


def plain(value: Any) -> Any:
    """The value with lists in the place of tensors, so that == compares all of it."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return value.tolist() if isinstance(value, torch.Tensor) else value


def rewritten(agent: Path, members: dict[str, bytes | None]) -> Path:
    """The agent with some members replaced, or left out where None is given."""
    path = agent.with_name("rewritten.zip")
    with zipfile.ZipFile(agent) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = members.get(name, source.read(name))
            if content is not None:
                target.writestr(name, content)
    return path


def test_everything_comes_back_as_it_was(model: DQN, agent: Path) -> None:
    weights = read_policy_weights(agent)
    expected = model.policy.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    state = read_optimizer_state(agent)
    assert state["param_groups"] == model.policy.optimizer.state_dict()["param_groups"]
    assert all(
        torch.equal(state["state"][0][key], model.policy.optimizer.state_dict()["state"][0][key])
        for key in ("exp_avg", "step")
    )
    assert read_counters(agent) == Counters(model.num_timesteps, model._n_updates, model._episode_num)
    assert read_counters(agent).num_timesteps == 60


def test_sb3_loads_what_was_written_and_nothing_else_lies_there(model: DQN, agent: Path) -> None:
    loaded = DQN.load(agent)
    assert all(torch.equal(a, b) for a, b in zip(loaded.policy.parameters(), model.policy.parameters(), strict=True))
    assert list(agent.parent.iterdir()) == [agent]


def test_the_name_is_kept_without_a_suffix_too(model: DQN, tmp_path: Path) -> None:
    write_agent(model, tmp_path / "agent")
    assert [file.name for file in tmp_path.iterdir()] == ["agent"]


def test_an_interrupted_save_keeps_the_old_agent(agent: Path) -> None:
    class Interrupted(DQN):
        def save(self, path: Any, *_: Any, **__: Any) -> None:
            path.write(b"PK\x03\x04 the first half")
            raise KeyboardInterrupt

    before = agent.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        write_agent(Interrupted("MlpPolicy", "CartPole-v1", buffer_size=10), agent)
    assert agent.read_bytes() == before
    assert list(agent.parent.iterdir()) == [agent]


def test_a_folder_that_is_not_there_is_one_line(model: DQN, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^cannot write .*agent\.zip: No such file or directory$"):
        write_agent(model, tmp_path / "none" / "agent.zip")


@pytest.mark.parametrize("read", READERS)
def test_broken_files_are_one_line_with_name_and_reason(agent: Path, read: Callable[[Path], object]) -> None:
    def answer(path: Path) -> str:
        with pytest.raises(UserError) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    content = agent.read_bytes()
    broken = agent.with_name("broken.zip")
    assert answer(broken).endswith(": No such file or directory")
    assert answer(agent.parent).endswith(": Is a directory")
    for length in (len(content) // 2, len(content) - 1, 4):
        broken.write_bytes(content[:length])
        assert answer(broken).endswith("is cut short or damaged")
    for nothing in (b"", b"<html>404</html>"):
        broken.write_bytes(nothing)
        assert answer(broken).endswith("is not a zip file")
    empty = rewritten(agent, dict.fromkeys(zipfile.ZipFile(agent).namelist()))
    assert "has no member" in answer(empty)


@pytest.mark.parametrize(
    ("read", "member"), list(zip(READERS, ("policy.pth", "policy.optimizer.pth", "data"), strict=True))
)
def test_a_flipped_bit_in_a_member_is_found(agent: Path, read: Callable[[Path], object], member: str) -> None:
    content = bytearray(agent.read_bytes())
    with zipfile.ZipFile(agent) as archive:
        info = archive.getinfo(member)
        middle = content.index(archive.read(member)) + info.file_size // 2
    content[middle] ^= 16
    agent.write_bytes(content)
    with pytest.raises(UserError, match=r"agent\.zip is damaged \(its checksum is wrong\)$"):
        read(agent)


@pytest.mark.parametrize("read", READERS)
def test_any_flipped_bit_gives_the_same_values_or_one_line(agent: Path, read: Callable[[Path], object]) -> None:
    """Bits everywhere in the file, most of them in the directory at the end, which no checksum covers."""
    content = agent.read_bytes()
    expected = plain(read(agent))
    rng = random.Random(0)
    places = [rng.randrange(len(content)) for _ in range(300)]
    places += [rng.randrange(len(content) - 700, len(content)) for _ in range(700)]
    answers = []
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.randrange(8)
        agent.write_bytes(damaged)
        try:
            answers.append(plain(read(agent)))
        except UserError as error:
            answers.append(str(error))
    errors = [answer for answer in answers if answer != expected]
    assert len(errors) > 100
    assert all(isinstance(error, str) and "\n" not in error for error in errors)


def test_nothing_in_the_file_is_run(agent: Path) -> None:
    """Pickles in every member that SB3 would unpickle, one of them under its own name, make a folder when they run."""
    trap = agent.with_name("it ran")

    class Trap:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return os.mkdir, (str(trap),)

    with zipfile.ZipFile(agent) as archive:
        data = json.loads(archive.read("data"))
    data["extra"] = {":type:": "trap", ":serialized:": base64.b64encode(pickle.dumps(Trap())).decode()}
    members: dict[str, bytes | None] = {
        "data": json.dumps(data).encode(),
        "pytorch_variables.pth": pickle.dumps(Trap()),
    }
    armed = rewritten(agent, members)
    for read in READERS:
        read(armed)
    members = {"policy.pth": pickle.dumps(Trap(), 2), "policy.optimizer.pth": pickle.dumps(Trap(), 2)}
    armed = rewritten(agent, members)
    for read in READERS[:2]:
        with pytest.raises(UserError, match="cannot be read as plain tensors"):
            read(armed)
    assert not trap.exists()
    pickle.loads(pickle.dumps(Trap()))  # the trap does work
    assert trap.exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"{}", "'num_timesteps' is no counter: None"),
        (b'{"num_timesteps": true}', "'num_timesteps' is no counter: True"),
        (b'{"num_timesteps": 1, "_n_updates": -2}', "'_n_updates' is no counter: -2"),
        (b'{"num_timesteps": 1, "_n_updates": 2, "_episode_num": 0.5}', "'_episode_num' is no counter: 0.5"),
    ],
)
def test_counters_are_plain_integers_or_one_line(agent: Path, data: bytes, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_counters(rewritten(agent, {"data": data}))
    assert str(caught.value).endswith(message)


def test_state_dicts_of_the_wrong_kind_are_one_line(agent: Path) -> None:
    torch.save([1], agent.with_name("list.pth"))
    torch.save({"q": 1}, agent.with_name("number.pth"))
    a_list, a_number = (agent.with_name(name).read_bytes() for name in ("list.pth", "number.pth"))
    with pytest.raises(UserError, match=r"'policy\.pth' holds no state dict$"):
        read_policy_weights(rewritten(agent, {"policy.pth": a_list}))
    with pytest.raises(UserError, match=r"holds something that is not a tensor$"):
        read_policy_weights(rewritten(agent, {"policy.pth": a_number}))
    with pytest.raises(UserError, match=r"is not the state of an optimizer$"):
        read_optimizer_state(rewritten(agent, {"policy.optimizer.pth": a_number}))


def packed(state: object) -> bytes:
    """As torch.save writes it, with every member compressed, which torch reads and never writes."""
    saved, result = io.BytesIO(), io.BytesIO()
    torch.save(state, saved)
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return result.getvalue()


def test_many_small_tensors_that_fill_the_memory_together(agent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = packed({str(number): torch.zeros(240_000) for number in range(40)})
    assert len(zeros) < 100_000
    with pytest.raises(UserError, match=r"its \d+ members would take 38 MB, from 0\.1 MB; refused$"):
        read_policy_weights(rewritten(agent, {"policy.pth": zeros}))
    halves = {str(number): torch.cat([torch.zeros(110_000), torch.rand(110_000)]) for number in range(4)}
    armed = rewritten(agent, {"policy.pth": packed(halves)})
    assert len(read_policy_weights(armed)) == 4
    monkeypatch.setattr(agent_file, "_MOST_BYTES", 2_500_000)
    with pytest.raises(UserError, match=r"its \d+ members would take 4 MB, from 1\.\d MB; refused$"):
        read_policy_weights(armed)


def test_a_bomb_in_a_bomb(agent: Path) -> None:
    """Each is compressed by less than the measure, both together by far more."""
    noise = torch.rand(2_500).repeat(80)  # 0.8 MB of 10 kB that come again
    inner = packed({str(number): noise.clone() for number in range(40)})
    outer = agent.with_name("outer.zip")
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("policy.pth", inner)
    assert 2 * len(inner) < 3_200_000 < 100 * len(inner)
    assert 100 * outer.stat().st_size < 32_000_000
    with pytest.raises(UserError, match=r"its \d+ members would take 32 MB, from 0\.\d MB; refused$"):
        read_policy_weights(outer)


@pytest.mark.parametrize(
    "made",
    [
        lambda: torch.zeros(1).expand(10**9, 1000),
        lambda: torch.zeros(2_000).as_strided((1_000, 500), (1, 1)),
        lambda: torch.empty(10**12, device="meta"),
        lambda: torch.sparse_coo_tensor(torch.zeros(1, 1, dtype=torch.long), torch.ones(1), (10**12,)),
    ],
    ids=["expanded", "overlapping", "meta", "sparse"],
)
def test_a_tensor_with_more_numbers_than_are_stored(agent: Path, made: Callable[[], torch.Tensor]) -> None:
    saved = io.BytesIO()
    torch.save({"q": made()}, saved)
    assert len(saved.getvalue()) < 10_000
    with pytest.raises(UserError, match=r": 'q' in 'policy\.pth' has more numbers than are stored of it$"):
        read_policy_weights(rewritten(agent, {"policy.pth": saved.getvalue()}))


def test_tensors_of_kinds_that_nothing_computes_with(agent: Path) -> None:
    saved = io.BytesIO()
    torch.save({"q": torch.zeros(3).to(torch.float8_e4m3fn)}, saved)
    with pytest.raises(UserError, match=r": 'q' in 'policy\.pth' has numbers of the kind torch\.float8_e4m3fn, which"):
        read_policy_weights(rewritten(agent, {"policy.pth": saved.getvalue()}))


def test_nothing_of_a_file_reaches_the_terminal_unescaped(agent: Path) -> None:
    saved, cleared = io.BytesIO(), "\x1b[2J\nq"
    torch.save({cleared: torch.zeros(3)}, saved)
    data = json.dumps({"num_timesteps": cleared}).encode()
    armed = rewritten(agent, {"policy.pth": saved.getvalue(), "data": data})
    for read in (read_policy_weights, read_counters):
        with pytest.raises(UserError, match=r"\\x1b\[2J") as caught:
            read(armed)
        assert str(caught.value).isprintable()


def test_tensors_in_a_zip_that_python_cannot_read(agent: Path) -> None:
    """It asks for a version of the format that Python does not know and torch does not look at."""
    content = bytearray(packed({"q": torch.zeros(1_000_000)}))
    at = 0
    while (at := content.find(b"PK\x01\x02", at)) >= 0:
        content[at + 6 : at + 8] = (99).to_bytes(2, "little")
        at += 4
    assert len(torch.load(io.BytesIO(content), weights_only=True)["q"]) == 1_000_000  # torch unpacks it without measure
    with pytest.raises(UserError, match=r"'policy\.pth' cannot be read as plain tensors$"):
        read_policy_weights(rewritten(agent, {"policy.pth": bytes(content)}))


_END = struct.Struct("<4sHHHHIIH")


def parts(content: bytes) -> tuple[bytes, bytes, int]:
    """Of a zip: its members, its directory, and how many the members are."""
    end = content.rindex(b"PK\x05\x06")
    *_, count, _, begins, _ = _END.unpack(content[end:])
    return content[:begins], content[begins:end], count


def with_two_directories(one: bytes, other: bytes) -> bytes:
    """A zip that is `one` to torch and `other` to Python.

    torch goes to where the directory is said to lie; Python looks just before the end, and takes the distance between
    the two for something that the zip was put behind.
    """
    (members, directory, count), (more, last, _) = parts(one), parts(other)
    assert len(directory) == len(last)
    moved, at = bytearray(last), 0
    while (at := moved.find(b"PK\x01\x02", at)) >= 0:
        (offset,) = struct.unpack_from("<I", moved, at + 42)
        struct.pack_into("<I", moved, at + 42, offset + len(members) - len(more))
        at += 46
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), len(members), 0)
    return members + directory + more + bytes(moved) + end


def test_torch_sees_the_members_whose_sizes_were_checked(agent: Path) -> None:
    bomb, harmless = packed({"q": torch.zeros(1_000_000)}), packed({"q": torch.ones(3)})
    armed = with_two_directories(bomb, harmless)
    assert len(torch.load(io.BytesIO(armed), weights_only=True)["q"]) == 1_000_000
    with zipfile.ZipFile(io.BytesIO(armed)) as archive:
        assert sum(member.file_size for member in archive.infolist()) < 10_000
    assert read_policy_weights(rewritten(agent, {"policy.pth": armed}))["q"].tolist() == [1, 1, 1]
