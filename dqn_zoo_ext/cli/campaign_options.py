"""The options of ``campaign``: what is to be compared, from a file or from flags, and which of them go together."""

from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path

from dqn_zoo_ext import registry
from dqn_zoo_ext.cli.override_options import add_override_options, typed_overrides
from dqn_zoo_ext.cli.parser import Parser, add_list
from dqn_zoo_ext.cli.sharing_options import add_sharing_options
from dqn_zoo_ext.cli.values import whole_number
from dqn_zoo_ext.config.campaign_file import SEEDS, CampaignFile, distinct_envs, read_campaign_file
from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.campaign.ablation import plan_ablation
from dqn_zoo_ext.experiment.campaign.beneath import Beneath
from dqn_zoo_ext.experiment.campaign.comparison import plan_comparison
from dqn_zoo_ext.experiment.campaign.of_presets import plan_presets
from dqn_zoo_ext.experiment.campaign.plan import Plan

_DESCRIPTION = """\
Compare algorithms: each of them, with each of some overrides, on each game, with several seeds; or an algorithm with
itself less each of its parts (--ablate). As many runs at a time as there are cores, or as a Ray cluster has room for; a
row for each, a table, and a page of what came of them: scores, learning curves, how probably one is better than
another."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.campaign double-or-not.yml
  python -m dqn_zoo_ext.campaign --algos dqn double_dqn --envs CartPole-v1 Acrobot-v1 --seeds 1 2 3 -n 20000
  python -m dqn_zoo_ext.campaign --ablate rainbow --env CartPole-v1 --seeds 1 2 3
  python -m dqn_zoo_ext.campaign --ablate rainbow --env Pong -n 2000000 --only no_double no_noisy -params n_envs:8
  python -m dqn_zoo_ext.campaign --ablate rainbow --env CartPole-v1 --into logs/campaigns/ablate-rainbow-CartPole-v1_1
  python -m dqn_zoo_ext.campaign --presets space-invaders-2016 space-invaders-2016-rmsprop --seeds 1 2 3
  python -m dqn_zoo_ext.campaign --report logs/campaigns/double-or-not

double-or-not.yml:
  algos: [dqn, double_dqn]
  envs: [CartPole-v1, Acrobot-v1]
  seeds: [1, 2, 3]
  params: {n_timesteps: 20000}
  variants: {plain: {}, small_lr: {learning_rate: 1.0e-4}}

Each run lies where train puts it, in LOG_FOLDER/ALGO/ENV_N. LOG_FOLDER/campaigns/NAME/ holds runs.csv (a row a run),
table.md, report.html, campaign.json, and each variant's configuration as train -conf takes it. NAME is that of the
file; a campaign from flags has a name made of them and the next number. What a variant changes lies over -params, -n
and -conf, so that the part stays out whatever you give.
Ctrl-C and SIGTERM end the runs under way after a checkpoint, with exit code 75. A campaign from a file goes on with the
same command, and does what is missing, further seeds, games and algorithms too; one from flags goes on with --into. A
run that fails (a NaN, say) is noted in its row, the others are done, and the exit code is 1; going on tries it again.
With --json the last line is one object: folder, table, runs, report, improvement, aggregates."""

_OF_PLAN = ("algos", "ablate", "presets", "envs", "only", "seeds", "hyperparams", "n_timesteps", "conf_file", "into")
_FLAGS = {"hyperparams": "-params", "n_timesteps": "-n", "conf_file": "-conf"}


def parse_campaign(arguments: Sequence[str] | None) -> Namespace:
    """The options given. UserError, in one line, for those that do not go together."""
    parser = Parser("campaign", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.yml", help="what to compare (see below)")
    add_list(parser, "--algos", metavar="ALGO", help="the algorithms to compare")
    parser.add_argument("--ablate", metavar="ALGO", help="one algorithm, and it less each of its parts, e.g. rainbow")
    add_list(parser, "--presets", metavar="NAME", help="trainings that have a name (`presets` lists them)")
    games = "SpaceInvadersNoFrameskip-v4, SpaceInvaders, CartPole-v1..."
    add_list(parser, "--envs", "--env", metavar="ENV", help=games)
    add_list(parser, "--seeds", type=_seed, metavar="SEED", help="of each variant (default: 1 2 3)")
    add_list(parser, "--only", metavar="VARIANT", help="these ablations, beside the whole (default: all)")
    add_override_options(
        parser, "agent steps of each run", "as in train, for every variant; what a variant changes lies over them"
    )
    parser.add_argument("-f", "--log-folder", type=Path, help="where runs lie (default: logs, or that of --into)")
    parser.add_argument("-conf", "--conf-file", type=Path, metavar="FILE", help="as in train")
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", help="a campaign begun earlier: do what is missing in it"
    )
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="make the page of this campaign anew, no more")
    parser.add_argument("--device", default="auto", help="cpu, cuda... (default: auto)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, in the last line")
    add_sharing_options(parser, default_jobs=-1)
    parser.add_plug_in_options()
    options = parser.parse(arguments)
    _check_together(options)
    return options


def plan_of(options: Namespace) -> Plan:
    """The plan that the options describe; those beside a file lie over it. UserError for whatever cannot be."""
    asked = _asked(options) if options.file is None else read_campaign_file(options.file)
    beneath = Beneath(options.conf_file or asked.conf, asked.params, typed_overrides(options))
    seeds = options.seeds or asked.seeds
    name = None if options.file is None else asked.name
    if asked.ablate is not None:
        return plan_ablation(asked.ablate, asked.envs, seeds, beneath, only=options.only, name=name)
    if asked.presets and beneath.conf_file is not None:
        raise UserError("--presets: are -conf files of ours; leave out one of the two")
    if options.only:
        raise UserError("--only: it names ablations, and nothing is ablated here")
    if asked.presets:
        return plan_presets(asked.presets, asked.envs, seeds, beneath, name=name)
    return plan_comparison(asked.algos, asked.envs, seeds, beneath, variants=asked.variants, name=name)


def _asked(options: Namespace) -> CampaignFile:
    """What the flags say, as a file would."""
    for algo in options.algos:
        registry.algorithms.get(algo)
    envs = distinct_envs(options.envs, "--envs" if len(options.envs) > 1 else "--env")
    presets = [find_preset(name, "--presets").name for name in options.presets]
    return CampaignFile(name="", envs=envs, algos=options.algos, ablate=options.ablate, presets=presets, seeds=SEEDS)


def _check_together(options: Namespace) -> None:
    given = [name for name in _OF_PLAN if getattr(options, name) not in ([], None, -1)]
    if options.report is not None:
        others = [*(["FILE.yml"] if options.file is not None else []), *map(_flag, given)]
        if others:
            raise UserError(f"--report: it only tells of a campaign that is there; leave out {', '.join(others)}")
    elif options.file is not None:
        for name in ("algos", "ablate", "presets", "envs"):
            if name in given:
                raise UserError(f"{_flag(name)}: what is compared stands in {options.file} already; give one of them")
    else:
        _check_flags(given)
    for option in ("seeds", "algos", "presets"):
        listed = getattr(options, option)
        for each in listed:
            if listed.count(each) > 1:
                raise UserError(f"{_flag(option)}: {each} is given twice")


def _check_flags(given: Sequence[str]) -> None:
    """UserError unless they say what to compare, and on what."""
    kinds = [name for name in ("algos", "ablate", "presets") if name in given]
    if len(kinds) > 1:
        raise UserError(
            f"{', '.join(map(_flag, kinds))}: either algorithms are compared, or parts of one, or presets; give one"
        )
    if not kinds:
        raise UserError(
            "nothing to compare is given: a FILE.yml, --algos with --envs, --ablate with --env, or --presets"
        )
    if "envs" not in given and "presets" not in given:
        raise UserError(f"{_flag(kinds[0])}: on what? give --envs, e.g. CartPole-v1")


def _flag(name: str) -> str:
    return _FLAGS.get(name, f"--{name}")


def _seed(text: str) -> int:
    number = whole_number()(text)
    if not 0 <= number < 2**31:
        raise ArgumentTypeError(f"must be from 0 to 2**31 - 1, not {number}")
    return number
