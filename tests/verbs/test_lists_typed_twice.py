"""An option that takes a list, typed several times, is one list; what a run was begun with is replaced by it."""

import argparse
import importlib
from collections.abc import Callable, Sequence

import pytest

from dqn_zoo_ext.__main__ import _FOLDERS, VERBS
from dqn_zoo_ext.cli.campaign_options import parse_campaign
from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.train_options import make_parser
from dqn_zoo_ext.tune import _parse as parse_tune


class SeenError(Exception):
    pass


@pytest.mark.parametrize(
    "option", ["-params", "--env-kwargs", "--eval-env-kwargs", "-tags", "--allow-change", "--gym-packages"]
)
def test_they_are_one_list_and_no_default_of_anybody_is_in_it(option: str) -> None:
    parser = make_parser()
    (name,) = (action.dest for action in parser._actions if option in action.option_strings)
    for _ in range(2):  # nothing stays in the default
        options = parser.parse([option, "a:1", "b:2", "--seed", "1", option, "c:3"])
        assert getattr(options, name) == ["a:1", "b:2", "c:3"]
    assert getattr(parser.parse([]), name) == []
    parser.set_defaults(**{name: ["before:0"]})  # as for a run that goes on
    assert getattr(parser.parse([option, "a:1", option, "b:2"]), name) == ["a:1", "b:2"]
    assert getattr(parser.parse([]), name) == ["before:0"]


@pytest.mark.parametrize("parse", [parse_campaign, parse_tune])
def test_in_other_verbs_too(parse: Callable[[Sequence[str]], argparse.Namespace]) -> None:
    words = "--env Pong --env Breakout --seeds 3 4 --seeds 5 -params gamma:0.9 -params tau:1 --gym-packages math "
    more = "--algos dqn --algos c51" if parse is parse_campaign else "--objectives score --objectives speed"
    options = parse((words + more).split())
    assert (options.seeds, options.hyperparams, options.gym_packages) == ([3, 4, 5], ["gamma:0.9", "tau:1"], ["math"])
    if parse is parse_campaign:
        assert (options.envs, options.algos) == (["Pong", "Breakout"], ["dqn", "c51"])
    else:
        assert (options.env, options.objectives) == (["Pong", "Breakout"], ["score", "speed"])


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_has_a_list_whose_first_words_are_dropped(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Parser] = []

    def stop(self: Parser, *_: object) -> None:
        seen.append(self)
        raise SeenError

    monkeypatch.setattr(Parser, "parse", stop)
    with pytest.raises(SeenError):
        importlib.import_module(f"dqn_zoo_ext.{verb}" + (".__main__" if verb in _FOLDERS else "")).main([])
    (parser,) = seen
    lists = [action for action in parser._actions if action.nargs in ("+", "*") and action.option_strings]
    assert {type(action) for action in lists} <= {parser._registry_get("action", "extend")}
