"""``python -m dqn_zoo_ext.load_from_hub``: an agent from the Hugging Face Hub into a log folder."""

from collections.abc import Sequence
from pathlib import Path

from dqn_zoo_ext.command_line import Parser, prepare, python_to_type, run_verb, whole_number
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.experiment.fetch import fetch
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
    parser.add_argument(
        "--retry-seconds",
        type=whole_number(0),
        default=300,
        metavar="S",
        help="how long to go on trying each step that the Hub does not answer (default: 300)",
    )
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

    def say(line: str) -> None:
        if options.verbose > 0:
            print(line, flush=True)

    patience = Patience(float(options.retry_seconds))
    run = fetch(repo_id, options.algo, env, options.folder, client(), patience, say, options.trust)
    number = run.path.name.rpartition("_")[2]
    agent = f"--algo {options.algo} --env {env.gym_id} -f {options.folder}"
    say(f"{repo_id} lies in {run.path}")
    say(f"next: {python_to_type()} -m dqn_zoo_ext.enjoy {agent} --exp-id {number}")
    say(f"      {python_to_type()} -m dqn_zoo_ext.train {agent} -i {run.final_model}")
    return 0


if __name__ == "__main__":
    run_verb(main)
