"""A policy's weights as safetensors: whole, without code, without the target network where nobody learns."""

from pathlib import Path

import pytest
import torch

from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.storage.plain_weights import read_plain_weights, with_target, without_target, write_plain_weights

ONLINE = torch.arange(6.0).reshape(2, 3)
WEIGHTS = {"q_net.w": ONLINE, "q_net_target.w": ONLINE + 1, "quantile_net.w": ONLINE + 2, "other": ONLINE.T}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_plain_weights(WEIGHTS, tmp_path / "model.safetensors")
    found = read_plain_weights(tmp_path / "model.safetensors")
    assert found.keys() == WEIGHTS.keys()
    assert all(torch.equal(found[name], WEIGHTS[name]) for name in WEIGHTS)


def test_tensors_may_share_memory(tmp_path: Path) -> None:
    """As after a target network was saved that is the online one itself."""
    write_plain_weights({"q_net.w": ONLINE, "q_net_target.w": ONLINE}, tmp_path / "model.safetensors")
    found = read_plain_weights(tmp_path / "model.safetensors")
    assert torch.equal(found["q_net.w"], found["q_net_target.w"])


def test_the_target_network_is_left_out_and_made_anew() -> None:
    fewer = without_target(WEIGHTS)
    assert fewer.keys() == {"q_net.w", "quantile_net.w", "other"}
    again = with_target(fewer)
    assert again.keys() == {*WEIGHTS, "quantile_net_target.w"}
    assert torch.equal(again["q_net_target.w"], ONLINE)
    assert torch.equal(again["quantile_net_target.w"], ONLINE + 2)
    assert torch.equal(with_target(WEIGHTS)["q_net_target.w"], ONLINE + 1)  # one that is there stays


_HEADER = b'{"q":{"dtype":"\\u001b[2J\\n","shape":[1],"data_offsets":[0,4]}}'


@pytest.mark.parametrize(
    "content", [None, b"", b"no safetensors file", len(_HEADER).to_bytes(8, "little") + _HEADER + bytes(4)]
)
def test_another_file_is_one_line(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.safetensors cannot be read: ") as caught:
        read_plain_weights(path)
    assert str(caught.value).isprintable()
