"""From an agent in a run folder to its package: measured, filmed, described."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from dqn_zoo_ext.config.layers import NOT_HYPERPARAMETERS
from dqn_zoo_ext.config.of_run import plain_run_file
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.evaluate import MOST_ENVS, evaluate
from dqn_zoo_ext.experiment.agents.agent import Agent, check_zip
from dqn_zoo_ext.experiment.agents.curve import draw_curve
from dqn_zoo_ext.experiment.agents.filming import write_film
from dqn_zoo_ext.experiment.build import played_stickiness
from dqn_zoo_ext.sharing import package as names
from dqn_zoo_ext.sharing.card import Card
from dqn_zoo_ext.sharing.metrics import NAME as METRICS
from dqn_zoo_ext.sharing.metrics import pack_metrics
from dqn_zoo_ext.sharing.package import Package, find_package, new_package
from dqn_zoo_ext.sharing.scores import Score, write_scores
from dqn_zoo_ext.storage.agent_file import read_counters, read_policy_weights, write_for_sharing
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically
from dqn_zoo_ext.storage.plain_weights import write_plain_weights
from dqn_zoo_ext.storage.results import RunResults, read_results
from dqn_zoo_ext.version import VERSION
from dqn_zoo_ext.words import counted


@dataclass(frozen=True)
class PackOptions:
    """How an agent is measured and filmed for its package.

    protocols: the first one's score is the headline. episodes: None for each protocol's own number.
    video_agent_steps: the film ends with its first game, or after so many; 0: no film.
    """

    protocols: tuple[str, ...] = ("course-unit3",)
    episodes: int | None = None
    n_envs: int | None = None
    seed: int = 0
    device: str = "auto"
    video_agent_steps: int = 5_000


def pack(agent: Agent, namespace: str, repo_name: str, options: PackOptions, say: Callable[[str], None]) -> Package:
    """The agent's package, in ``hub/<namespace>/<repo_name>`` of its run's folder.

    One that is there, whole, and made from the same is taken as it is: nothing is measured or filmed again. UserError
    for an agent that cannot be packed; then nothing is left of the attempt.
    """
    check_zip(agent)
    measured_by = [protocols.get(name) for name in options.protocols]
    made_from = _made_from(agent, namespace, repo_name, options)
    path = agent.run.path / "hub" / namespace / repo_name
    there = find_package(path, made_from)
    if there is not None:
        say(f"the package in {path} is whole: nothing is measured or filmed again")
        return there
    weights = read_policy_weights(agent.file)
    agent_steps = read_counters(agent.file).num_timesteps
    algo, env = agent.run.algo, agent.run.env
    with new_package(path, algo, env, made_from) as folder:
        run = read_results(agent.run.results) if agent.run.results.is_file() else None
        scores = [_measure(agent, name, options, say) for name in options.protocols]
        scores += _of_training(run, agent_steps)
        write_plain_weights(weights, folder / names.WEIGHTS)
        write_for_sharing(agent.file, folder / names.zip_name(algo, env))
        config = _write_plain_files(agent, folder)
        write_scores(folder / names.RESULTS, agent_steps, scores, run)
        pack_metrics(agent.run.path, folder / METRICS)
        filmed = _film(agent, options, folder / names.VIDEO, say)
        in_training = agent.configuration.hyperparameters.eval_protocol
        title = f"{algo} on {agent.configuration.env.gym_id}"
        drawn = draw_curve(agent.run.evaluations, in_training, title, folder / names.CURVE)
        agent.check_not_replaced()
        card = Card(
            algo=algo,
            env=agent.configuration.env.gym_id,
            family=agent.configuration.env.family,
            namespace=namespace,
            repo_name=repo_name,
            zip_name=names.zip_name(algo, env),
            agent_steps=agent_steps,
            scores=scores,
            protocol=measured_by[0],
            config=config,
            video=names.VIDEO if filmed else None,
            curve=names.CURVE if drawn else None,
            run=run,
        )
        write_atomically(folder / names.CARD, card.text())
    found = find_package(path, made_from)
    if found is None:
        raise UserError(f"the package in {path} was changed while it was made")
    return found


def _made_from(agent: Agent, namespace: str, repo_name: str, options: PackOptions) -> str:
    """SHA-256 of all that a package is made from."""
    digest = hashlib.sha256(f"{VERSION} {namespace}/{repo_name} {replace(options, n_envs=None)}".encode())
    digest.update(agent.sha256.encode())
    for path in (agent.run.config, agent.run.args, agent.run.results, agent.run.evaluations):
        with plain_os_errors(f"cannot read {path}"):
            content = path.read_bytes() if path.is_file() else b""
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _measure(agent: Agent, name: str, options: PackOptions, say: Callable[[str], None]) -> Score:
    protocol = protocols.get(name)
    episodes = options.episodes or protocol.episodes
    say(f"playing {counted(episodes, 'game')} by protocol {name}")
    venv = agent.venv(protocol, options.n_envs or min(episodes, MOST_ENVS), options.seed)
    try:
        evaluation = evaluate(agent.policy(venv, options.device), venv, protocol, episodes, options.seed)
        return Score.now(evaluation, played_stickiness(agent.configuration, protocol))
    finally:
        venv.close()


def _of_training(run: RunResults | None, agent_steps: int) -> Iterator[Score]:
    """The evaluations during training that measured just this agent."""
    for record in run.evaluations if run is not None else ():
        if record.agent_steps == agent_steps:
            yield Score.then(record)


def _write_plain_files(agent: Agent, folder: Path) -> str:
    """config.yml, args.yml and env_kwargs.yml as plain data, whatever tags they had.

    Returns the hyperparameters as YAML text: config.yml without its search space.
    """
    values = plain_run_file(agent.run.config)
    args = plain_run_file(agent.run.args) if agent.run.args.is_file() else {}
    write_atomically(folder / names.CONFIG, to_yaml(values))
    write_atomically(folder / names.ARGS, to_yaml(args))
    write_atomically(folder / names.ENV_KWARGS, to_yaml(dict(agent.configuration.hyperparameters.env_kwargs)))
    return to_yaml({key: value for key, value in values.items() if key not in NOT_HYPERPARAMETERS})


def _film(agent: Agent, options: PackOptions, path: Path, say: Callable[[str], None]) -> bool:
    if options.video_agent_steps < 1:
        return False
    say("filming a game")
    protocol = protocols.get(options.protocols[0])
    write_film(agent, protocol, options.seed, options.device, path, games=1, max_agent_steps=options.video_agent_steps)
    return True
