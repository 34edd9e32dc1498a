"""What is said of files before somebody trusts them: every name that a run would import, however it is hidden."""

import base64
import collections
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from dqn_zoo_ext.sharing.inspection import what_would_run
from dqn_zoo_ext.sharing.pickle_names import UNREADABLE, imported_by

ZIP = "dqn-CartPole-v1.zip"


class Hub:
    """Reduced to a function of a module that every agent names too."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return torch.hub.load, ("mallory/repo", "model")


def said(tmp_path: Path, name: str, content: bytes) -> str:
    (tmp_path / name).write_bytes(content)
    return "; ".join(what_would_run({name: tmp_path / name}, ZIP))


def zip_with(tmp_path: Path, **pickles: str) -> bytes:
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        archive.writestr("data", json.dumps({key: {":serialized:": each} for key, each in pickles.items()}))
    return (tmp_path / "made.zip").read_bytes()


# opcodes of their own: a dummy call, and texts that are put in the memo and popped, so that others lie on top
HIDDEN = {
    "cut short": (b"cos\nsystem\n(S'id'\ntR\xff", ["os.system", UNREADABLE]),
    "an instance": (b"(S'id'\nios\nsystem\n.", ["os.system"]),
    "popped": (b"\x80\x04\x8c\x02os\x8c\x06system\x8c\x05numpy\x8c\x05dtype00\x93.", [UNREADABLE]),
    "put": (
        b"\x80\x04\x8c\x02osq\x000\x8c\x06systemq\x010\x8c\x05numpy\x8c\x05dtype00h\x00h\x01\x93.",
        ["os.system"],
    ),
    "put over": (b"\x80\x04\x8c\x05numpyq\x00\x8c\x02osq\x0000h\x00\x8c\x06system\x93.", ["os.system"]),
    "duplicated": (b"\x80\x04\x8c\x02os2\x93.", [UNREADABLE]),
    "an extension": (b"\x80\x02\x82\x01.", [UNREADABLE]),
    "no pickle": (b"\xff\xff", [UNREADABLE]),
    "nothing": (b"", [UNREADABLE]),
}


@pytest.mark.parametrize(("pickled", "names"), HIDDEN.values(), ids=HIDDEN)
def test_names_in_opcodes(pickled: bytes, names: list[str]) -> None:
    assert list(imported_by(pickled)) == names


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_names_in_what_python_pickles(protocol: int) -> None:
    class Call:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return os.mkdir, ("somewhere",)

    data = [collections.Counter("aab"), Call(), Call(), collections.OrderedDict(a=1), "os", "system"]
    found = set(imported_by(pickle.dumps(data, protocol)))
    assert {"posix.mkdir", "collections.Counter", "collections.OrderedDict"} <= found
    assert UNREADABLE not in found


def test_a_broken_pickle_is_told_as_far_as_it_would_run(tmp_path: Path) -> None:
    broken = base64.b64encode(b"cos\nsystem\n(S'id'\ntR\xff").decode()
    found = said(tmp_path, ZIP, zip_with(tmp_path, lr_schedule=broken))
    assert found.startswith(f"{ZIP} has 1 pickles, which import something unreadable, os.system; ")


def test_a_usual_module_hides_nothing(tmp_path: Path) -> None:
    harmful = base64.b64encode(pickle.dumps(Hub())).decode()
    assert "import torch.hub.load; " in said(tmp_path, ZIP, zip_with(tmp_path, lr_schedule=harmful))


def test_no_number_of_names_hides_one(tmp_path: Path) -> None:
    many = base64.b64encode(b"".join(b"cnumpy\nname_%03d\n0" % number for number in range(150)) + b"N.").decode()
    found = said(tmp_path, ZIP, zip_with(tmp_path, lr_schedule=many))
    assert "numpy.name_099" in found
    assert "and 50 more" in found


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_what_is_no_zip(content: bytes, tmp_path: Path) -> None:
    assert f"{ZIP} has something unreadable" in said(tmp_path, ZIP, content)


def test_what_is_no_base64(tmp_path: Path) -> None:
    assert "import something unreadable" in said(tmp_path, ZIP, zip_with(tmp_path, lr_schedule="a"))


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.mkdir ['{mark}']\n",
        "%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.mkdir ['{mark}']\n",
        "%TAG !x! tag:yaml.org,2002:\n---\na: !x!python/object/apply:os.mkdir ['{mark}']\n",
        "a: !!python%2Fobject/apply:os.mkdir ['{mark}']\n",
        "a: !<tag:yaml.org,2002:python/object%2Fapply:os.mkdir> ['{mark}']\n",
    ],
    ids=["plain", "handle", "named handle", "escaped", "verbatim"],
)
def test_tags_however_they_are_written(text: str, tmp_path: Path) -> None:
    mark = tmp_path / "it_ran"
    text = text.replace("{mark}", str(mark))
    assert "args.yml makes !!python/object/apply:os.mkdir; " in said(tmp_path, "args.yml", text.encode())
    assert not mark.exists()
    yaml.load(text, Loader=yaml.UnsafeLoader)  # the payload is live
    assert mark.is_dir()


def test_the_encoding_of_a_file_hides_no_tag(tmp_path: Path) -> None:
    text = "a: !!python/object/apply:os.mkdir [x]\n"
    assert "args.yml makes !!python/object/apply:os.mkdir; " in said(tmp_path, "args.yml", text.encode("utf-16"))


def test_a_broken_file_is_told_as_far_as_it_was_read(tmp_path: Path) -> None:
    found = said(tmp_path, "args.yml", b"a: !!python/name:os.mkdir x\nb: [")
    assert "args.yml makes !!python/name:os.mkdir; args.yml makes something unreadable; " in found


def test_a_tag_does_not_hide_that_nothing_else_was_read(tmp_path: Path) -> None:
    found = said(tmp_path, "config.yml", b"env_wrapper: os.mkdir\na: !!python/name:os.mkdir ''\n")
    assert "config.yml cannot be read as plain data" in found


def test_it_always_says_that_it_may_be_any_code(tmp_path: Path) -> None:
    assert said(tmp_path, "args.yml", b"{}\n") == "nothing that was found; " + (
        "and whatever it says here, it may run any code"
    )
