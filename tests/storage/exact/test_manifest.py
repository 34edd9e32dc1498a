"""The list of what a checkpoint consists of: it is itself checked, to the last byte."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dqn_zoo_ext.storage.exact.manifest import Manifest, Segment, read_manifest, what_is_wrong
from dqn_zoo_ext.storage.exact.tensor_file import Written, checksum
from dqn_zoo_ext.storage.results import Versions

MANIFEST = Manifest(
    agent_steps=1200,
    versions=Versions.here(),
    files={"state.json": Written(5, "ab" * 32), "best_model.zip": Written(7, "cd" * 32)},
    segments=(Segment("rows_0_9.safetensors.gz", 0, 9, Written(90, "ef" * 32)),),
)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "manifest.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    back = read_manifest(written(tmp_path, MANIFEST.text()))
    assert replace(back, sha256="") == MANIFEST
    assert back.text() == MANIFEST.text()


def test_every_flipped_bit_and_every_cut_is_seen(tmp_path: Path) -> None:
    whole = MANIFEST.text().encode()
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]):
            with pytest.raises(
                ValueError, match=r"^manifest\.json (is damaged: .+|has format_version \d+, and)"
            ) as told:
                read_manifest(written(tmp_path, damaged))
            assert "\n" not in str(told.value)


def test_a_byte_more_is_seen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its checksum is wrong"):
        read_manifest(written(tmp_path, MANIFEST.text() + "\n"))


def test_what_says_the_same_in_other_words_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its checksum is wrong"):
        read_manifest(written(tmp_path, json.dumps(json.loads(MANIFEST.text()))))


def test_a_number_changed_by_hand_is_seen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its checksum is wrong"):
        read_manifest(written(tmp_path, MANIFEST.text().replace('"agent_steps": 1200', '"agent_steps": 2400')))


def test_another_format_is_named_and_not_called_damaged(tmp_path: Path) -> None:
    path = written(tmp_path, replace(MANIFEST, format_version=2).text())
    with pytest.raises(ValueError, match=r"^manifest\.json has format_version 2, and this program reads 1$"):
        read_manifest(path)


@pytest.mark.parametrize("text", ["", "[]", "null", "3", '{"format_version": true}', "[" * 100_000, '"\\ud800"'])
def test_other_json_is_a_value_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is damaged"):
        read_manifest(written(tmp_path, text))


def test_a_missing_one_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_manifest(tmp_path / "manifest.json")


def test_what_is_wrong_with_a_file_is_said_in_a_few_words(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"12345")
    expected = checksum(path)
    assert what_is_wrong(path, expected) is None
    path.write_bytes(b"1234")
    assert what_is_wrong(path, expected) == "state.json has 4 bytes, and should have 5"
    path.write_bytes(b"12346")
    assert what_is_wrong(path, expected) == "state.json is damaged: its checksum is wrong"
    path.unlink()
    assert what_is_wrong(path, expected) == "state.json is missing"
    path.mkdir()
    folder = Written(path.stat().st_size, expected.sha256)
    assert what_is_wrong(path, folder) == "state.json cannot be read: Is a directory"
