"""RL-Zoo's command lines are understood: every option of its `train`, with its words, choices and defaults."""

import argparse

import pytest
import rl_zoo3.train

from dqn_zoo_ext.cli.train_options import make_parser, run_options_of
from dqn_zoo_ext.errors import UserError

OTHER_DEFAULTS = {
    "algo",  # dqn
    "env",  # Space Invaders
    "eval_freq",  # the YAML's
    "eval_episodes",
    "n_eval_envs",
    "hyperparams",  # an empty list
    "env_kwargs",
    "eval_env_kwargs",
    "tensorboard_log",  # the run's folder
    "trained_agent",  # None
    "save_freq",  # checkpoints are on by default
}


class SeenError(Exception):
    pass


@pytest.fixture
def rl_zoo(monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    """The parser that RL-Zoo makes."""
    seen: list[argparse.ArgumentParser] = []

    def stop(self: argparse.ArgumentParser, *_: object) -> None:
        seen.append(self)
        raise SeenError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    with pytest.raises(SeenError):
        rl_zoo3.train.train()
    return seen[0]


def test_every_option_of_rl_zoo_is_there(rl_zoo: argparse.ArgumentParser) -> None:
    ours = {name: action for action in make_parser()._actions for name in action.option_strings}
    theirs = [action for action in rl_zoo._actions if action.dest != "help"]
    assert len(theirs) > 40
    for action in theirs:
        assert set(action.option_strings) <= set(ours), action.option_strings
        mine = ours[action.option_strings[0]]
        assert mine is ours[action.option_strings[-1]]
        assert (mine.dest, mine.nargs) == (action.dest, action.nargs)
        if action.choices is not None and action.dest != "algo":
            assert set(action.choices) <= set(mine.choices or ())
        if action.dest not in OTHER_DEFAULTS:
            default = str(mine.default) if isinstance(action.default, str) else mine.default
            assert default == action.default, action.dest


def test_every_option_has_a_help_text() -> None:
    for action in make_parser()._actions:
        assert action.help, action.option_strings
    assert "search for hyperparameters" in make_parser().format_help()


@pytest.mark.parametrize(
    ("given", "n_envs", "episodes"),
    [("-1", 1, 4), ("-1", 64, 64), ("-2", 64, None), ("-7", 1, None), ("1", 64, 1), ("10", 8, 10)],
)
def test_log_interval_means_what_it_does_in_rl_zoo(given: str, n_envs: int, episodes: int | None) -> None:
    options = run_options_of(make_parser().parse(["--log-interval", given]), "")
    assert options.episodes_between_lines(n_envs) == episodes


def test_a_log_interval_of_no_games() -> None:
    with pytest.raises(UserError) as refused:
        run_options_of(make_parser().parse(["--log-interval", "0"]), "")
    assert (
        str(refused.value) == "--log-interval must be at least 1, or -1 for the default, or -2 for no log lines, not 0"
    )
