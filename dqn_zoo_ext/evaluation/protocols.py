"""Evaluation protocols as data: what a score needs beside it before it can be compared with another one.

A game's score depends on who else plays along: epsilon, no-op starts, sticky actions, the cap on a game's length. Every
number that leaves the program carries the name of one of these. Life loss never ends a game here, and rewards are never
clipped.
"""

from dataclasses import dataclass

from dqn_zoo_ext import registry
from dqn_zoo_ext.envs.rules import EvaluationRules
from dqn_zoo_ext.words import counted

FIVE_MINUTES = 18_000
HALF_AN_HOUR = 108_000
_FEWEST_UPDATES = 10_000
"""40,000 agent steps of DQN on Atari; 30,000 of them still play as chance does (docs/troubleshooting.md)."""
_GAME_OF_THE_PASS_MARK = "space_invaders"


@dataclass(frozen=True)
class Protocol:
    """How a score is measured. Outside Atari only `epsilon` and `episodes` have a meaning.

    epsilon: the share of uniformly random actions. noop_max: a game begins with up to this many no-ops.
    max_frames_per_game: emulator frames, at 60 a second. repeat_action_probability: sticky actions; None keeps what the
    agent was trained with. source: who measures so, and where we differ. pass_mark: the result the source asks for.
    """

    name: str
    epsilon: float
    episodes: int
    noop_max: int
    max_frames_per_game: int
    repeat_action_probability: float | None
    source: str
    pass_mark: float | None = None

    @property
    def rules(self) -> EvaluationRules:
        """What the protocol changes in the environment."""
        return EvaluationRules(
            repeat_action_probability=self.repeat_action_probability,
            noop_max=self.noop_max,
            max_frames_per_game=self.max_frames_per_game,
        )

    def pass_mark_on(self, game: str | None) -> float | None:
        """The pass mark, on the game that the source asks it of; None on any other."""
        return self.pass_mark if game == _GAME_OF_THE_PASS_MARK else None

    def verdict(self, game: str | None, result: float, games: int, updates: int | None = None) -> str | None:
        """What the source would say to `result` over so many games of `game`; None where it asks for nothing.

        Fewer games than the protocol's say nothing: one alone has no deviation to take off its mean. updates: of the
        agent's network, None if unknown; after few of them a pass is luck, for shooting without end passes at times.
        """
        pass_mark = self.pass_mark_on(game)
        if pass_mark is None:
            return None
        asked = f"the course asks for mean - std of at least {pass_mark:g} over {self.episodes} games"
        if games < self.episodes:
            return f"{asked}, and {games} {'is' if games == 1 else 'are'} too few to tell"
        if result < pass_mark:
            return f"{asked}: not passed"
        if updates is None or updates >= _FEWEST_UPDATES:
            return f"{asked}: passed"
        baselines = f"python -m dqn_zoo_ext.evaluate --algo baselines --env SpaceInvaders --protocol {self.name}"
        return (
            f"{asked}: passed, but {counted(updates, 'update')} teach next to nothing, and shooting without end passes "
            f"at times; see what random and constant play score: {baselines}"
        )


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="nature-2015",
            epsilon=0.05,
            episodes=30,
            noop_max=30,
            max_frames_per_game=FIVE_MINUTES,
            repeat_action_probability=0.0,
            source="Mnih et al. 2015, Extended Data Table 2: 30 games of at most 5 minutes. The paper reports the best "
            "network of the run; its +- is the deviation over games.",
        ),
        Protocol(
            name="nature-2015-30min",
            epsilon=0.05,
            episodes=30,
            noop_max=30,
            max_frames_per_game=HALF_AN_HOUR,
            repeat_action_probability=0.0,
            source="As nature-2015 with games of at most 30 minutes, the cap of the papers from Dueling (2016) to "
            "Rainbow (2018) and of DeepMind's DQN Zoo.",
        ),
        Protocol(
            name="double-dqn-tuned",
            epsilon=0.001,
            episodes=100,
            noop_max=30,
            max_frames_per_game=HALF_AN_HOUR,
            repeat_action_probability=0.0,
            source="van Hasselt et al. 2016, the tuned Double DQN: epsilon 0.001 and games of at most 30 minutes. The "
            "paper plays 100 games from human starts, which nobody else has; here they begin with no-ops.",
        ),
        Protocol(
            name="machado-2018",
            epsilon=0.01,
            episodes=100,
            noop_max=0,
            max_frames_per_game=FIVE_MINUTES,
            repeat_action_probability=0.25,
            source="Machado et al. 2018 (JAIR 61): sticky actions instead of no-op starts. The paper reports the last "
            "100 training games, at the training epsilon; here 100 games are played apart from training.",
        ),
        Protocol(
            name="dopamine",
            epsilon=0.01,
            episodes=100,
            noop_max=0,
            max_frames_per_game=HALF_AN_HOUR,
            repeat_action_probability=0.25,
            source="Dopamine's published baselines (Castro et al. 2018): the mean of the training games in 1M frames, "
            "at epsilon 0.01; here 100 games are played apart from training. (Its evaluation phase uses 0.001.)",
        ),
        Protocol(
            name="course-unit3",
            epsilon=0.01,
            episodes=10,
            noop_max=30,
            max_frames_per_game=HALF_AN_HOUR,
            repeat_action_probability=0.0,
            source="Hugging Face Deep RL course, unit 3: `rl_zoo3.push_to_hub` plays 10 games and, on Atari, keeps the "
            "epsilon that training ended with (0.01 in the course's dqn.yml).",
            pass_mark=200.0,
        ),
        Protocol(
            name="rl-zoo",
            epsilon=0.01,
            episodes=5,
            noop_max=30,
            max_frames_per_game=HALF_AN_HOUR,
            repeat_action_probability=None,
            source="`rl_zoo3.train` as it evaluates Atari by default: 5 games. It plays at the current training "
            "epsilon; here at the one that its DQN ends with.",
        ),
        Protocol(
            name="greedy",
            epsilon=0.0,
            episodes=20,
            noop_max=30,
            max_frames_per_game=HALF_AN_HOUR,
            repeat_action_probability=None,
            source="The agent's own choices and nothing else: for environments that are not Atari. On Atari the no-op "
            "starts alone tell one game from the next.",
        ),
    )
}
for _name, _protocol in PROTOCOLS.items():
    registry.protocols.add(_name, _protocol)


def get(name: str) -> Protocol:
    """The protocol registered as `name`; UserError with the nearest name if there is none."""
    protocol: Protocol = registry.protocols.get(name)
    return protocol
