"""RL-Zoo's command lines are understood: every option of its `train`, with its words, choices and defaults."""

import argparse
import shlex
from pathlib import Path

import pytest
import rl_zoo3.train

from dqn_zoo_ext.cli.train_options import make_parser, run_options_of
from dqn_zoo_ext.cli.verb import command_of
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.train import main as train

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


@pytest.mark.parametrize("storage", ["postgresql://alice:hush@db/studies", "postgresql://db/studies?password=hush"])
@pytest.mark.parametrize("as_one_word", [False, True])
def test_no_password_is_written_into_a_run(tmp_path: Path, storage: str, as_one_word: bool) -> None:
    """A run's folder is shared, and its package on the Hub has the command."""
    given = [f"--storage={storage}"] if as_one_word else ["--storage", storage]
    words = ["--algo", "dqn", "--env", "CartPole-v1", "-n", "10", "-f", str(tmp_path), "--verbose", "0", *given]
    assert train(words) == 0
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"postgresql" in text for text in texts)
    assert not any(b"hush" in text for text in texts)


def test_a_command_is_as_it_was_typed_but_for_passwords() -> None:
    words = ["--storage", "sqlite:///a.db", "-params", "a:1 b", "--conf-file=https://host/x@y"]
    assert command_of("tune", words) == shlex.join(["python", "-m", "dqn_zoo_ext.tune", *words])
    assert shlex.split(command_of("tune", ["--storage", "what@://is:this"]))[-1] == "***"
