"""How the evaluations during training differ from the training: the rules of the game, the spaces, epsilon."""

from dataclasses import dataclass, fields
from typing import Any

from dqn_zoo_ext.config.load import Configuration
from dqn_zoo_ext.envs.rules import AtariRules
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.experiment.build import atari_rules, build_venv, protocol_of
from dqn_zoo_ext.experiment.options import RunOptions


@dataclass(frozen=True)
class Difference:
    """Something that is one way in training and another in evaluation."""

    what: str
    training: Any
    evaluation: Any


@dataclass(frozen=True)
class Comparison:
    """All differences; or why the environments for evaluation cannot be made."""

    differences: tuple[Difference, ...]
    problem: str | None = None

    def of(self, what: str) -> Difference | None:
        """The difference with this name."""
        return next((each for each in self.differences if each.what == what), None)


def compare(configuration: Configuration, options: RunOptions, last_epsilon: float) -> Comparison:
    """Training and evaluation side by side. Starts no emulator; other environments are made if their arguments differ.

    last_epsilon: training's, at its end.
    """
    protocol = protocol_of(configuration)
    epsilon = Difference("epsilon", last_epsilon, protocol.epsilon)
    differences = [epsilon] if epsilon.training != epsilon.evaluation else []
    try:
        here = atari_rules(configuration)
        there = atari_rules(configuration, protocol.rules, options.eval_env_kwargs)
        if here is not None and there is not None:
            differences += _of_rules(here, there)
        else:
            differences += _of_arguments(configuration, options)
    except UserError as error:
        return Comparison(tuple(differences), str(error))
    return Comparison(tuple(differences))


def _of_rules(here: AtariRules, there: AtariRules) -> list[Difference]:
    pairs = [(each.name, getattr(here, each.name), getattr(there, each.name)) for each in fields(AtariRules)]
    return [Difference(*pair) for pair in pairs if pair[1] != pair[2]]


def _of_arguments(configuration: Configuration, options: RunOptions) -> list[Difference]:
    mine = configuration.hyperparameters.env_kwargs
    found = [
        Difference(name, mine.get(name, "default"), value)
        for name, value in options.eval_env_kwargs.items()
        if name not in mine or mine[name] != value
    ]
    if not found:
        return []
    here = build_venv(configuration, 1, seed=0)
    here.close()
    there = build_venv(configuration, 1, seed=0, env_kwargs=dict(options.eval_env_kwargs))
    there.close()
    spaces = [
        Difference("action_space", here.action_space, there.action_space),
        Difference("observation_space", here.observation_space, there.observation_space),
    ]
    return found + [each for each in spaces if each.training != each.evaluation]
