"""Every command in the README and the guide is one that its verb understands: verb, options, names, hyperparameters."""

import importlib
import re
import tomllib
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import pytest
from guide_commands import DOCS, JOB_FILES, PAGES, ROOT, Command, commands_in, run

import dqn_zoo_ext.algorithms  # noqa: F401  # they register themselves
from dqn_zoo_ext import registry
from dqn_zoo_ext.__main__ import VERBS
from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.config.overrides import parse_params
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.baselines import BASELINES

COMMANDS = [each for page in (*PAGES, *JOB_FILES) for each in dict.fromkeys(commands_in(page))]
_OF_PLUG_INS = {"soft_dqn"}  # of docs/extending.md


class Parsed(Exception):  # noqa: N818  # it is none
    """What the verb's parser made of the words; raised so that nothing else of the verb happens."""

    def __init__(self, options: Namespace) -> None:
        super().__init__()
        self.options = options


@pytest.fixture
def _only_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = Parser.parse

    def parse_and_stop(self: Parser, arguments: Sequence[str] | None) -> Namespace:
        raise Parsed(parse(self, arguments))

    monkeypatch.setattr(Parser, "parse", parse_and_stop)


def parsed(command: Command) -> Namespace:
    with pytest.raises(Parsed) as stopped:
        run(command.verb, command.words)
    return stopped.value.options


@pytest.mark.usefixtures("_only_parse")
@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_understood(command: Command) -> None:
    assert command.verb in VERBS
    options = parsed(command)
    named = vars(options)
    if named.get("gym_packages"):
        return  # which names there are then is not known here
    for env in _listed(named.get("env")) + _listed(named.get("envs")):
        resolve(env)
    for algo in _listed(named.get("algo")) + _listed(named.get("algos")) + _listed(named.get("ablate")):
        assert algo in {*registry.algorithms.names(), *BASELINES, "baselines", *_OF_PLUG_INS}
    for protocol in _listed(named.get("protocol")) + _listed(named.get("protocols")):
        protocols.get(protocol)
    if named.get("preset") is not None:
        find_preset(options.preset)
    if named.get("hyperparams") and isinstance(named.get("algo"), str):
        given = [word for word in options.hyperparams if not word.endswith((":LOWER", ":...", ":VALUE"))]
        load(options.algo, resolve(*_listed(options.env)), overrides=dict(parse_params(given)))


def _listed(value: object) -> list[str]:
    """Its texts, but for words that stand for a name, such as ENV."""
    found = [] if value is None else value if isinstance(value, list) else [value]
    return [str(each) for each in found if not str(each).isupper()]


def test_commands_are_found_in_blocks_in_the_text_and_over_several_lines(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```\nCUDA_VISIBLE_DEVICES= python -m dqn_zoo_ext.train --algo c51 \\\n    --env Pong || [ $? -ne 75 ]  # why\n"
        "```\n`python -m\ndqn_zoo_ext.config ... --json | tail -n 1` and `dqn-zoo-ext doctor --seed 2`, but no\n"
        "`python -m dqn_zoo_ext.VERB`, and `plot\nlogs/dqn/Pong_1`, `train --env\nPong` and not `train --resume`\n"
    )
    assert [(each.verb, each.words) for each in commands_in(page)] == [
        ("train", ("--algo", "c51", "--env", "Pong")),
        ("config", ("--json",)),
        ("doctor", ("--seed", "2")),
        ("plot", ("logs/dqn/Pong_1",)),
        ("train", ("--env", "Pong")),
    ]


@pytest.mark.usefixtures("_only_parse")
@pytest.mark.parametrize("wrong", ["train --alog dqn", "train -n many", "campaign --seeds one", "plot logs"])
def test_a_command_that_is_not_understood_fails(wrong: str) -> None:
    verb, *words = wrong.split()
    with pytest.raises(UserError):
        run(verb, words)


def test_most_commands_are_found() -> None:
    """So that a change of the pages' form does not leave the test above with nothing to look at."""
    by_page = {page.name: [each for each in COMMANDS if each.page == page] for page in PAGES}
    assert len(by_page["README.md"]) > 15
    assert len(by_page["tutorial.md"]) > 15
    assert len(COMMANDS) > 80
    for verb in VERBS:
        assert any(each.verb == verb for each in COMMANDS), verb
        importlib.import_module(f"dqn_zoo_ext.{verb}")


def test_what_the_guide_installs_and_makes_is_there() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {each for found in re.findall(r"(?:dqn_zoo_ext|\"\.)\[([\w,]+)\]", text) for each in found.split(",")}
    assert extras
    assert extras <= set(project["optional-dependencies"])
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", text, re.MULTILINE)) <= {
        pair for target in targets for pair in ((target, ""), ("", target))
    }


def test_every_extra_is_told_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    told = (DOCS / "install.md").read_text(encoding="utf-8")
    assert all(f"`{extra}`" in told for extra in project["optional-dependencies"])
