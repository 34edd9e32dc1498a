"""The options of ``train``: every one of RL-Zoo's, under its name and with its meaning."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from dqn_zoo_ext.cli.override_options import add_override_options, typed_overrides
from dqn_zoo_ext.cli.parser import Parser, add_list
from dqn_zoo_ext.cli.preset_options import add_preset_options, parse_with_preset
from dqn_zoo_ext.cli.search_options import add_search_options
from dqn_zoo_ext.cli.values import check_device, seed_or_random, whole_number
from dqn_zoo_ext.config.overrides import key_values
from dqn_zoo_ext.config.schema import MOST_SIDE_BY_SIDE
from dqn_zoo_ext.config.yaml_source import Source, located
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.options import RunOptions

_DESCRIPTION = """\
Train an agent. The hyperparameters come from hyperparams/: the family's block, the algorithm's file, the game's file,
then what you give here. `python -m dqn_zoo_ext.config` shows them, each with the file and line it stands in."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.train --algo dqn --env SpaceInvadersNoFrameskip-v4
  python -m dqn_zoo_ext.train --algo double_dqn --env Pong -n 100000 -params learning_rate:1e-4 policy_kwargs.torso:nips
  python -m dqn_zoo_ext.train --algo dqn --env CartPole-v1 --seed 1 -f runs
  python -m dqn_zoo_ext.train --preset course-unit3          (python -m dqn_zoo_ext.presets lists them)
  python -m dqn_zoo_ext.train --algo dqn --env CartPole-v1 -optimize --n-trials 50 --study-name cart

The run lies in LOG_FOLDER/ALGO/ENV_N/: the agent (ENV.zip), the best evaluated one (best_model.zip), the evaluations,
the games played (0.monitor.csv), TensorBoard's files, ENV/config.yml and results.json. A search (-optimize; `tune` has
more) leaves its trials and its winner in LOG_FOLDER/studies/NAME/.
Ctrl-C and SIGTERM end the run after a checkpoint, with exit code 75: --resume goes on exactly there. A second one ends
it at once. A mistake of yours is one line and exit code 2."""


def make_parser() -> Parser:
    """The parser of ``train``."""
    parser = Parser("train", _DESCRIPTION, _EXAMPLES)
    add_training_options(parser)
    add_search_options(parser)
    add_tracking_options(parser)
    parser.add_plug_in_options()
    return parser


def add_training_options(parser: Parser) -> None:
    """What one training is and where it lies: the options that `overrides_of` and `run_options_of` read."""
    parser.add_algo_and_env()
    _add_hyperparameter_options(parser)
    _add_run_options(parser)
    _add_evaluation_options(parser)


def add_tracking_options(parser: Parser) -> None:
    """Whether Weights & Biases follows the run, and under what names."""
    group = parser.add_argument_group("Weights & Biases (pip install 'dqn_zoo_ext[wandb]')")
    group.add_argument("--track", action="store_true", help="send it what TensorBoard gets")
    group.add_argument("--wandb-project-name", default="sb3", metavar="NAME", help="project (default: sb3)")
    group.add_argument("--wandb-entity", metavar="NAME", help="team (default: your own account)")
    group.add_argument("--wandb-group", metavar="NAME", help="group of runs")
    add_list(group, "-tags", "--wandb-tags", metavar="TAG", help="tags of the run")


def parse_training(parser: Parser, arguments: Sequence[str] | None) -> Namespace:
    """The options given to a parser that has `add_training_options`; UserError as from `parse_with_preset`."""
    return parse_with_preset(parser, arguments)


def overrides_of(options: Namespace) -> dict[str, object]:
    """What the command line itself lays over the files, by dotted key."""
    overrides = typed_overrides(options)
    for key, value in key_values(options.env_kwargs, "--env-kwargs").items():
        overrides[f"env_kwargs.{key}"] = located(value, Source("--env-kwargs"))
    return overrides


def run_options_of(options: Namespace, command: str) -> RunOptions:
    """What a run is told besides its hyperparameters. command: the command line as typed."""
    if options.trained_agent is not None and not options.trained_agent.is_file():
        raise UserError(f"--trained-agent: no file {str(options.trained_agent)!r}")
    seed = seed_or_random(options.seed)
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
    if plain.get("storage") is not None:  # what is written into a run's folder is shared with it
        from dqn_zoo_ext.storage.database_url import without_password  # SQLAlchemy takes a while to import

        plain["storage"] = without_password(plain["storage"])
    return RunOptions(
        log_folder=options.log_folder,
        seed=seed,
        device=check_device(options.device),
        vec_env=options.vec_env,
        eval_freq=options.eval_freq,
        eval_episodes=options.eval_episodes,
        n_eval_envs=options.n_eval_envs,
        eval_env_kwargs=key_values(options.eval_env_kwargs, "--eval-env-kwargs"),
        save_freq=options.save_freq,
        keep_checkpoints=options.keep_checkpoints,
        save_replay_buffer=options.save_replay_buffer,
        trained_agent=options.trained_agent,
        tensorboard_log=options.tensorboard_log,
        log_interval=_log_interval(options.log_interval),
        unique_folder=options.uuid,
        profile=options.profile,
        preset=options.preset,
        verbose=options.verbose,
        live_progress=True if options.progress else None,
        command=command,
        arguments={**plain, "seed": seed},
    )


def _log_interval(asked: int) -> int | Literal["default"] | None:
    """Episodes between log lines, None for none: as in RL-Zoo, -1 leaves it to us, and whatever is below means none."""
    if asked == 0:
        raise UserError("--log-interval must be at least 1, or -1 for the default, or -2 for no log lines, not 0")
    if asked > 0:
        return asked
    return "default" if asked == -1 else None


def _add_hyperparameter_options(parser: Parser) -> None:
    group = parser.add_argument_group("hyperparameters")
    add_override_options(
        group, "agent steps to train for", "over the YAML files', e.g. learning_rate:1e-4 exploration.end:0.01"
    )
    group.add_argument(
        "-conf",
        "--conf-file",
        type=Path,
        metavar="FILE",
        help="a YAML file over ours; one made for RL-Zoo replaces ours",
    )
    add_preset_options(group)
    add_list(group, "--env-kwargs", metavar="KEY:VALUE", help="for the environment itself, e.g. full_action_space:true")


def _add_run_options(parser: Parser) -> None:
    group = parser.add_argument_group("the run")
    group.add_argument("-f", "--log-folder", type=Path, default=Path("logs"), help="where runs lie (default: logs)")
    group.add_argument("--seed", type=whole_number(), default=-1, help="of everything random (default: a random one)")
    group.add_argument("--device", default="auto", help="cpu, cuda... (default: auto)")
    group.add_argument("-i", "--trained-agent", type=Path, metavar="ZIP", help="an agent to go on training from")
    group.add_argument(
        "--save-freq",
        type=whole_number(),
        metavar="STEPS",
        help="a checkpoint this often, and an agent file (default: ten in a run, at most 50,000 apart, without agent "
        "files; -1: none)",
    )
    group.add_argument(
        "--keep-checkpoints", type=whole_number(1), default=2, metavar="N", help="the last ones to keep (default: 2)"
    )
    group.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="RUN_FOLDER",
        help="go on exactly with the run in this folder, nothing else to type; without one, or with auto: with the "
        "latest of this algorithm, environment and seed, or begin if there is none",
    )
    may_differ = "what may differ on a resume, e.g. n_timesteps together with -n"
    add_list(group, "--allow-change", metavar="KEY", help=may_differ)
    group.add_argument("--save-replay-buffer", action="store_true", help="save the replay buffer at the end")
    group.add_argument(
        "-tb",
        "--tensorboard-log",
        type=Path,
        metavar="DIR",
        help="a folder of its own for each run goes into it, ALGO/ENV_N (default: in the run's folder)",
    )
    group.add_argument(
        "--log-interval",
        type=whole_number(),
        default=-1,
        metavar="EPISODES",
        help="episodes between log lines, lost lives among them where they end one "
        "(default: as many as there are environments, 4 at least; -2: none)",
    )
    group.add_argument("-P", "--progress", action="store_true", help="a progress bar even if this is no terminal")
    group.add_argument(
        "--profile",
        action="store_true",
        help="record some vector steps amid learning in trace.json, for a viewer such as ui.perfetto.dev",
    )
    group.add_argument("-uuid", "--uuid", action="store_true", help="add a unique id to the run folder's name")
    group.add_argument(
        "--truncate-last-trajectory", default=True, metavar="BOOL", help="means nothing here: it is for HER"
    )
    group.add_argument(
        "--vec-env",
        choices=["dummy", "subproc"],
        default="dummy",
        help="how environments other than Atari run side by side",
    )


def _add_evaluation_options(parser: Parser) -> None:
    group = parser.add_argument_group("evaluation during training")
    group.add_argument(
        "--eval-freq", type=whole_number(), metavar="STEPS", help="agent steps between (default: the YAML's; -1: never)"
    )
    group.add_argument("--eval-episodes", type=whole_number(1), metavar="GAMES", help="default: the YAML's")
    group.add_argument(
        "--n-eval-envs",
        type=whole_number(1, MOST_SIDE_BY_SIDE),
        metavar="N",
        help="default: up to 8 on Atari, else 1",
    )
    add_list(group, "--eval-env-kwargs", metavar="KEY:VALUE", help="over those of training")
