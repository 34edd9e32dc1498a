"""Where the guide's commands are run, each after what it needs: an agent, a run, a study, a push.

What is needed is made by commands too, and each command is run once for all that need what it leaves.
"""

import contextlib
import io
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from guide_commands import PAGES, Command, commands_in, files_of, run, shortened
from guide_shortened import AGENT_STEPS, env_of, key_of, option, short
from hub_server import Hub

from dqn_zoo_ext.cli.verb import EXIT_SAVED
from dqn_zoo_ext.evaluation.baselines import BASELINES

_RUN = re.compile(r"(?P<logs>\w+)/(?P<algo>\w+)/(?P<env>[\w*-]+)_(?P<numbers>\d+|\*|\[\d+\])")


@dataclass(frozen=True)
class Outcome:
    """The folder in which a command was run, with what it left; what it printed; its exit code."""

    folder: Path
    printed: str
    code: int


class Shell:
    """Runs shortened commands, each in a folder of its own, and once.

    hub: the one that this process speaks to; it is emptied now and then.
    """

    def __init__(self, root: Path, hub: Hub) -> None:
        self._root, self._hub = root, hub
        self._outcomes: dict[tuple[object, ...], Outcome] = {}
        self._folders = itertools.count()

    def run(self, command: Command, stopped: bool = False) -> Outcome:
        """What comes of the command, shortened, after what it needs. stopped: by SIGTERM, half way."""
        command = short(command)
        if stopped:
            command = replace(command, words=tuple(shortened(command.words, f"--eval-freq {AGENT_STEPS // 2}")))
        if key_of(command) not in self._outcomes:
            folder = self._root / str(next(self._folders))
            folder.mkdir()
            self._provide(command, folder)
            self._outcomes[key_of(command)] = _run(command, folder, stopped)
        return self._outcomes[key_of(command)]

    def _made(self, command: Command, stopped: bool = False) -> Path:
        """The folder of a command that another one needs."""
        outcome = self.run(command, stopped)
        assert outcome.code == (EXIT_SAVED if stopped else 0), outcome.printed
        return outcome.folder

    def _provide(self, command: Command, folder: Path) -> None:
        """Lay what the command reads into the folder."""
        files = _all_files(command.page)
        for word in command.words:
            if found := re.match(r"logs/(studies|campaigns)/([\w-]+)(?:/|$)", word):
                shutil.copytree(self._made(_maker_of(*found.groups())), folder, dirs_exist_ok=True)
            elif (name := Path(word).name) in files:
                (folder / word).parent.mkdir(parents=True, exist_ok=True)
                (folder / word).write_text(files[name])
            elif word.startswith("rl_zoo_logs") and not (folder / "rl_zoo_logs").exists():
                _train_with_rl_zoo(folder / "rl_zoo_logs")
            elif found := _RUN.fullmatch(word):
                self._provide_runs(command, found, folder)
        if command.verb == "load_from_hub":
            self._provide_push(command)
        elif command.verb == "leaderboard":
            self._provide_push(replace(command, words=("--env", env_of(command).gym_id, "-orga", "ann")))
        elif _plays_an_agent(command) and not _has_agent(command, folder):
            training = _training_of(command)
            made = self._made(training) / (option(training, "-f") or "logs")
            shutil.copytree(made, folder / (option(command, "-f", "--folder") or "logs"), dirs_exist_ok=True)

    def _provide_runs(self, command: Command, found: re.Match[str], folder: Path) -> None:
        """The runs that the pattern is of, numbered by their seeds: stopped, if the command goes on with them."""
        numbers = "12" if found["numbers"] == "*" else found["numbers"].strip("[]")
        goes_on = "--resume" in command.words and "--allow-change" not in command.words
        for number, game in itertools.product(numbers, ("Pong", "SpaceInvaders") if "*" in found["env"] else ("",)):
            env = found["env"].replace("*", game)
            seed = ("--seed", number) if number != "1" else ()
            training = replace(command, verb="train", words=("--algo", found["algo"], "--env", env, *seed))
            made = self._made(training, stopped=goes_on) / "logs" / found["algo"] / f"{env}_1"
            shutil.copytree(made, folder / found["logs"] / found["algo"] / f"{env}_{number}")

    def _provide_push(self, command: Command) -> None:
        """Put onto the Hub what is to be loaded, as it was pushed."""
        words = [word for word in command.words if word not in ("-f", option(command, "-f"))]
        (package,) = self._made(replace(command, verb="push_to_hub", words=tuple(words))).glob("logs/*/*/hub/*/*")
        files = {each.name: each.read_bytes() for each in package.iterdir()}
        self._hub.store.put(f"{package.parent.name}/{package.name}", files)


def _run(command: Command, folder: Path, stopped: bool) -> Outcome:
    printed = _StopsAtAnEvaluation() if stopped else io.StringIO()
    with contextlib.chdir(folder), _cluster(command), contextlib.redirect_stdout(printed):
        code = run(command.verb, [each for word in command.words for each in _as_a_shell_does(word)])
    return Outcome(folder, printed.getvalue(), code)


class _StopsAtAnEvaluation(io.StringIO):
    """What is printed; when that tells of the first evaluation, this process gets SIGTERM."""

    _told = False

    def write(self, text: str) -> int:
        if not self._told and text.startswith("evaluation after"):
            self._told = True
            signal.raise_signal(signal.SIGTERM)
        return super().write(text)


def _as_a_shell_does(word: str) -> list[str]:
    """The paths that a pattern stands for, from the current folder."""
    if not _RUN.fullmatch(word) or not set(word) & set("*["):
        return [word]
    found = sorted(str(path) for path in Path().glob(word))
    assert found, f"nothing is there for {word}"
    return found


def _all_files(page: Path) -> dict[str, str]:
    """The files that the guide shows, those of this page before those of others."""
    pages = sorted(PAGES, key=lambda each: each == page)
    return {name: text for each in pages for name, text in files_of(each).items()}


def _algo_of(command: Command) -> str:
    return option(command, "--algo") or "dqn"


def _training_of(command: Command) -> Command:
    """What trains the agent that the command plays: the page's own command if it has one, else the shortest."""
    algo, env = _algo_of(command), env_of(command)
    for each in commands_in(command.page):
        begins = each.verb == "train" and not {"--resume", "-conf", "-i"} & set(each.words)
        if begins and option(each, "--algo") == algo and env_of(each).gym_id == env.gym_id:
            return each
    return replace(command, verb="train", words=("--algo", algo, "--env", env.gym_id))


def _plays_an_agent(command: Command) -> bool:
    if command.verb not in ("evaluate", "enjoy", "record_video", "push_to_hub") or "--pretrained" in command.words:
        return False
    return _algo_of(command) not in (*BASELINES, "baselines")


def _has_agent(command: Command, folder: Path) -> bool:
    logs = folder / (option(command, "-f", "--folder") or "logs")
    return any((logs / _algo_of(command)).glob(f"{env_of(command).folder_name}_*"))


def _maker_of(kind: str, name: str) -> Command:
    """The command of the guide that makes this study, or this campaign."""
    for each in (command for page in PAGES for command in commands_in(page)):
        if kind == "studies" and each.verb == "tune" and option(each, "--study-name") == name:
            return each
        if kind == "campaigns" and each.verb == "campaign" and f"{name}.yml" in each.words:
            return each
    raise AssertionError(f"no command of the guide makes {kind}/{name}")


def _train_with_rl_zoo(logs: Path) -> None:
    words = ["--algo", "dqn", "--env", "CartPole-v1", "-f", str(logs), "-n", "1200", "--seed", "1"]
    subprocess.run([sys.executable, "-m", "rl_zoo3.train", *words], check=True, capture_output=True, timeout=300)


@contextlib.contextmanager
def _cluster(command: Command) -> Iterator[None]:
    """A Ray cluster on this machine, which ``--ray auto`` finds, if the command wants one."""
    if "--ray" not in command.words:
        yield
        return
    import ray.cluster_utils

    cluster = ray.cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 4})
    os.environ["RAY_ADDRESS"] = cluster.address
    try:
        yield
    finally:
        del os.environ["RAY_ADDRESS"]
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]
