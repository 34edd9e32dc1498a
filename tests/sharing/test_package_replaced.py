"""A package that is made anew: whenever the process is killed, the older one or the newer one is there, whole."""

import os
import signal
import sys
from pathlib import Path

import pytest

from dqn_zoo_ext.sharing.package import CARD, Package, find_package, new_package

OF_THE_DISK = {"os.rename", "os.remove", "os.rmdir", "os.unlink", "shutil.rmtree", "os.chmod", "os.mkdir"}
OLD, NEW = "a" * 64, "b" * 64


def make(path: Path, made_from: str) -> None:
    with new_package(path, "dqn", "CartPole-v1", made_from) as folder:
        (folder / CARD).write_text(made_from)
        (folder / "model.safetensors").write_text(made_from)
        (folder / "results.json").write_text(made_from)


def killed_at(path: Path, number: int) -> bool:
    """Make the newer one in a process that dies before its so manyth change of the disk; whether it came to that."""
    child = os.fork()
    if child == 0:
        seen = 0

        def die(event: str, _: object) -> None:
            nonlocal seen
            if event in OF_THE_DISK:
                seen += 1
                if seen == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(die)
        make(path, NEW)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def there(path: Path) -> Package:
    """The package that a later start finds, whichever it is."""
    found = find_package(path, OLD) or find_package(path, NEW)
    assert found is not None
    assert (path / CARD).read_text() == found.manifest.made_from
    return found


def test_one_of_both_is_there_wherever_it_is_killed(tmp_path: Path) -> None:
    found = []
    for number in range(1, 100):
        path = tmp_path / str(number) / "package"
        make(path, OLD)
        was_killed = killed_at(path, number)
        found.append(there(path).manifest.made_from)
        make(path, NEW)  # and nothing is in the way of the next one
        assert there(path).manifest.made_from == NEW
        assert not list(path.parent.glob(".*.old"))
        if not was_killed:
            break
    assert found[0] == OLD
    assert found[-1] == NEW
    assert len(found) > 8  # two renames, and each file of the older one
    assert found == sorted(found)


def test_a_package_that_fails_leaves_the_older_one(tmp_path: Path) -> None:
    path = tmp_path / "package"
    make(path, OLD)
    with pytest.raises(FileNotFoundError), new_package(path, "dqn", "CartPole-v1", NEW) as folder:
        (folder / "nowhere" / CARD).write_text(NEW)
    assert there(path).manifest.made_from == OLD
    assert [each.name for each in tmp_path.iterdir()] == ["package"]
