"""What a run has played so far: its training games and its evaluations, from our folders and from RL-Zoo's."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dqn_zoo_ext.config.of_run import plain_run_file
from dqn_zoo_ext.envs.ids import ATARI, resolve_folder
from dqn_zoo_ext.errors import UserError, first_line
from dqn_zoo_ext.storage.atomic import plain_os_errors
from dqn_zoo_ext.storage.run_folder import RunFolder

Numbers = npt.NDArray[np.float64]

_FRAMES_PER_AGENT_STEP = 4  # of Atari, unless a configuration says otherwise


@dataclass(frozen=True)
class TrainingGames:
    """Games in the order in which they ended, all arrays (n,).

    scores: raw. agent_steps: of all environments together when the game ended, counted from where the run began: they
    step together, so a game that was the first of one of 8 ended after 8 times its own steps. Of a file with the games
    of several environments that does not say whose each was (of an earlier version), the fewest that can have been:
    games under way are left out but for the longest so far. seconds: since the run began.
    """

    scores: Numbers
    agent_steps: Numbers
    seconds: Numbers


@dataclass(frozen=True)
class Evaluations:
    """agent_steps: (n,) of training before each evaluation; scores: (n, games), raw."""

    agent_steps: Numbers
    scores: Numbers


@dataclass(frozen=True)
class RunHistory:
    """One run. At least one of `games` and `evaluations` is there.

    env: the name in the folder, e.g. ``SpaceInvadersNoFrameskip-v4``, ``ALE-Pong-v5``. game: the ROM's name, None
    outside Atari. protocol: what its evaluations were played by; None if it does not say (RL-Zoo's do not).
    configuration: the text of config.yml: runs in which it is the same differ in the seed only.
    """

    folder: Path
    algo: str
    env: str
    game: str | None
    frames_per_agent_step: int
    protocol: str | None
    configuration: str
    games: TrainingGames | None
    evaluations: Evaluations | None


def read_history(folder: Path) -> RunHistory:
    """The history of the run in `folder`, ``LOG_FOLDER/ALGO/ENV_N``, ours or RL-Zoo's.

    UserError, one line, if it is no run, has played nothing that was logged, or a file in it is damaged.
    """
    run = RunFolder.at(folder)
    text = _text_of(run.config)
    settings = _settings(run.config)
    ours = settings.get("complete") is True
    game = _game_of(run.env)
    frame_skip = _frame_skip(settings) if game is not None else 1
    evaluations = read_evaluations(run.evaluations) if run.evaluations.is_file() else None
    games = read_games(run.path, _n_envs(settings) if ours else 1)
    if games is not None and game is not None and not ours:
        # RL-Zoo's Monitor lies below the frame skip and counts emulator frames
        games = TrainingGames(games.scores, games.agent_steps / frame_skip, games.seconds)
    if games is None and evaluations is None:
        raise UserError(f"run {str(folder)!r} has no evaluations.npz, and no finished game in a monitor.csv")
    return RunHistory(
        folder=run.path,
        algo=run.algo,
        env=run.env,
        game=game,
        frames_per_agent_step=frame_skip,
        protocol=str(settings["eval_protocol"]) if ours and "eval_protocol" in settings else None,
        configuration=text,
        games=games,
        evaluations=evaluations,
    )


def read_evaluations(path: Path) -> Evaluations | None:
    """``evaluations.npz`` as SB3's EvalCallback writes it; None if it holds none. UserError if it is damaged."""
    try:
        with plain_os_errors(f"cannot read {path}"), np.load(path, allow_pickle=False) as file:
            steps, scores = (np.asarray(file[name], dtype=np.float64) for name in ("timesteps", "results"))
    except UserError:
        raise
    except Exception as error:  # numpy lets through whatever a part of it raises: for sizes that no machine has too
        raise UserError(f"{path} is cut short or damaged: {first_line(error)}") from error
    if steps.size == 0:
        return None
    if steps.ndim != 1 or scores.ndim != 2 or len(steps) != len(scores) or scores.shape[1] == 0:
        raise UserError(
            f"{path} is damaged: timesteps of shape {steps.shape} do not belong to results of shape {scores.shape}"
        )
    if not (np.isfinite(steps).all() and np.isfinite(scores).all() and (np.diff(steps) >= 0).all()):
        raise UserError(f"{path} is damaged: timesteps must ascend, and all numbers be finite")
    return Evaluations(steps, scores)


def read_games(folder: Path, n_envs: int = 1) -> TrainingGames | None:
    """The games in all ``N.monitor.csv`` of a run, in the order in which they ended; None if there are none.

    n_envs: how many environments a single file is of; of several files each is of one. UserError with the line for
    whatever is no game, except a last line that is still being written.
    """
    parts = [_read_monitor(path) for path in sorted(folder.glob("*.monitor.csv"))]
    if not any(len(games) for _, games in parts):
        return None
    if len(parts) > 1:
        n_envs = len(parts)
    began = min(began for began, _ in parts)
    games = np.concatenate([_ended(part, n_envs, start - began, alone=len(parts) > 1) for start, part in parts])
    games = games[np.lexsort((games[:, 2], games[:, 1]))]
    return TrainingGames(*games.T)


def _ended(part: Numbers, n_envs: int, later: float, alone: bool) -> Numbers:
    """(n, 3) score, agent steps of all environments at the end, seconds, of (n, 4) rows. alone: all of one."""
    scores, lengths, seconds, envs = part.T
    together = np.cumsum(lengths)
    if alone:
        agent_steps = n_envs * together
    elif np.isnan(envs).any():
        agent_steps = np.maximum(together, n_envs * np.maximum.accumulate(lengths)) if len(part) else together
    else:
        agent_steps = np.empty(len(part))
        for env in np.unique(envs):
            agent_steps[envs == env] = n_envs * np.cumsum(lengths[envs == env])
    return np.stack([scores, agent_steps, seconds + later], axis=1)


def _read_monitor(path: Path) -> tuple[float, Numbers]:
    """When the file's clock began, and (n, 4): score, length, seconds, number of the environment or not a number."""
    lines = _text_of(path).splitlines(keepends=True)
    try:
        began = float(json.loads(lines[0].removeprefix("#"))["t_start"])
        columns = next(csv.reader(lines[1:2]))
        places = [columns.index(name) for name in ("r", "l", "t", *(["env"] if "env" in columns else []))]
    except (ValueError, KeyError, TypeError, IndexError, StopIteration):
        raise UserError(f"{path} is no monitor file: it must begin with a line of JSON and 'r,l,t'") from None
    games = []
    for number, line in enumerate(lines[2:], start=3):
        try:
            words = next(csv.reader(io.StringIO(line)))
            game = [float(words[place]) for place in places]
            if not np.isfinite(game).all():
                raise ValueError
        except (ValueError, IndexError, StopIteration, csv.Error):
            if number == len(lines) and not line.endswith("\n"):
                break  # the run is being written, or was killed
            given = f"{line.strip()!r:.60}"
            raise UserError(f"{path}:{number}: a game is a score, a length and a time, not {given}") from None
        games.append([*game, np.nan][:4])
    return began, np.array(games, dtype=np.float64).reshape(-1, 4)


def _text_of(path: Path) -> str:
    with plain_os_errors(f"cannot read {path}"):
        content = path.read_bytes() if path.is_file() else b""
    return content.decode("utf-8", errors="replace")


def _settings(path: Path) -> dict[str, Any]:
    """What config.yml says; nothing if it cannot be read as plain data: the scores beside it still can be drawn."""
    try:
        return plain_run_file(path)
    except UserError:
        return {}


def _frame_skip(settings: dict[str, Any]) -> int:
    given = settings.get("preprocessing_kwargs")
    skip = given.get("frame_skip") if isinstance(given, dict) else None
    return skip if isinstance(skip, int) and skip > 0 else _FRAMES_PER_AGENT_STEP


def _n_envs(settings: dict[str, Any]) -> int:
    given = settings.get("n_envs")
    return given if isinstance(given, int) and given > 0 else 1


def _game_of(folder_name: str) -> str | None:
    try:
        env = resolve_folder(folder_name)
    except UserError:  # of a package that is not installed here: its scores can be drawn all the same
        return None
    return env.game if env.family == ATARI else None
