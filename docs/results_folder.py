"""A run as results/ keeps it: small files that say what was trained, how to repeat it, and what it scored.

results/GAME/ALGO_PRESET_seed_N/ holds

- run.json: the command, machine, hours, agent steps, updates, commit, versions, and notes; of newer runs also what the
  time went on, and the most bytes of memory, the GPU's where there was one;
- config.yml: every hyperparameter, as the run had it;
- curve.csv: agent steps, emulator frames, the mean score of the last 100 training games, and of an evaluation;
- evaluations.json: each evaluation with its protocol, games, mean, std (over games), and the network that was measured.

No weights. `python docs/results_page.py --add RUN_FOLDER` makes one.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

import dqn_zoo_ext.experiment.plug_ins  # noqa: F401  # registers what a configuration names
from dqn_zoo_ext.config.of_run import load_of_run
from dqn_zoo_ext.envs.ids import ATARI, resolve
from dqn_zoo_ext.errors import UserError
from dqn_zoo_ext.evaluation import protocols
from dqn_zoo_ext.experiment.build import played_stickiness
from dqn_zoo_ext.sharing.told_command import repeatable
from dqn_zoo_ext.storage.atomic import plain_os_errors, write_atomically
from dqn_zoo_ext.storage.results import RunResults, read_results
from dqn_zoo_ext.storage.run_folder import RunFolder

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
FILES = ("config.yml", "curve.csv", "evaluations.json", "run.json")
COLUMNS = ("agent_steps", "frames", "training_mean", "evaluation_mean")
TRAINING, BEST, LAST = "in training", "best", "last"
_MOST_ROWS = 180  # of training means; those of evaluations come on top
_DIGITS = 2
_FIRST_LINE = re.compile(r"^(?P<agent>\S.*\.zip)$", re.MULTILINE)
_FILE_LINE = re.compile(
    r"^sha256 (?P<sha256>[0-9a-f]{12,64})(?:, after (?P<agent_steps>[\d,]+) agent steps)?$", re.MULTILINE
)
_SCORE_LINE = re.compile(
    r"^(?P<games>[\d,]+) games? by protocol (?P<protocol>[\w-]+), seed (?P<seed>-?\d+): "
    r"mean (?P<mean>-?[\d.]+) \+/- (?P<std>[\d.]+) ",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Measured:
    """One evaluation. network: ``in training``, ``best`` or ``last``. agent_steps: of training before it.

    mean, std, result: over `games` whole games, by `protocol`. seed: of the games; None where training chose it.
    repeat_action_probability: how often actions repeated in them; None where that was not written down.
    """

    network: str
    agent_steps: int
    protocol: str
    games: int
    mean: float
    std: float
    result: float
    seed: int | None = None
    repeat_action_probability: float | None = None


@dataclass(frozen=True)
class Published:
    """A folder of results/. run: what run.json says. curve: the rows of curve.csv, None where a cell is empty."""

    folder: Path
    run: Mapping[str, Any]
    evaluations: tuple[Measured, ...]
    curve: tuple[Mapping[str, float | None], ...]

    @property
    def name(self) -> str:
        """As a table names it, ``dqn, course-unit3, seed 1``; a folder that was given a name of its own by that."""
        if self.folder.name != _name(self.run["algo"], self.run["preset"], self.run["seed"]):
            return self.folder.name.replace("_", " ")
        preset = [self.run["preset"]] if self.run["preset"] else []
        return ", ".join([self.run["algo"], *preset, f"seed {self.run['seed']}"])

    @property
    def frames_per_agent_step(self) -> float:
        """Emulator frames, 4 as a rule."""
        return float(self.run["frames"] / self.run["agent_steps"])

    @property
    def training_mean(self) -> tuple[float, int] | None:
        """The mean of the last 100 training games, and after how many agent steps it was logged; None if none ended."""
        logged = [row for row in self.curve if row["training_mean"] is not None]
        return (float(logged[-1]["training_mean"] or 0.0), int(logged[-1]["agent_steps"] or 0)) if logged else None

    def stickiness(self, protocol: str | None) -> float | None:
        """How often actions repeat in games of its configuration by `protocol`; None: in the training's own."""
        configuration = load_of_run(self.run["algo"], resolve(self.run["env"]), self.folder / "config.yml")
        return played_stickiness(configuration, None if protocol is None else protocols.get(protocol))


def published() -> list[Published]:
    """All runs in results/, by game and name."""
    return [read(path.parent) for path in sorted(RESULTS.glob("*/*/run.json"))]


def read(folder: Path) -> Published:
    """A folder of results/. UserError if a file is missing."""
    for name in FILES:
        if not (folder / name).is_file():
            raise UserError(f"{folder} is incomplete: it has no {name}")
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    found = json.loads((folder / "evaluations.json").read_text(encoding="utf-8"))["evaluations"]
    with (folder / "curve.csv").open(encoding="utf-8", newline="") as file:
        rows = [{key: float(text) if text else None for key, text in row.items()} for row in csv.DictReader(file)]
    return Published(folder, run, tuple(Measured(**each) for each in found), tuple(rows))


def add(
    run_folder: Path, commit: str, notes: Sequence[str], evaluations: Iterable[Path], name: str | None = None
) -> Path:
    """Make the folder of a run in results/, or make it anew; its path.

    evaluations: files with what `evaluate` printed of this run's agents, with or without --json. name: of the folder,
    in place of ALGO_PRESET_seed_N, which two runs may share. UserError if something of the run is missing, it was never
    evaluated, an evaluation is another agent's, or another run has the folder's name.
    """
    run = RunFolder.at(run_folder)
    results = read_results(run.path / "results.json")
    measured = [*_in_training(results), *(_of_file(path, run, results) for path in evaluations)]
    if not measured:
        raise UserError(f"{run.path} has no evaluation in training, and no other is given: there is no score to tell")
    told = _told(results, run, commit, notes)
    folder = RESULTS / str(told["game"]) / (name or _name(results.algo, results.preset, results.seed))
    if (folder / "run.json").is_file() and read(folder).run["started"] != told["started"]:
        raise UserError(f"{folder} is that of another run; give this one another --name")
    contents = {
        "config.yml": run.config.read_text(encoding="utf-8"),
        "curve.csv": _curve(run.path / "progress.csv", measured, results),
        "evaluations.json": json.dumps({"evaluations": [asdict(each) for each in measured]}, indent=1) + "\n",
        "run.json": json.dumps(told, indent=1) + "\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in contents.items():
        write_atomically(folder / file, content)
    return folder


def _name(algo: str, preset: str | None, seed: int) -> str:
    of_preset = "" if preset is None else f"_{preset.replace('-', '_')}"
    return f"{algo}{of_preset}_seed_{seed}"


def _told(results: RunResults, run: RunFolder, commit: str, notes: Sequence[str]) -> dict[str, Any]:
    """What run.json says."""
    env = resolve(results.env)
    planned = int(yaml.safe_load(run.config.read_text(encoding="utf-8"))["n_timesteps"])
    if env.family != ATARI:
        raise UserError(f"results/ keeps runs of Atari's games, and this is one of {results.env}")
    return {
        "game": env.game,
        "algo": results.algo,
        "env": results.env,
        "preset": results.preset,
        "seed": results.seed,
        "command": repeatable(results.command),
        "commit": commit,
        "started": results.started.isoformat(timespec="seconds"),
        "hours": round(results.seconds / 3600, 3),
        "agent_steps": results.agent_steps,
        "planned_agent_steps": planned,
        "frames": results.frames,
        "updates": results.updates,
        "agent_steps_per_second": round(results.agent_steps_per_second, 1),
        "seconds_spent": {what: round(seconds, 1) for what, seconds in results.seconds_spent.items()},
        "most_memory": results.most_memory,
        "finished": results.finished,
        "machine": asdict(results.machine),
        "versions": asdict(results.versions),
        "notes": list(notes),
    }


def _in_training(results: RunResults) -> list[Measured]:
    return [
        Measured(
            TRAINING,
            each.agent_steps,
            each.protocol,
            len(each.episodes),
            *_rounded(each.mean, each.std),
            repeat_action_probability=each.repeat_action_probability,
        )
        for each in results.evaluations
    ]


def _of_file(path: Path, run: RunFolder, results: RunResults) -> Measured:
    """The evaluation that `evaluate` has printed into the file. UserError if it is none of this run."""
    with plain_os_errors(f"cannot read {path}"):
        text = path.read_text(encoding="utf-8")
    try:
        printed = _printed(text)
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path} is not what `evaluate` prints of an agent") from None
    networks = {run.final_model.name: (LAST, run.final_model, results.agent_steps)}
    if results.best is not None:
        networks[run.best_model.name] = (BEST, run.best_model, results.best.agent_steps)
    if printed.agent.name not in networks:
        raise UserError(f"{path} is of {printed.agent.name}, which is neither the run's best nor its last network")
    network, file, agent_steps = networks[printed.agent.name]
    _check_same(path, printed, file, agent_steps)
    scores = _rounded(printed.mean, printed.std)
    return Measured(
        network, agent_steps, printed.protocol, printed.games, *scores, printed.seed, printed.repeat_action_probability
    )


@dataclass(frozen=True)
class _Printed:
    """What `evaluate` has printed of an agent. sha256: of its file, or the first digits; '' if it has printed none."""

    agent: Path
    sha256: str
    agent_steps: int | None
    games: int
    protocol: str
    seed: int
    mean: float
    std: float
    repeat_action_probability: float | None = None


def _printed(text: str) -> _Printed:
    """KeyError, TypeError or ValueError for another text."""
    last_line = (text.strip().splitlines() or [""])[-1]
    if last_line.startswith("{"):
        said = json.loads(last_line)
        names = ("protocol", "seed", "mean", "std")
        sha256, agent_steps = str(said.get("agent_sha256", "")), said.get("agent_steps")
        sticky, scores = said.get("repeat_action_probability"), {name: said[name] for name in names}
        return _Printed(
            Path(said["agent"]), sha256, agent_steps, len(said["episodes"]), **scores, repeat_action_probability=sticky
        )
    first, score = _FIRST_LINE.search(text), _SCORE_LINE.search(text)
    if first is None or score is None:
        raise ValueError(text)
    file = _FILE_LINE.search(text)
    return _Printed(
        agent=Path(first["agent"]),
        sha256="" if file is None else file["sha256"],
        agent_steps=None if file is None or file["agent_steps"] is None else _whole(file["agent_steps"]),
        games=_whole(score["games"]),
        protocol=score["protocol"],
        seed=int(score["seed"]),
        mean=float(score["mean"]),
        std=float(score["std"]),
    )


def _whole(digits: str) -> int:
    return int(digits.replace(",", ""))


def _check_same(path: Path, printed: _Printed, file: Path, agent_steps: int) -> None:
    """UserError unless what was measured is just this file of the run, after so many agent steps."""
    if not re.fullmatch(r"[0-9a-f]{12,64}", printed.sha256):
        raise UserError(f"{path} does not say the SHA-256 of {printed.agent}: an older `evaluate`'s; measure it again")
    with plain_os_errors(f"cannot read {file}"):
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    if not found.startswith(printed.sha256):
        digits = len(printed.sha256)
        raise UserError(
            f"{path} is of {printed.agent} with SHA-256 {printed.sha256}, which is no agent of {file.parent}: "
            f"{file.name} there has {found[:digits]}"
        )
    if printed.agent_steps not in (None, agent_steps):
        raise UserError(
            f"{path} is of a network after {printed.agent_steps:,} agent steps; by its results.json the run's "
            f"{file.name} is one after {agent_steps:,}"
        )


def _rounded(mean: float, std: float) -> tuple[float, float, float]:
    """Mean, std, and their difference."""
    return round(mean, _DIGITS), round(std, _DIGITS), round(mean - std, _DIGITS)


def _curve(progress: Path, measured: Iterable[Measured], results: RunResults) -> str:
    """The rows of curve.csv: training means at equal distances, and every evaluation of the training."""
    with plain_os_errors(f"cannot read {progress}"):
        rows = list(csv.DictReader(io.StringIO(progress.read_text(encoding="utf-8"))))
    means = {int(row["time/total_timesteps"]): row["rollout/ep_rew_mean"] for row in rows if row["rollout/ep_rew_mean"]}
    steps = list(means)
    wanted = min(len(steps), _MOST_ROWS)
    kept = {steps[round(at * (len(steps) - 1) / max(wanted - 1, 1))] for at in range(wanted)}
    scores = {each.agent_steps: each.mean for each in measured if each.network == TRAINING}
    frames = results.frames // results.agent_steps if results.agent_steps else 1
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for at in sorted(kept | scores.keys()):
        mean = f"{float(means[at]):.{_DIGITS}f}" if at in means and at in kept else ""
        writer.writerow([at, at * frames, mean, scores.get(at, "")])
    return out.getvalue()
