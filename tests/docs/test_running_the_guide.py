"""Every command in the README and the guide is run, shortened: here, or in order by the test of its page."""

import re
from pathlib import Path

import pytest
from guide_commands import JOB_FILES, PAGES, Command, commands_in, commands_in_scripts
from guide_outcomes import COMES_OF
from guide_shell import Shell
from guide_shortened import is_long, key_of, once, short
from hub_server import Hub

from dqn_zoo_ext.__main__ import VERBS
from dqn_zoo_ext.storage.user_cache import CACHE_VARIABLE

SCRIPTS = {
    "tutorial.md": "test_tutorial.py",
    "course-unit3.md": "test_course_unit3.py",
    "fixed_targets.md": "test_tour.py",
}
"""Pages with commands in ``sh`` blocks, and the test that runs those in order."""
WHOLE_PAGES = {"extending.md": "test_extending.py"}
"""Pages all of whose commands a test runs in order, as they need the page's modules."""
EXCEPTIONS = {
    "campaigns.md: train --algo ALGO --env ENV -conf FILE": "tests/verbs/test_comparison_verb.py runs one with names",
}
"""Commands that are not run as they stand, and why."""


def is_run_by_the_test_of_its_page(command: Command) -> bool:
    page = command.page.name
    return page in WHOLE_PAGES or (page in SCRIPTS and command in commands_in_scripts(command.page))


EVERY = [each for page in (*PAGES, *JOB_FILES) for each in dict.fromkeys(commands_in(page))]
RUN_HERE = once(each for each in EVERY if not is_run_by_the_test_of_its_page(each) and str(each) not in EXCEPTIONS)


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory, running_hub: Hub) -> Shell:
    return Shell(tmp_path_factory.mktemp("shell"), running_hub)


@pytest.fixture(autouse=True)
def _machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """One without a display; baselines are kept in a folder of the tests'."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path_factory.getbasetemp() / "cache_of_the_guide"))
    for variable in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    "command", [pytest.param(each, id=str(each), marks=[pytest.mark.slow] * is_long(each)) for each in RUN_HERE]
)
def test_a_command_works(command: Command, shell: Shell) -> None:
    outcome = shell.run(command)
    assert outcome.code == 0
    COMES_OF[command.verb](short(command), outcome)


def test_every_command_is_run() -> None:
    """Here, or by the test of its page, or it is an exception that still stands in the guide."""
    run_here = {key_of(short(each)) for each in RUN_HERE}
    assert len(EVERY) > 120  # that they are found at all
    assert len(run_here) > 75
    for each in EVERY:
        if str(each) not in EXCEPTIONS and not is_run_by_the_test_of_its_page(each):
            assert key_of(short(each)) in run_here
    assert set(EXCEPTIONS) <= {str(each) for each in EVERY}


def test_every_verb_can_be_run() -> None:
    """So that a page may have any of them tomorrow."""
    assert COMES_OF.keys() == VERBS.keys()


def test_the_tests_of_pages_are_there() -> None:
    """Each names its page; a page with scripts that no test runs in order is not passed over."""
    with_scripts = {page.name for page in PAGES if commands_in_scripts(page)}
    assert with_scripts == SCRIPTS.keys()
    for page, test in {**SCRIPTS, **WHOLE_PAGES}.items():
        assert re.search(rf'"{page}"', (Path(__file__).parent / test).read_text(encoding="utf-8"))


def test_a_command_is_shortened() -> None:
    page = PAGES[0]
    words = ("--preset", "pong-quick", "-n", "5000", "--device", "cpu", "-params", "learning_starts:9", "gamma:0.9")
    shorter = short(Command(page, "train", words)).words
    assert shorter.count("-n") == 1
    assert {"gamma:0.9", "learning_starts:100", "buffer_size:1000", "cpu", "pong-quick"} <= set(shorter)
    assert not {"5000", "learning_starts:9"} & set(shorter)
    assert short(Command(page, "push_to_hub", ("-orga", "USER"))).words[:2] == ("-orga", "ann")
    shorter = short(Command(page, "campaign", ("--seeds", "1", "2", "3", "--algos", "dqn", "iqn"))).words
    assert shorter[:3] == ("--algos", "dqn", "iqn")
    assert "3" not in shorter
    assert short(Command(page, "train", ("--resume", "/shared/logs/dqn/Pong_1"))).words == (
        *("--resume", "shared/logs/dqn/Pong_1"),
    )
