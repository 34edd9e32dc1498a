"""The guide's commands made so short that each takes seconds."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from guide_commands import Command, files_of, shortened

from dqn_zoo_ext.config.presets import find_preset
from dqn_zoo_ext.envs.ids import ATARI, EnvId, resolve

AGENT_STEPS = 400
"""Of a training."""
_LEARN = "-params learning_starts:100 train_freq:16 gradient_steps:1"
_SHORT = {
    "train": f"-n {AGENT_STEPS} --eval-freq {AGENT_STEPS} --eval-episodes 1 {_LEARN}",
    "evaluate": "--episodes 1",
    "enjoy": "-n 60",
    "record_video": "-n 20",
    "report": "--film-steps 20",
    "aggregate": "--repetitions 50",
    "push_to_hub": "--episodes 1 -n 20 --retry-seconds 20",
    "load_from_hub": "--retry-seconds 20",
    "leaderboard": "--retry-seconds 20",
    "campaign": f"-n 300 {_LEARN} eval_freq:300 eval_episodes:1",
    "tune": "-n 300 --n-trials 2 --n-startup-trials 1 --confirm-seeds 1 --eval-episodes 1 --n-jobs 2",
    "plot": "--protocol course-unit3",
    "presets": "",
    "doctor": "-params",
    "config": "",
}
"""For each verb the words that are put after a command's own."""
_NAMES = {"USER": "ann", "trial_7": "trial_1", "$LOGS": "logs", "$STORAGE": "logs/studies.log", "$HOME": "home"}
"""What stands for the reader's own names; and of two trials there is no seventh."""


def option(command: Command, *names: str) -> str | None:
    """The word after one of these options; None if none is given."""
    at = [i for i, word in enumerate(command.words[:-1]) if word in names]
    return command.words[at[-1] + 1] if at else None


def env_of(command: Command) -> EnvId:
    """On what it trains or plays (the first of several): --env, else the preset's, else the default."""
    preset = option(command, "--preset", "--presets")
    given = option(command, "--env", "--envs") or (find_preset(preset).head.env if preset else None)
    return resolve(given or "SpaceInvadersNoFrameskip-v4")


def short(command: Command) -> Command:
    """As it is run: with the tests' names, files below the current folder, and as few agent steps and games as do."""
    words = [_here(word) for word in command.words]
    return replace(command, words=tuple(shortened(words, _extra(command).removesuffix("-params"))))


def is_long(command: Command) -> bool:
    """Whether it takes more than a few seconds even so: several trainings, or one on Atari but for the README's.

    Or a measurement of how long one takes.
    """
    words = " ".join(command.words)
    if command.verb in ("campaign", "tune") or "logs/studies" in words or "rl_zoo" in words:
        return True
    if command.verb in ("plot", "aggregate") or (command.verb == "report" and "[" in words):
        return True
    if command.verb == "doctor":
        return "--no-measure" not in words
    return command.verb == "train" and env_of(command).family == ATARI and command.page.name != "README.md"


def key_of(command: Command) -> tuple[object, ...]:
    """Equal for commands that do the same: the words, and the page if they name a file that it shows."""
    names = files_of(command.page) if command.page.suffix == ".md" else {}
    shows = any(Path(word).name in names for word in command.words)
    return (command.verb, command.words, command.page if shows else None)


def once(commands: Iterable[Command]) -> list[Command]:
    """Of those that are the same when they are shortened, the first."""
    found: dict[tuple[object, ...], Command] = {}
    for each in commands:
        found.setdefault(key_of(short(each)), each)
    return list(found.values())


def _here(word: str) -> str:
    for name, ours in _NAMES.items():
        word = word.replace(name, ours)
    return word.removeprefix("/")


def _extra(command: Command) -> str:
    words, extra = command.words, _SHORT[command.verb]
    if "--report" in words:
        return ""
    if command.verb == "train" and "--resume" in words and "auto" not in words:
        return f"-n {AGENT_STEPS * 3 // 2}" if "-n" in words else ""
    if command.verb == "train" and "--seed" not in words:
        extra = f"--seed 1 {extra}"  # the same games each time, and so the same seconds
    if command.verb in ("train", "doctor", "campaign") and env_of(command).family == ATARI:
        extra += " buffer_size:1000"  # it may be of another kind in a campaign's file, and is small enough there
    if any(word.startswith("n_envs:") for word in words) and "-params" in extra:
        extra += " n_envs:8"  # with a hundred there would be no window to learn from yet
    if command.verb == "campaign":
        extra = f"--seeds 1 {extra}" if "--ray" in words else f"--seeds 1 2 --n-jobs 2 {extra}"
    if command.verb == "enjoy" and "--pretrained" not in words:
        extra += " --no-render"
    return f"--device cpu {extra}" if "cuda" in words and not torch.cuda.is_available() else extra
