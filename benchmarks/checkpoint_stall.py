"""What checkpoints cost a training with a million transitions in its replay.

``python benchmarks/checkpoint_stall.py``: pairs of trainings of equal length, with checkpoints and without, in turn, on
Space Invaders with the shipped hyperparameters. Prints one JSON object last, and writes it to --output.
"""

import statistics
import tempfile
import time
from pathlib import Path

from reporting import parser_of, publish, whole_number
from rich.console import Console

import dqn_zoo_ext.algorithms
import dqn_zoo_ext.envs
import dqn_zoo_ext.learning  # noqa: F401  # the three register what they hold
from dqn_zoo_ext.callbacks import ExactCheckpoint, Progress
from dqn_zoo_ext.config.load import load
from dqn_zoo_ext.envs.ids import resolve
from dqn_zoo_ext.experiment.assemble import assemble
from dqn_zoo_ext.experiment.live_run import LiveRun
from dqn_zoo_ext.experiment.options import DEFAULT_SAVE_FREQ, RunOptions
from dqn_zoo_ext.learning.replay import FrameRing
from dqn_zoo_ext.storage.run_folder import RunFolder

_REAL_ROWS = 4_000  # rows played by chance; the ring is filled with them again and again


def main() -> None:
    """Measure and print."""
    parser = parser_of("checkpoint_stall", __doc__)
    parser.add_argument("--pairs", type=whole_number(1), default=3)
    parser.add_argument("--agent-steps", type=whole_number(1), default=8_000, help="of each training")
    parser.add_argument("--save-freq", type=whole_number(1), default=4_000, help="agent steps between checkpoints")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run, exact = _filled(Path(folder), options.save_freq)
        began = time.monotonic()
        exact.save()  # the whole ring, once: what a run writes in small parts while the ring fills
        snapshot_seconds = time.monotonic() - began
        exact.wait()
        whole_ring_seconds = time.monotonic() - began
        disk_bytes = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        pairs = []
        for pair in range(options.pairs):
            seconds, waited = {}, exact.seconds_waited
            for checkpoints in (True, False) if pair % 2 == 0 else (False, True):
                seconds[checkpoints] = _seconds(run, options.agent_steps, [exact] if checkpoints else [])
            pairs.append((seconds[True], seconds[False], exact.seconds_waited - waited))
            print(f"{pairs[-1][0]:.1f} s with, {pairs[-1][1]:.1f} s without, {pairs[-1][2]:.2f} s waited", flush=True)
    slowdown = statistics.median(one / other for one, other, _ in pairs) - 1
    found = {
        "transitions_in_ring": 1_000_000,
        "agent_steps": options.agent_steps,
        "save_freq": options.save_freq,
        "pairs_of_seconds": [[round(number, 2) for number in pair] for pair in pairs],
        "slowdown_at_this_frequency": round(slowdown, 4),
        "share_waited_at_this_frequency": round(statistics.median(waited / one for one, _, waited in pairs), 4),
        "snapshot_seconds": round(snapshot_seconds, 3),
        "whole_ring_seconds": round(whole_ring_seconds, 1),
        "disk_bytes": disk_bytes,
        "default_save_freq": DEFAULT_SAVE_FREQ,
    }
    publish("checkpoint_stall", found, options.output)


def _filled(folder: Path, save_freq: int) -> tuple[LiveRun, ExactCheckpoint]:
    configuration = load("dqn", resolve("SpaceInvaders"), overrides={"learning_starts": 0})
    options = RunOptions(log_folder=folder, seed=1, save_freq=save_freq, eval_freq=-1, verbose=0)
    claimed = RunFolder.claim(folder, "dqn", configuration.env.folder_name)
    silent = Progress(Console(quiet=True), live=False)
    run, exact, _ = assemble(configuration, options, claimed, silent, stop_asked=lambda: False)
    exact.init_callback(run.model)
    run.model.learn(8)
    ring, venv = run.model.replay_buffer, run.model.env
    assert isinstance(ring, FrameRing)
    assert venv is not None
    obs, rows = run.model._last_obs, []
    for _ in range(_REAL_ROWS):
        actions = run.model.exploration_rng.integers(run.model._n_actions, size=venv.num_envs)
        new_obs, rewards, dones, infos = venv.step(actions)
        rows.append((obs, new_obs, actions, rewards, dones, infos))
        obs = new_obs
    run.model._last_obs = obs
    for index in range(ring.rows):
        ring.add(*rows[index % len(rows)])  # type: ignore[arg-type]  # arrays, as SB3's annotations have them
    return run, exact


def _seconds(run: LiveRun, agent_steps: int, callbacks: list[ExactCheckpoint]) -> float:
    began = time.monotonic()
    run.model.learn(agent_steps, callback=[*callbacks], log_interval=None, reset_num_timesteps=False)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
