"""``README.md``: what the Hub shows of an agent, with the metadata that it and its leaderboards read."""

from collections.abc import Sequence
from dataclasses import dataclass

from dqn_zoo_ext import registry
from dqn_zoo_ext.config.yaml_source import to_yaml
from dqn_zoo_ext.envs.ids import ATARI
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.evaluation.protocols import Protocol
from dqn_zoo_ext.sharing.scores import Score
from dqn_zoo_ext.storage.results import RunResults
from dqn_zoo_ext.words import counted, duration

MEAN_REWARD = "mean_reward"
PROTOCOL, GAMES = "protocol", "games"
"""Arguments of the metric, by which a leaderboard knows how the score was measured."""


@dataclass(frozen=True)
class Card:
    """What a card is made of.

    family: as in `EnvId`. scores: the first one is the headline. config: the hyperparameters as YAML text.
    video, curve: names of files beside the card, or None. run: None if nobody knows how the agent was trained.
    """

    algo: str
    env: str
    family: str
    namespace: str
    repo_name: str
    zip_name: str
    agent_steps: int
    scores: Sequence[Score]
    protocol: Protocol
    config: str
    video: str | None
    curve: str | None
    run: RunResults | None

    def text(self) -> str:
        """The whole file."""
        parts = [self._metadata(), self._head(), self._scores(), self._use(), self._training(), self._config()]
        return "\n".join(part for part in parts if part)

    def _metadata(self) -> str:
        """The front matter, in the form that every tool for Stable-Baselines3 writes: the Hub checks it on a push."""
        environment = {"name": self.env, "type": self.env}
        first = self.scores[0]
        metric = {
            "type": MEAN_REWARD,
            "value": first.text,
            "name": MEAN_REWARD,
            "verified": False,
            "args": {PROTOCOL: first.protocol, GAMES: len(first.episodes)},
        }
        task = {"type": "reinforcement-learning", "name": "reinforcement-learning"}
        tags = [self.env, "deep-reinforcement-learning", "reinforcement-learning", "stable-baselines3"]
        result = {"task": task, "dataset": environment, "metrics": [metric]}
        data = {
            "library_name": "stable-baselines3",
            "tags": tags,
            "model-index": [{"name": self.algo.upper(), "results": [result]}],
        }
        return f"---\n{to_yaml(data)}---\n"

    def _head(self) -> str:
        first = self.scores[0]
        video = f"\n`{self.video}` shows a game of it.\n" if self.video else ""
        return (
            f"# {self.algo} playing {self.env}\n\n"
            f"An agent of the algorithm `{self.algo}`, trained for {self.agent_steps:,} agent steps with dqn_zoo_ext "
            f"and Stable-Baselines3. Mean score {first.text} over {counted(len(first.episodes), 'game')} by the "
            f"protocol `{first.protocol}`; mean - std is {first.result:.2f}.\n{video}"
        )

    def _scores(self) -> str:
        rows = [
            f"| {_measured_by(score)} | {score.text} | {score.result:.2f} | {len(score.episodes)} | {score.measured} |"
            for score in self.scores
        ]
        rules = rules_of(self.protocol, self.family, self.scores[0].sticky)
        return (
            "## Scores\n\n"
            "| protocol | mean +/- std | mean - std | games | measured |\n| --- | --- | --- | --- | --- |\n"
            + "\n".join(rows)
            + f"\n\n`{self.protocol.name}`: {rules} std is over games, as a population. "
            "Each game's score stands in `results.json`.\n"
        )

    def _use(self) -> str:
        agent = f"--algo {self.algo} --env {self.env} -f logs"
        there = f"-orga {self.namespace} --repo-name {self.repo_name}"
        return (
            "## Play it\n\nWith dqn_zoo_ext installed; nothing that stands in these files is executed:\n\n"
            "```sh\n"
            f"python -m dqn_zoo_ext.load_from_hub {agent} {there}\n"
            f"python -m dqn_zoo_ext.enjoy {agent}\n"
            f"python -m dqn_zoo_ext.evaluate {agent} --protocol {self.protocol.name}\n"
            "```\n\n"
            "`enjoy` opens a window; on a machine without a display, `record_video` with the same words makes a "
            "film.\n\n"
            f"`{self.zip_name}` is in Stable-Baselines3's format, which unpickles what it loads; `model.safetensors` "
            "is the same policy as plain tensors. `manifest.json` has the SHA-256 of each file.\n"
        )

    def _training(self) -> str:
        lines = ["## Training\n"]
        if self.curve:
            lines.append(f"![Mean score of the evaluations during training]({self.curve})\n")
        if self.run is None:
            return "\n".join([*lines, "How long it took, and where, is not known.\n"])
        run, machine = self.run, self.run.machine
        where = f"{machine.gpu}, " if machine.gpu else ""
        versions = run.versions
        lines += [
            f"- command: `{run.command}`",
            f"- {run.agent_steps:,} agent steps ({run.frames:,} frames), {run.updates:,} updates, seed {run.seed}",
            f"- time: {duration(run.seconds)} ({run.agent_steps_per_second:,.0f} agent steps per second)",
            f"- hardware: {where}{machine.cpu}, {counted(machine.cores, 'core')}",
            f"- versions: dqn_zoo_ext {versions.dqn_zoo_ext}, torch {versions.torch}, stable-baselines3 "
            f"{versions.stable_baselines3}, gymnasium {versions.gymnasium}, ale-py {versions.ale_py}, Python "
            f"{versions.python}",
        ]
        return "\n".join(lines) + "\n"

    def _config(self) -> str:
        return f"## Hyperparameters\n\n```yaml\n{self.config.rstrip()}\n```\n"


def _measured_by(score: Score) -> str:
    """The protocol's name, with what it leaves open."""
    fixed = (
        score.protocol not in registry.protocols or protocols.get(score.protocol).repeat_action_probability is not None
    )
    return score.protocol if fixed or score.sticky is None else f"{score.protocol}, sticky actions {score.sticky:g}"


def rules_of(protocol: Protocol, family: str, sticky: float | None) -> str:
    """How games of a family of environments are played by a protocol, in a few words.

    sticky: how often actions repeated in the games, if that is known; a protocol may leave it as in training.
    """
    rules = f"epsilon {protocol.epsilon:g}"
    if family != ATARI:
        return f"{rules}."
    fixed = protocol.repeat_action_probability
    probability = sticky if fixed is None else fixed
    repeats = "sticky actions as in training"
    if probability is not None:
        repeats = f"actions repeat with probability {probability:g}{' (as in training)' if fixed is None else ''}"
    return (
        f"{rules}, up to {protocol.noop_max} no-ops at the start of a game, {repeats}, at most "
        f"{protocol.max_frames_per_game:,} frames; a lost life ends no game, and scores are the game's own. "
        f"{protocol.source}"
    )
