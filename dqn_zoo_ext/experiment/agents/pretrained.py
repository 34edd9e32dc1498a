"""A shipped agent as one that plays, and an agent of a run as one that ships."""

import hashlib
from dataclasses import replace
from pathlib import Path

from dqn_zoo_ext.config.of_run import load_of_run, plain_run_file
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.agents.agent import Agent, check_zip
from dqn_zoo_ext.sharing import package as names
from dqn_zoo_ext.sharing.package import new_package
from dqn_zoo_ext.sharing.scores import Score, write_scores
from dqn_zoo_ext.sharing.shipped import MOST_BYTES, Shipped, name_of, stated
from dqn_zoo_ext.sharing.told_command import repeatable
from dqn_zoo_ext.storage.agent_file import read_counters, read_policy_weights
from dqn_zoo_ext.storage.atomic import write_atomically
from dqn_zoo_ext.storage.plain_weights import without_target, write_plain_weights
from dqn_zoo_ext.storage.results import RunResults, read_results
from dqn_zoo_ext.storage.run_folder import RunFolder
from dqn_zoo_ext.storage.user_cache import user_cache


def agent_of(shipped: Shipped) -> Agent:
    """It, ready to play. What an interrupted evaluation leaves goes to the user's cache folder."""
    manifest = shipped.package.manifest
    kept = user_cache("pretrained") / f"{shipped.name}_{manifest.made_from[:12]}"
    run = RunFolder(kept, manifest.algo, manifest.env)
    return Agent(load_of_run(manifest.algo, shipped.env, shipped.config), run, shipped.weights)


def ship(agent: Agent, score: Score, into: Path) -> Path:
    """Write the agent with its score into a folder of `into` that is called by its game; what was there is replaced.

    The target network stays out: nobody learns from it. Of the machine that it was trained on nothing is said but its
    hardware: there is no args.yml, and the command is without its log folder. UserError, and nothing is changed, if it
    would be larger than `MOST_BYTES`, or as ``run_of_shippable``.
    """
    run = run_of_shippable(agent)
    content = agent.file.read_bytes() + agent.run.config.read_bytes()
    made_from = hashlib.sha256(content).hexdigest()
    agent_steps = read_counters(agent.file).num_timesteps
    path = into / name_of(agent.configuration.env)
    with new_package(path, agent.run.algo, agent.run.env, made_from) as folder:
        write_plain_weights(without_target(read_policy_weights(agent.file)), folder / names.WEIGHTS)
        write_atomically(folder / names.CONFIG, to_yaml(plain_run_file(agent.run.config)))
        write_scores(folder / names.RESULTS, agent_steps, [score], run)
        write_atomically(folder / names.CARD, _card(agent, agent_steps, score, run))
        size = sum(each.stat().st_size for each in folder.iterdir())
        if size > MOST_BYTES:
            raise UserError(f"{agent.file}: its package has {size:,} bytes; one that ships has at most {MOST_BYTES:,}")
    return path


def run_of_shippable(agent: Agent) -> RunResults:
    """The run of an agent that can be shipped, as it will be told.

    UserError if the agent is no zip, or there is no results.json, or its command is of this machine only.
    """
    check_zip(agent)
    run = read_results(agent.run.results)
    return replace(run, command=repeatable(run.command))


def _card(agent: Agent, agent_steps: int, score: Score, run: RunResults) -> str:
    where = ", ".join(filter(None, (run.machine.gpu, run.machine.cpu, f"{run.machine.cores} cores")))
    return (
        f"# {agent.run.algo} playing {agent.configuration.env.gym_id}\n\n"
        f"- trained by `{run.command}`\n"
        f"- this agent is that of {agent_steps:,} agent steps of the {run.agent_steps:,} that were trained "
        f"({run.seconds:,.0f} s on {where})\n"
        f"- {stated(score)}, seed {score.seed}; mean - std {score.result:.2f}\n\n"
        f"The configuration stands in `{names.CONFIG}`, each game's score in `{names.RESULTS}`, the SHA-256 of each "
        "file in `manifest.json`. Written by `benchmarks/ship_agent.py`; not to be edited.\n"
    )
