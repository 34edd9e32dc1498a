"""``python -m dqn_zoo_ext.push_to_hub``: share a trained agent on the Hugging Face Hub."""

from argparse import Namespace
from collections.abc import Sequence

from dqn_zoo_ext.cli.agents import find_agent
from dqn_zoo_ext.cli.parser import Parser, add_list
from dqn_zoo_ext.cli.values import check_device, seed_or_random, whole_number
from dqn_zoo_ext.cli.verb import prepare, run_verb, say_as_told
from dqn_zoo_ext.config.schema import MOST_SIDE_BY_SIDE
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.experiment.agents.agent import Agent
from dqn_zoo_ext.experiment.agents.pack import PackOptions, pack
from dqn_zoo_ext.sharing.account import check_account, repo_id_of
from dqn_zoo_ext.sharing.package import RESULTS, Package, names_of, zip_name
from dqn_zoo_ext.sharing.patience import Patience, client
from dqn_zoo_ext.sharing.scores import read_scores
from dqn_zoo_ext.sharing.upload import push
from dqn_zoo_ext.words import counted

_COURSE = "course-unit3"

_DESCRIPTION = """\
Share a trained agent on the Hugging Face Hub: measured, filmed, with a model card, ready for load_from_hub."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.push_to_hub --algo dqn --env SpaceInvadersNoFrameskip-v4 -f logs -orga USER
  python -m dqn_zoo_ext.push_to_hub --algo dqn --env SpaceInvadersNoFrameskip-v4 -f logs -orga USER --dry-run

Log in first with `hf auth login`, or set HF_TOKEN, with a token that has write access. The token and -orga are looked
at before any game is played. The package is made in hub/ORGA/NAME of the run's folder; should the upload fail, it stays
there, and the same command uploads it without measuring or filming anything again. Exit code 75: the Hub could not be
reached, try again later."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, look at the account, make the package, print the score, upload."""
    parser = _parser()
    options = parser.parse(arguments)
    prepare(options)
    agent = find_agent(options)
    name = options.repo_name or zip_name(agent.run.algo, agent.run.env).removesuffix(".zip")
    repo_id = repo_id_of(options.organization, name)
    api, patience = client(), Patience(float(options.retry_seconds))

    say = say_as_told(options)

    if not options.dry_run:
        check_account(options.organization, api, patience, say)
    package = pack(agent, options.organization, name, _pack_options(options), say)
    for line in _report(agent, package):
        say(line)
    if options.dry_run:
        say(f"not uploaded (--dry-run): the package lies in {package.path}; the token was not looked at")
        return 0
    try:
        names = names_of(agent.run.algo, agent.run.env)
        pushed = push(package.path, names, repo_id, options.commit_message, api, patience, say, options.private)
    except UserError as error:
        kept = f"the package is kept in {package.path}: the same command goes on from there"
        raise type(error)(f"{error}; {kept}") from None
    say(f"{'the Hub has all of it already' if pushed.was_there else 'pushed'}: {pushed.url}")
    return 0


def _parser() -> Parser:
    parser = Parser("push_to_hub", _DESCRIPTION, _EXAMPLES)
    parser.add_agent_options()
    parser.add_argument("-orga", "--organization", required=True, help="your name on the Hub, or an organization's")
    parser.add_argument("-name", "--repo-name", help="the repository's name (default: ALGO-ENV)")
    parser.add_argument("-m", "--commit-message", default="Agent, scores, video and card", help="of the one commit")
    parser.add_argument("--private", action="store_true", help="a repository that only you can see")
    parser.add_argument("--dry-run", action="store_true", help="make the package, and do not speak to the Hub")
    add_list(
        parser,
        "--protocols",
        metavar="NAME",
        help=f"measure by these too, besides {_COURSE} ({', '.join(protocols.PROTOCOLS)})",
    )
    parser.add_argument("--episodes", type=whole_number(1), metavar="GAMES", help="default: each protocol's number")
    parser.add_argument(
        "--n-envs",
        type=whole_number(1, MOST_SIDE_BY_SIDE),
        metavar="N",
        help="games side by side (default: up to 8)",
    )
    parser.add_argument(
        "--seed", type=whole_number(), default=0, help="of starts and random actions (default: 0; -1: random)"
    )
    parser.add_argument(
        "-n",
        "--n-timesteps",
        type=whole_number(0),
        default=5_000,
        metavar="STEPS",
        help="the video ends with the first game, or after so many agent steps (default: 5000; 0: no video)",
    )
    parser.add_retry_option()
    parser.add_argument("--no-render", action="store_true", help="accepted as in RL-Zoo; there never is a window here")
    return parser


def _pack_options(options: Namespace) -> PackOptions:
    return PackOptions(
        protocols=tuple(dict.fromkeys([_COURSE, *options.protocols])),
        episodes=options.episodes,
        n_envs=options.n_envs,
        seed=seed_or_random(options.seed),
        device=check_device(options.device),
        video_agent_steps=options.n_timesteps,
    )


def _report(agent: Agent, package: Package) -> list[str]:
    lines = []
    for score in read_scores(package.path / RESULTS):
        line = (
            f"{counted(len(score.episodes), 'game')} by protocol {score.protocol}, {score.measured}: "
            f"mean {score.mean:.2f}, std {score.std:.2f}, mean - std {score.result:.2f}"
        )
        game = agent.configuration.env.game
        verdict = protocols.get(score.protocol).verdict(game, score.result, len(score.episodes), agent.updates)
        lines.append(line if verdict is None else f"{line}; {verdict}")
    return lines


if __name__ == "__main__":
    run_verb(main)
