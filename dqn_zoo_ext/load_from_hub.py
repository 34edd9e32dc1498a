"""``python -m dqn_zoo_ext.load_from_hub``: an agent from the Hugging Face Hub into a log folder."""

import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from dqn_zoo_ext.cli.parser import Parser
from dqn_zoo_ext.cli.verb import prepare, python_to_type, run_verb, say_as_told
from dqn_zoo_ext.envs.ids import EnvId, resolve
from dqn_zoo_ext.experiment.agents.fetch import Fetched, fetch
from dqn_zoo_ext.sharing.account import repo_id_of
from dqn_zoo_ext.sharing.package import zip_name
from dqn_zoo_ext.sharing.patience import Patience, client

_DESCRIPTION = """\
Load an agent from the Hugging Face Hub: one of ours, or one that RL-Zoo trained. Nothing in its files is executed."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.load_from_hub --algo dqn --env SpaceInvadersNoFrameskip-v4 -orga sb3 -f logs
  python -m dqn_zoo_ext.enjoy --algo dqn --env SpaceInvadersNoFrameskip-v4 -f logs

A private repository needs a token: `hf auth login`, or HF_TOKEN. Exit code 75: the Hub could not be reached, try again
later."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, download, check, say where the agent lies."""
    parser = Parser("load_from_hub", _DESCRIPTION, _EXAMPLES)
    parser.add_algo_and_env()
    parser.add_argument("-f", "--folder", type=Path, default=Path("logs"), help="log folder (default: logs)")
    parser.add_argument("-orga", "--organization", default="sb3", help="whose agent (default: sb3)")
    parser.add_argument("-name", "--repo-name", help="the repository's name (default: ALGO-ENV)")
    parser.add_retry_option()
    parser.add_argument(
        "--trust",
        action="store_true",
        help="keep the files of an agent that cannot be read safely, for RL-Zoo's own programs; it still runs nothing",
    )
    parser.add_plug_in_options()
    options = parser.parse(arguments)
    prepare(options)
    env = resolve(options.env)
    name = options.repo_name or zip_name(options.algo, env.folder_name).removesuffix(".zip")
    repo_id = repo_id_of(options.organization, name)

    say = say_as_told(options)

    patience = Patience(float(options.retry_seconds))
    fetched = fetch(repo_id, options.algo, env, options.folder, client(), patience, say, options.trust)
    same = "" if fetched.same is None else f"; the same agent lies in {fetched.same} already"
    say(f"{repo_id} lies in {fetched.run.path}{same}")
    if fetched.algo is not None:
        for first, command in zip(("next:", "     "), _next(fetched, options, env), strict=True):
            say(f"{first} {command}")
        say("enjoy opens a window; without a display type record_video in its place")
    return 0


def _next(fetched: Fetched, options: Namespace, env: EnvId) -> tuple[str, str]:
    """To see it play, and to train it further: RL-Zoo's as the class that it is of, each with its own configuration."""
    number = fetched.run.path.name.rpartition("_")[2]
    where = ["--env", env.gym_id, "-f", str(options.folder)]
    plug_ins = ["--gym-packages", *options.gym_packages] if options.gym_packages else []
    see = ["enjoy", "--algo", options.algo, *where, "--exp-id", number, *plug_ins]
    go_on = ["-conf", str(fetched.conf), "-i", str(fetched.run.final_model)]
    train = ["train", "--algo", str(fetched.algo), *where, *go_on, *plug_ins]
    return _typed(see), _typed(train)


def _typed(words: Sequence[str]) -> str:
    return shlex.join([python_to_type(), "-m", f"dqn_zoo_ext.{words[0]}", *words[1:]])


if __name__ == "__main__":
    run_verb(main)
