"""``python -m dqn_zoo_ext.train``: train an agent as its YAML files say."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from dqn_zoo_ext.command_line import (
    EXIT_INTERRUPTED,
    Parser,
    check_device,
    command_of,
    key_values,
    prepare,
    run_verb,
    seed_or_random,
    whole_number,
)
from dqn_zoo_ext.config.load import Configuration, load
from dqn_zoo_ext.config.overrides import parse_params
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.options import RunOptions
from dqn_zoo_ext.experiment.run import Finished, train

_DESCRIPTION = """\
Train an agent. The hyperparameters come from hyperparams/: the family's block, the algorithm's file, the game's file,
then what you give here. `python -m dqn_zoo_ext.config` shows them, each with the file and line it stands in."""

_EXAMPLES = """\
examples:
  python -m dqn_zoo_ext.train --algo dqn --env SpaceInvadersNoFrameskip-v4
  python -m dqn_zoo_ext.train --algo double_dqn --env Pong -n 100000 -params learning_rate:1e-4 policy_kwargs.torso:nips
  python -m dqn_zoo_ext.train --algo dqn --env CartPole-v1 --seed 1 -f runs

The run lies in LOG_FOLDER/ALGO/ENV_N/: the agent (ENV.zip), the best evaluated one (best_model.zip), the evaluations,
the games played (0.monitor.csv), TensorBoard's files, ENV/config.yml and results.json.
Ctrl-C saves the agent and ends the run with exit code 130; a mistake of yours is one line and exit code 2."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, train, say where everything lies."""
    options = _parser().parse(arguments)
    prepare(options)
    _refuse_what_is_not_here(options)
    configuration = _configuration(options)
    run_options = _run_options(options, command_of("train", arguments))
    console = Console(quiet=options.verbose < 1)
    parameters = configuration.hyperparameters
    _say(
        console,
        f"{configuration.algo} on {configuration.env.gym_id}, {parameters.n_timesteps:,} agent steps in "
        f"{parameters.n_envs} environments, seed {run_options.seed}",
    )
    finished = train(configuration, run_options, console)
    for line in _summary(finished):
        _say(console, line)
    return EXIT_INTERRUPTED if finished.interrupted else 0


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _summary(finished: Finished) -> list[str]:
    run, results = finished.run, finished.results
    lines = [
        f"{results.agent_steps:,} agent steps and {results.updates:,} updates in {results.seconds:,.0f} seconds "
        f"({results.agent_steps_per_second:,.0f} agent steps per second)"
    ]
    if results.best is not None:
        lines.append(
            f"best evaluation: {results.best.mean:.1f} +/- {results.best.std:.1f} after {results.best.agent_steps:,} "
            f"agent steps ({results.best.protocol})"
        )
    number = run.path.name.rpartition("_")[2]
    agent = f"--algo {run.algo} --env {results.env} -f {run.path.parent.parent} --exp-id {number}"
    return [
        *lines,
        f"everything lies in {run.path}",
        f"next: python -m dqn_zoo_ext.evaluate {agent}",
        f"      python -m dqn_zoo_ext.record_video {agent}",
    ]


def _configuration(options: Namespace) -> Configuration:
    overrides: dict[str, object] = dict(parse_params(options.hyperparams))
    if options.n_timesteps > 0:
        overrides["n_timesteps"] = options.n_timesteps
    for key, value in key_values(options.env_kwargs, "--env-kwargs").items():
        overrides[f"env_kwargs.{key}"] = value
    return load(options.algo, resolve(options.env), conf_file=options.conf_file, overrides=overrides)


def _run_options(options: Namespace, command: str) -> RunOptions:
    if options.trained_agent is not None and not options.trained_agent.is_file():
        raise UserError(f"--trained-agent: no file {str(options.trained_agent)!r}")
    log_interval = {-1: 4, -2: None}.get(options.log_interval, options.log_interval)
    seed = seed_or_random(options.seed)
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
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
        save_replay_buffer=options.save_replay_buffer,
        trained_agent=options.trained_agent,
        tensorboard_log=options.tensorboard_log,
        log_interval=log_interval,
        unique_folder=options.uuid,
        verbose=options.verbose,
        live_progress=True if options.progress else None,
        command=command,
        arguments={**plain, "seed": seed},
    )


def _refuse_what_is_not_here(options: Namespace) -> None:
    if options.optimize_hyperparameters:
        raise UserError("-optimize: the search for hyperparameters is not part of this version")
    if options.track:
        raise UserError(
            "--track: logging to Weights & Biases is not part of this version; TensorBoard's files are written"
        )


def _parser() -> Parser:
    parser = Parser("train", _DESCRIPTION, _EXAMPLES)
    parser.add_algo_and_env()
    _add_hyperparameter_options(parser)
    _add_run_options(parser)
    _add_evaluation_options(parser)
    _add_rl_zoo_options(parser)
    parser.add_plug_in_options()
    return parser


def _add_hyperparameter_options(parser: Parser) -> None:
    group = parser.add_argument_group("hyperparameters")
    group.add_argument("-n", "--n-timesteps", type=int, default=-1, metavar="STEPS", help="agent steps to train for")
    group.add_argument(
        "-params",
        "--hyperparams",
        nargs="+",
        default=[],
        metavar="KEY:VALUE",
        help="over the YAML files', e.g. learning_rate:1e-4 exploration.end:0.01",
    )
    group.add_argument(
        "-conf",
        "--conf-file",
        type=Path,
        metavar="FILE",
        help="a YAML file over ours; one made for RL-Zoo replaces ours",
    )
    group.add_argument(
        "--env-kwargs",
        nargs="+",
        default=[],
        metavar="KEY:VALUE",
        help="for the environment itself, e.g. full_action_space:true",
    )


def _add_run_options(parser: Parser) -> None:
    group = parser.add_argument_group("the run")
    group.add_argument("-f", "--log-folder", type=Path, default=Path("logs"), help="where runs lie (default: logs)")
    group.add_argument("--seed", type=int, default=-1, help="of everything random (default: a random one)")
    group.add_argument("--device", default="auto", help="cpu, cuda... (default: auto)")
    group.add_argument("-i", "--trained-agent", type=Path, metavar="ZIP", help="an agent to go on training from")
    group.add_argument(
        "--save-freq", type=int, default=-1, metavar="STEPS", help="save the agent this often (default: never)"
    )
    group.add_argument("--save-replay-buffer", action="store_true", help="save the replay buffer at the end")
    group.add_argument("-tb", "--tensorboard-log", type=Path, metavar="DIR", help="default: in the run's folder")
    group.add_argument(
        "--log-interval", type=int, default=-1, metavar="GAMES", help="games between log lines (default: 4; -2: none)"
    )
    group.add_argument("-P", "--progress", action="store_true", help="a progress bar even if this is no terminal")
    group.add_argument("-uuid", "--uuid", action="store_true", help="add a unique id to the run folder's name")
    group.add_argument(
        "--vec-env",
        choices=["dummy", "subproc"],
        default="dummy",
        help="how environments other than Atari run side by side",
    )


def _add_evaluation_options(parser: Parser) -> None:
    group = parser.add_argument_group("evaluation during training")
    group.add_argument(
        "--eval-freq", type=int, metavar="STEPS", help="agent steps between (default: the YAML's; -1: never)"
    )
    group.add_argument("--eval-episodes", type=whole_number(1), metavar="GAMES", help="default: the YAML's")
    group.add_argument("--n-eval-envs", type=whole_number(1), metavar="N", help="default: up to 8 on Atari, else 1")
    group.add_argument("--eval-env-kwargs", nargs="+", default=[], metavar="KEY:VALUE", help="over those of training")


def _add_rl_zoo_options(parser: Parser) -> None:
    """RL-Zoo's options for its search and for Weights & Biases, so that its command lines are understood."""
    group = parser.add_argument_group("RL-Zoo's further options (understood; the search is not part of this version)")
    group.add_argument("-optimize", "--optimize-hyperparameters", action="store_true")
    for name in ("--n-trials", "--max-total-trials", "--n-jobs", "--n-startup-trials", "--n-evaluations", "--trial-id"):
        group.add_argument(name, type=int)
    for name in ("--sampler", "--pruner", "--storage", "--study-name", "--optimization-log-path"):
        group.add_argument(name)
    group.add_argument("--no-optim-plots", action="store_true")
    group.add_argument("--track", action="store_true")
    for name in ("--wandb-project-name", "--wandb-entity", "--wandb-group"):
        group.add_argument(name)
    group.add_argument("-tags", "--wandb-tags", nargs="+", default=[])
    group.add_argument("--truncate-last-trajectory", default=True, help="means nothing here: there is no HER")


if __name__ == "__main__":
    run_verb(main)
